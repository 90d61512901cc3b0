// Decides how contents and SHA-256 are answered from files alone.
import type { FileTree } from "../model/tree.ts";
import type { Contents, NoContents } from "./file-bytes.ts";
import { failedProbe } from "./unanswered.ts";

/** For `fileContents.fromTree`: at most `most` bytes of each. */
export function contentsFromTree(
  tree: FileTree,
  paths: readonly string[],
  most: number,
): Promise<readonly (Contents | NoContents | Error)[]> {
  return tree.read(paths, most);
}

/** Far more than any file of this kind has: a bigger one is not read, and the probe says so. */
const mostText = 64 * 1024 * 1024;

/** Text files of a tree that answers are made of; `undefined` where there is none. A file that cannot be read whole is thrown. */
export async function textsOf(tree: FileTree, paths: readonly string[]): Promise<readonly (string | undefined)[]> {
  const read = await tree.read(paths, mostText);
  return read.map((seen, at) => {
    if (seen instanceof Error) throw seen;
    if ("nothing" in seen) {
      if (seen.nothing === "absent") return undefined;
      throw failedProbe(`cannot read ${paths[at]}`, "it is not a regular file");
    }
    if (!seen.whole) throw failedProbe(`cannot read ${paths[at]}`, `it has more than ${mostText} bytes`);
    return seen.bytes.toString("utf8");
  });
}
