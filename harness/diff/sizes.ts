// Decides how much two images differ in size, by package and by directory. Pure. Refuses to know of hard links: a file counts at each name.
import { isRegular } from "./entries.ts";
import type { DiffSize } from "./image-diff.ts";
import type { Snapshot } from "./snapshot.ts";

/** Of files that no package brought. */
export const unowned = "(no package)";

export function sizesOf(old: Snapshot, now: Snapshot): { packages: DiffSize[]; directories: DiffSize[] } {
  const by = (word: (path: string, side: Snapshot) => string) => {
    const [before, after] = [old, now].map((side) => summed(side, (path) => word(path, side))) as [Sums, Sums];
    return [...new Set([...before.keys(), ...after.keys()])]
      .map((name) => ({ name, old: before.get(name) ?? 0, new: after.get(name) ?? 0 }))
      .filter((each) => each.old !== each.new)
      .sort((a, b) => Math.abs(b.new - b.old) - Math.abs(a.new - a.old) || (a.name < b.name ? -1 : 1));
  };
  return { packages: by((path, { owners }) => owners.get(path) ?? unowned), directories: by(directoryOf) };
}

type Sums = ReadonlyMap<string, number>;

function summed({ paths }: Snapshot, word: (path: string) => string): Sums {
  const sums = new Map<string, number>();
  for (const [path, entry] of paths) {
    if (!isRegular(entry)) continue;
    const name = word(path);
    sums.set(name, (sums.get(name) ?? 0) + entry.size);
  }
  return sums;
}

/** At most two steps down: `/usr/lib`. */
function directoryOf(path: string): string {
  const steps = path.split("/").slice(1, -1);
  return `/${steps.slice(0, 2).join("/")}`;
}
