// Decides how digests other than SHA-256, parts of files, and the loader's directories are answered from files alone. Files are read into
// memory for it, up to a limit; beyond it the answer is an error.
import { createHash } from "node:crypto";
import type { FileTree } from "../model/tree.ts";
import type { NoContents } from "./file-bytes.ts";
import type { SliceQuery } from "./file-slice.ts";
import { textsOf } from "./tree-bytes.ts";
import { failedProbe } from "./unanswered.ts";

/** Programs are read up to here; the biggest of an image is about as big. */
const mostBytes = 256 * 1024 ** 2;

/** For `fileDigest[kind].fromTree`; one file after the other, so that one is in memory. */
export async function digestsFromTree(
  tree: FileTree,
  kind: "md5" | "sha1" | "sha512",
  paths: readonly string[],
): Promise<readonly (string | NoContents | Error)[]> {
  const answers: (string | NoContents | Error)[] = [];
  for (const path of paths) {
    const [seen] = await tree.read([path], mostBytes);
    if (seen === undefined || seen instanceof Error)
      answers.push(seen ?? failedProbe(`cannot read ${path}`, "no answer"));
    else if ("nothing" in seen) answers.push(seen);
    else if (seen.whole) answers.push(createHash(kind).update(seen.bytes).digest("hex"));
    else answers.push(failedProbe(`cannot make the ${kind} of ${path}`, `it has more than ${mostBytes} bytes`));
  }
  return answers;
}

type Read = Awaited<ReturnType<FileTree["read"]>>[number];

/** Files of which parts were asked for, as far as they were read, of trees where each reading is costly. */
const kept = new WeakMap<FileTree, Map<string, { readonly end: number; readonly read: Read }>>();
/** Of a costly tree, a file is read at once as far as this; all libraries of an image are smaller. */
const readAhead = 16 * 1024 ** 2;
const mostKept = 64 * 1024 ** 2;

/** For `fileSlice.fromTree`. Parts of one file are cut from one reading of it. */
export async function slicesFromTree(
  tree: FileTree,
  queries: readonly SliceQuery[],
): Promise<readonly (Buffer | NoContents | Error)[]> {
  const ends = new Map<string, number>();
  for (const { path, at, length } of queries) ends.set(path, Math.max(ends.get(path) ?? 0, at + length));
  const held = tree.keepWhatIsRead === true ? (kept.get(tree) ?? new Map()) : new Map();
  if (tree.keepWhatIsRead === true) kept.set(tree, held);
  const missing = [...ends].filter(([path, end]) => end <= mostBytes && !((held.get(path)?.end ?? 0) >= end));
  const ahead = tree.keepWhatIsRead === true ? readAhead : 0;
  // By how far they are read: libraries in one passage, a big program by itself.
  for (const [end, paths] of Map.groupBy(missing, ([, far]) => Math.max(far, ahead))) {
    const seen = await tree.read(
      paths.map(([path]) => path),
      end,
    );
    for (const [index, [path]] of paths.entries()) held.set(path, { end, read: seen[index] as Read });
  }
  const answers = queries.map(({ path, at, length }) => {
    const { end = 0, read } = (held.get(path) ?? {}) as { readonly end?: number; readonly read?: Read };
    if (read === undefined || (end < at + length && "bytes" in read && !read.whole))
      return failedProbe(`cannot read a part of ${path}`, `it lies beyond the first ${mostBytes} bytes`);
    if (read instanceof Error) return read;
    return "nothing" in read ? read : read.bytes.subarray(at, at + length);
  });
  forgetOldest(held);
  return answers;
}

/** What was read first goes first. */
function forgetOldest(held: Map<string, { readonly end: number; readonly read: Read }>): void {
  const sizeOf = (read: Read) => ("bytes" in read ? read.bytes.length : 0);
  let bytes = [...held.values()].reduce((sum, { read }) => sum + sizeOf(read), 0);
  for (const [path, { read }] of held) {
    if (bytes <= mostKept) return;
    bytes -= sizeOf(read);
    held.delete(path);
  }
}

/** For `loaderDirectories.fromTree`: lines of ld.so.conf and of the files of ld.so.conf.d that are directories. */
export async function loaderDirectoriesFromTree(tree: FileTree): Promise<readonly string[]> {
  const [listed] = await tree.list(["/etc/ld.so.conf.d"]);
  if (listed instanceof Error) throw listed;
  const parts = (listed ?? []).filter((name) => name.endsWith(".conf")).map((name) => `/etc/ld.so.conf.d/${name}`);
  return directoriesIn((await textsOf(tree, ["/etc/ld.so.conf", ...parts])).join("\n"));
}

/** Absolute directories, one a line; comments and `include` are passed over. */
export function directoriesIn(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line.startsWith("/"));
}
