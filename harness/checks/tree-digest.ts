// Decides how contents are digested from files alone where it is not SHA-256 that is asked for: packagers' sums. Refuses to hold more than some
// files at once.
import { createHash } from "node:crypto";
import type { FileTree } from "../model/tree.ts";
import { failedProbe } from "./unanswered.ts";

/** Bytes that are held at once; a single file may be as big. SHA-256 holds none. */
const mostBytes = 128 * 1024 ** 2;

/**
 * Lower-case hexadecimal digests by path, of a kind that `node:crypto` has. Sizes say how many files are read together. What cannot be read
 * is an `Error`; what is no regular file is left out. Links are followed.
 */
export async function contentDigests(
  tree: FileTree,
  sizes: ReadonlyMap<string, number>,
  kind: string,
): Promise<ReadonlyMap<string, string | Error>> {
  const digests = new Map<string, string | Error>();
  if (kind === "sha256") {
    const paths = [...sizes.keys()];
    for (const [at, seen] of (await tree.sha256(paths)).entries())
      if (typeof seen === "string" || seen instanceof Error) digests.set(paths[at] ?? "", seen);
    return digests;
  }
  const groups: { bytes: number; readonly paths: string[] }[] = [];
  for (const [path, size] of sizes) addTo(groups, path, size);
  // Each reading of an archive is a passage over it: as many files at once as memory may hold.
  for (const { paths } of groups)
    for (const [at, read] of (await tree.read(paths, mostBytes)).entries()) {
      const path = paths[at] ?? "";
      if (read instanceof Error) digests.set(path, read);
      else if ("bytes" in read)
        digests.set(
          path,
          read.whole
            ? createHash(kind).update(read.bytes).digest("hex")
            : failedProbe(`cannot verify ${path}`, `it has more than ${mostBytes} bytes`),
        );
    }
  return digests;
}

function addTo(groups: { bytes: number; readonly paths: string[] }[], path: string, size: number): void {
  const last = groups.at(-1);
  if (last === undefined || last.bytes + size > mostBytes) groups.push({ bytes: size, paths: [path] });
  else {
    last.bytes += size;
    last.paths.push(path);
  }
}
