// Decides how a daemon's process is found without asking it.
import { readdirSync, readFileSync } from "node:fs";

/** Pid of a process of this name that is in this mount namespace's `/proc`; of the lowest number, where there are several. */
export function livingProcess(name: string): number | undefined {
  const pid = readdirSync("/proc").find(
    (entry) => /^\d+$/.test(entry) && textOf(`/proc/${entry}/comm`) === `${name}\n`,
  );
  return pid === undefined ? undefined : Number(pid);
}

/** `undefined` for a file that is not there, may not be read, or went away meanwhile. */
export function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
