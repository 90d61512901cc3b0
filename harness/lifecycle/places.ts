// Decides which files of a run lie outside the ledger, who they belong to, and when they may go.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { liveness } from "../model/identity.ts";

const ownerFile = ".owner";

/** Where the runs of one state directory keep their files: `<scratch>/<run>/` and the path of their event socket. */
export interface Places {
  /** Directory with one directory a run, for the files of its environments. */
  readonly scratch: string;
  /** Path of a run's event socket. */
  readonly socket: (run: string) => string;
}

/** Makes a run's directory, with its owner's identity in it, so that it is recognised without a ledger. Answers its path. */
export function occupy(places: Places, run: string, identity: string): string {
  const directory = join(places.scratch, run);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  writeFileSync(join(directory, ownerFile), identity, { mode: 0o600 });
  return directory;
}

/**
 * Removes a run's directory and socket. Gone is success. Throws when something is mounted below the directory: what is
 * mounted there belongs to somebody.
 */
export function vacate(places: Places, run: string): void {
  const directory = join(places.scratch, run);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((point) => point === directory || point.startsWith(`${directory}/`));
  if (mounts.length > 0)
    throw new Error(`${directory} is kept: ${mounts.join(", ")} is still mounted; umount it first`);
  rmSync(directory, { recursive: true, force: true });
  rmSync(places.socket(run), { force: true });
}

/** Runs that have a directory here, whose owner is dead on this machine. One without an owner file is not ours to judge. */
export function abandoned(places: Places): string[] {
  return occupants(places).filter((run) => {
    try {
      return liveness(readFileSync(join(places.scratch, run, ownerFile), "utf8")) === "dead";
    } catch {
      return false;
    }
  });
}

function occupants(places: Places): string[] {
  try {
    return readdirSync(places.scratch);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
