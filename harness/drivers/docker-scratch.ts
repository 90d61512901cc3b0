// Decides how directories for scratch mounts are made and removed on the machine that an engine runs on, and that none outside
// the place for them is ever touched.
import { chmod, chown, mkdir, rm, rmdir } from "node:fs/promises";
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
}

/** On this host, below `scratch` and nowhere else. Parents that are empty then go, too. */
export function hostDirectories(scratch: string): Directories {
  const root = resolve(scratch);
  const inside = (path: string) => {
    if (resolve(path) === path && path.startsWith(`${root}/`)) return;
    throw new ProvisionError({
      code: "outside-scratch",
      phase: "destroy",
      node: path,
      seen: `${path} is not below ${root}; it is left alone`,
    });
  };
  return {
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

/** In a virtual machine, by its shell. They go with the machine's disk, so nobody need remove them. */
export function carriedDirectories(carrier: Node): Directories {
  return {
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
