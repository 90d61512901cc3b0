// Decides which files a Dockerfile's builder gets: what `.dockerignore` lets through, links as links. Refuses what is neither file,
// directory nor link, and more than anybody means.
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { type DeclarationError, messageOf } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { hashFile } from "./canonical.ts";
import type { ContextFiles, FileFact } from "./context-files.ts";

/** A context with more is a mistake, most likely: a directory that `.dockerignore` should name. */
const most = { files: 100_000, bytes: 4 * 1024 ** 3 };

/** Makes the error of a code, what was seen, and a hint. */
export type Refused = (code: string, seen: string, hint?: string) => DeclarationError;

/** What a builder gets of a context. Links are kept as links and never followed, as builders do: where they lead does not count. */
export async function dockerContext(directory: string, file: string, refused: Refused): Promise<ContextFiles> {
  const found = new Map<string, FileFact>();
  const isIgnored = ignoring(directory, refused);
  let bytes = 0;
  const visit = async (path: string): Promise<void> => {
    const full = join(directory, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) {
      const vanished = path.includes("\uFFFD");
      throw vanished
        ? refused("bad-file", `a name in ${directory} is not valid UTF-8: ${JSON.stringify(path)}`)
        : missing(full, refused);
    }
    if (stat.isDirectory()) {
      if (path !== "" && !isIgnored(path)) found.set(path, { directory: true });
      for (const name of readdirSync(full).sort()) await visit(join(path, name));
      return;
    }
    if (path !== file && isIgnored(path)) return;
    bytes += stat.isFile() ? stat.size : 0;
    if (found.size >= most.files || bytes > most.bytes)
      throw refused(
        "context-too-large",
        `${directory} has more than ${most.files} files or 4 GiB`,
        "name what is not needed in its .dockerignore",
      );
    if (stat.isSymbolicLink()) found.set(path, { link: readlinkSync(full) });
    else if (stat.isFile())
      found.set(path, { sha256: await hashFile(full, stat.size), mode: (stat.mode & 0o100) === 0 ? "0644" : "0755" });
    else
      throw refused(
        "bad-file",
        `"${path}" is neither a file, a directory nor a symbolic link`,
        "name it in .dockerignore",
      );
  };
  await visit("");
  if (!found.has(file)) await visit(file);
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function missing(full: string, refused: Refused): DeclarationError {
  const parent = dirname(full);
  const guess = nearest(basename(full), existsSync(parent) ? readdirSync(parent) : []);
  return refused(
    "missing-file",
    `there is no "${basename(full)}" in ${parent}`,
    guess === undefined ? undefined : `did you mean "${guess}"?`,
  );
}

/** The rules of a context's `.dockerignore`, read by the library that has docker's own matching. */
function ignoring(directory: string, refused: Refused): (path: string) => boolean {
  let rules: string;
  try {
    rules = readFileSync(join(directory, ".dockerignore"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return () => false;
    // What it was to keep out may be a secret.
    throw refused("bad-file", `${join(directory, ".dockerignore")} cannot be read: ${messageOf(error)}`);
  }
  // Its types are of another module system than ours.
  const dockerignore = createRequire(import.meta.url)("@balena/dockerignore") as () => {
    add(rules: string): { ignores(path: string): boolean };
  };
  const matcher = dockerignore().add(rules);
  return (path) => matcher.ignores(path);
}
