// Decides how directories for scratch mounts are made and removed on the machine that an engine runs on, and that none outside
// the place for them is ever touched.
import { access, chmod, chown, mkdir, rm, rmdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ScratchMount } from "../model/container.ts";
import { ProvisionError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";

/** Directories by absolute path. */
export interface Directories {
  /** Makes an empty directory; `created` is told as soon as it is there. */
  make(path: string, wanted: Pick<ScratchMount, "owner" | "mode">, created: () => void): Promise<void>;
  /** Removes it with all that is in it. Gone is success. */
  remove(path: string): Promise<void>;
  /** Whether a path of that machine is there. Rejects with what kept it from being looked at. */
  has(path: string): Promise<boolean>;
}

/** Refuses what is not below `root`. */
function below(root: string): (path: string) => void {
  return (path) => {
    if (resolve(path) === path && path.startsWith(`${root}/`)) return;
    throw new ProvisionError({
      code: "outside-scratch",
      phase: "destroy",
      node: path,
      seen: `${path} is not below ${root}; it is left alone`,
    });
  };
}

/** On this host, below `scratch` and nowhere else. Parents that are empty then go, too. */
export function hostDirectories(scratch: string): Directories {
  const root = resolve(scratch);
  const inside = below(root);
  return {
    has: (path) =>
      access(path).then(
        () => true,
        (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : Promise.reject(error)),
      ),
    async make(path, { owner, mode }, created) {
      inside(path);
      await mkdir(path, { recursive: true });
      created();
      await chown(path, owner.uid, owner.gid);
      await chmod(path, mode);
    },
    async remove(path) {
      inside(path);
      await rm(path, { recursive: true, force: true });
      // The run's own directories go with the last of what is in them.
      for (let parent = dirname(path); parent !== root && parent.startsWith(`${root}/`); parent = dirname(parent)) {
        const removed = await rmdir(parent).then(
          () => true,
          () => false,
        );
        if (!removed) return;
      }
    },
  };
}

/** On another machine, by its shell, below `scratch` there and nowhere else. Parents that are empty then go, too. */
export function remoteDirectories(scratch: string, machine: Node): Directories {
  const root = resolve(scratch);
  const inside = below(root);
  const { make, has } = carriedDirectories(machine);
  return {
    has,
    async make(path, wanted, created) {
      inside(path);
      await make(path, wanted, created);
    },
    async remove(path) {
      inside(path);
      await machine.succeed(["rm", "-rf", "--", path]);
      const parents: string[] = [];
      for (let parent = dirname(path); parent.startsWith(`${root}/`); parent = dirname(parent)) parents.push(parent);
      // One that is not empty stays, and so do those above it.
      await machine.exec(["rmdir", "--", ...parents]);
    },
  };
}

/** Where nobody has a shell on the engine's machine: everything is refused, with the reason. */
export function noDirectories(address: string): Directories {
  const refuse = () =>
    Promise.reject(
      new ProvisionError({
        code: "no-host",
        phase: "create",
        seen: `${address} is an engine on a machine that nothing else is known of: its directories can be neither made nor looked at`,
        hint: "reach the engine by ssh://user@host, or mount a volume",
      }),
    );
  return { make: refuse, remove: refuse, has: refuse };
}

/** In a virtual machine, by its shell. They go with the machine's disk, so nobody need remove them. */
export function carriedDirectories(carrier: Node): Directories {
  return {
    async has(path) {
      const { status, stderr } = await carrier.exec(["test", "-e", path]);
      if (status <= 1) return status === 0;
      throw new Error(`${path} on ${carrier.title}: test ended with status ${status}: ${stderr.trim()}`);
    },
    async make(path, { owner, mode }, created) {
      await carrier.succeed(["mkdir", "-p", "--", path]);
      created();
      await carrier.succeed(["chown", `${owner.uid}:${owner.gid}`, "--", path]);
      await carrier.succeed(["chmod", mode.toString(8), "--", path]);
    },
    async remove(path) {
      await carrier.succeed(["rm", "-rf", "--", path]);
    },
  };
}
