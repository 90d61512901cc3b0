// Decides whether QEMU, which libvirt's system daemon runs as a user of its own, can reach a directory of ours.
import { statSync } from "node:fs";
import { dirname } from "node:path";

/** Everybody may pass through it. `false` for what is not there or cannot be looked at. */
export function passable(directory: string): boolean {
  try {
    const seen = statSync(directory);
    return seen.isDirectory() && (seen.mode & 0o001) !== 0;
  } catch {
    return false;
  }
}

/** The outermost directory on the way to, and including, `directory` that not everybody may pass through. */
export function barrier(directory: string): string | undefined {
  const parent = dirname(directory);
  return (parent === directory ? undefined : barrier(parent)) ?? (passable(directory) ? undefined : directory);
}
