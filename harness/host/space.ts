// Decides whether there is disk and memory enough to build and run images, and says how much there is.
import { readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";

const GiB = 1024 ** 3;
/** A Debian image is a tree, an archive and an engine's layer: about 1 GiB for one with its base. */
const diskNeeded = 2 * GiB;
const memoryNeeded = GiB / 2;

/** Bytes for people. @example sayBytes(2147483648) // "2.0 GiB" */
export function sayBytes(bytes: number): string {
  return bytes >= GiB ? `${(bytes / GiB).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

/** The line of `assay doctor` about the file system that `path` is on, or will be on once it exists. */
export function diskFinding(what: string, path: string): Finding {
  let free: number;
  try {
    free = freeBytes(path);
  } catch (error) {
    return { what, needed: true, can: "unknown", detail: messageOf(error), cause: `${path} could not be asked` };
  }
  const detail = `${sayBytes(free)} free at ${path}`;
  if (free >= diskNeeded) return { what, needed: true, can: "yes", detail };
  return {
    what,
    needed: true,
    can: "no",
    detail,
    cause: `building an image takes up to ${sayBytes(diskNeeded)}`,
    remedy: "make room: npx assay gc, docker image prune; or set ASSAY_STATE to a directory on a larger disk",
  };
}

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path) throw error;
    return freeBytes(parent);
  }
}

/** `MemTotal` and `MemAvailable` in bytes from proc(5) meminfo; `undefined` where a line is missing. */
export function memoryIn(meminfo: string): { readonly total: number; readonly available: number } | undefined {
  const bytes = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  };
  const [total, available] = [bytes("MemTotal"), bytes("MemAvailable")];
  return total === undefined || available === undefined ? undefined : { total, available };
}

/** The line of `assay doctor` about memory. */
export function memoryFinding(meminfo: string): Finding {
  const about = { what: "memory", needed: true } as const;
  const memory = memoryIn(meminfo);
  if (memory === undefined)
    return { ...about, can: "unknown", detail: "/proc/meminfo without MemTotal or MemAvailable", cause: "unread" };
  const detail = `${sayBytes(memory.available)} available of ${sayBytes(memory.total)}`;
  if (memory.available >= memoryNeeded) return { ...about, can: "yes", detail };
  const cause = `building an image takes up to ${sayBytes(memoryNeeded)}`;
  return { ...about, can: "no", detail, cause, remedy: "end something, or use a larger machine" };
}

/** Reads the machine's memory. */
export function probeMemory(): Finding {
  try {
    return memoryFinding(readFileSync("/proc/meminfo", "utf8"));
  } catch (error) {
    return { what: "memory", needed: true, can: "unknown", detail: messageOf(error), cause: "/proc/meminfo unread" };
  }
}
