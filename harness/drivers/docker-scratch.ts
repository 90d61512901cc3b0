// Decides how directories for scratch mounts are made and removed on the machine that an engine runs on, and that none outside
// the place for them is ever touched.
import type { Stats } from "node:fs";
import { chmod, chown, mkdir, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BindMount, ScratchMount } from "../model/container.ts";
import { ProvisionError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";

/** A directory to be made: whose, and what is in it. */
export type Directory = Pick<ScratchMount, "owner" | "mode" | "files">;

/** Directories by absolute path. */
export interface Directories {
  /** Makes an empty directory; `created` is told as soon as it is there. */
  make(path: string, wanted: Directory, created: () => void): Promise<void>;
  /** Removes it with all that is in it. Gone is success. */
  remove(path: string): Promise<void>;
  /** Whether a path of that machine is there, and is what it has to be. Rejects with what kept it from being looked at. */
  has(path: string, is?: BindMount["is"]): Promise<boolean>;
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

const testOf: Record<NonNullable<BindMount["is"]>, string> = {
  directory: "-d",
  file: "-f",
  socket: "-S",
  "character device": "-c",
  "block device": "-b",
};

function kindOf(seen: Stats): BindMount["is"] {
  if (seen.isDirectory()) return "directory";
  if (seen.isFile()) return "file";
  if (seen.isSocket()) return "socket";
  if (seen.isCharacterDevice()) return "character device";
  return seen.isBlockDevice() ? "block device" : undefined;
}

/** On this host, below `scratch` and nowhere else. Parents that are empty then go, too. */
export function hostDirectories(scratch: string): Directories {
  const root = resolve(scratch);
  const inside = below(root);
  return {
    has: (path, is) =>
      stat(path).then(
        (seen) => is === undefined || kindOf(seen) === is,
        (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : Promise.reject(error)),
      ),
    async make(path, { owner, mode, files = {} }, created) {
      inside(path);
      await mkdir(path, { recursive: true });
      created();
      for (const [name, { content, encoding, mode: fileMode }] of Object.entries(files)) {
        await writeFile(join(path, name), Buffer.from(content, encoding));
        await chown(join(path, name), owner.uid, owner.gid);
        await chmod(join(path, name), fileMode);
      }
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
    async has(path, is) {
      const { status, stderr } = await carrier.exec(["test", is === undefined ? "-e" : testOf[is], path]);
      if (status <= 1) return status === 0;
      throw new Error(`${path} on ${carrier.title}: test ended with status ${status}: ${stderr.trim()}`);
    },
    async make(path, { owner, mode, files = {} }, created) {
      await carrier.succeed(["mkdir", "-p", "--", path]);
      created();
      for (const [name, { content, encoding, mode: fileMode }] of Object.entries(files)) {
        const file = `${path}/${name}`;
        await carrier.succeed(["dd", `of=${file}`], { stdin: Buffer.from(content, encoding) });
        await carrier.succeed(["chown", `${owner.uid}:${owner.gid}`, "--", file]);
        await carrier.succeed(["chmod", fileMode.toString(8), "--", file]);
      }
      await carrier.succeed(["chown", `${owner.uid}:${owner.gid}`, "--", path]);
      await carrier.succeed(["chmod", mode.toString(8), "--", path]);
    },
    async remove(path) {
      await carrier.succeed(["rm", "-rf", "--", path]);
    },
  };
}
