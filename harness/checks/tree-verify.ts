// Decides how it is seen from files alone which files of a package are not as it brought them: dpkg's lists and sums, apk's database, and
// of rpm by `tree-rpm-verify.ts`. The same files in the same order as the packagers' own verification tells. Refuses to call a package unmodified that brought no sums.
import { createHash } from "node:crypto";
import type { FileTree } from "../model/tree.ts";
import { type ApkFile, readApkFiles } from "./package-apk.ts";
import { readSubject } from "./package-facts.ts";
import type { ModifiedFile } from "./package-verify.ts";
import { textsOf } from "./tree-bytes.ts";
import { contentDigests } from "./tree-digest.ts";
import { apkText, dpkgTexts, packagesIn } from "./tree-package.ts";
import { verifyRpm } from "./tree-rpm-verify.ts";
import { failedProbe } from "./unanswered.ts";

const info = "/var/lib/dpkg/info";
const pieces = "/var/lib/dpkg/status.d";

/** What a package says of one of its paths: a sum where it has one. */
interface Brought {
  readonly path: string;
  readonly sum: string | undefined;
  readonly configuration: boolean;
}

/** For `modifiedFiles.fromTree`; `leftOut` reads dpkg's rules for paths that are never unpacked. */
export async function modifiedFromTree(
  tree: FileTree,
  subjects: readonly string[],
  leftOut: (rules: string) => (path: string) => boolean,
): Promise<readonly (readonly ModifiedFile[] | undefined | Error)[]> {
  const [dpkg, apk] = await Promise.all([dpkgTexts(tree), apkText(tree)]);
  const managerOf = (subject: string) => {
    const { by } = readSubject(subject);
    return by === "any" ? (dpkg.length > 0 ? "dpkg" : apk === undefined ? "rpm" : "apk") : by;
  };
  const [ofDpkg, ofApk, ofRpm] = await Promise.all([
    verifyDpkg(tree, dpkg, subjects.filter((each) => managerOf(each) === "dpkg").map(nameOf), leftOut),
    verifyApk(tree, apk, subjects.filter((each) => managerOf(each) === "apk").map(nameOf)),
    verifyRpm(tree, subjects.filter((each) => managerOf(each) === "rpm").map(nameOf)),
  ]);
  return subjects.map((subject) => {
    const [name, manager] = [nameOf(subject), managerOf(subject)];
    const found = { dpkg: ofDpkg, apk: ofApk, rpm: ofRpm }[manager];
    if (found instanceof Error) return found;
    const none =
      readSubject(subject).by === "any"
        ? "there is no database of dpkg, of apk or of rpm"
        : `there is no database of ${manager}`;
    return found === undefined ? failedProbe(`cannot verify ${name}`, `${none} with packages in it`) : found.get(name);
  });
}

function nameOf(subject: string): string {
  return readSubject(subject).name;
}

type Verified = ReadonlyMap<string, readonly ModifiedFile[] | undefined | Error>;

async function verifyDpkg(
  tree: FileTree,
  texts: readonly string[],
  names: readonly string[],
  leftOut: (rules: string) => (path: string) => boolean,
): Promise<Verified | undefined> {
  const packages = packagesIn(texts);
  // An empty database would call every package unknown: that is not an answer.
  if (packages.size === 0) return names.length === 0 ? new Map() : undefined;
  const known = names.filter((name) => packages.get(name)?.state === "installed");
  const stems = known.map((name) => {
    const [bare = ""] = name.split(":");
    return [bare, `${bare}:${packages.get(name)?.architecture}`];
  });
  const paths = stems.flatMap(([bare, whole]) => [
    ...[bare, whole].flatMap((stem) => [`${info}/${stem}.list`, `${info}/${stem}.md5sums`]),
    `${pieces}/${bare}.md5sums`,
  ]);
  const [read, rules, diverted] = await Promise.all([textsOf(tree, paths), rulesIn(tree), diversionsIn(tree)]);
  const excluded = leftOut(rules);
  const brought = known.map((name, at) => {
    const [list, sums, otherList, otherSums, piece] = read.slice(at * 5, at * 5 + 5);
    const told = readSums(sums ?? otherSums ?? piece ?? "");
    if (told.size === 0) return failedProbe(`cannot verify ${name}`, "the package brought no sums of its files");
    const configuration = conffilesOf(texts, name);
    const listed = (list ?? otherList)?.split("\n").filter((path) => path !== "" && path !== "/.");
    return (listed ?? [...told.keys()]).map((path) => ({
      path: diverted(path, name.split(":")[0] ?? ""),
      sum: configuration.get(path) ?? told.get(path),
      configuration: configuration.has(path),
    }));
  });
  const seen = await look(
    tree,
    brought.flatMap((each) => (each instanceof Error ? [] : each)),
    "md5",
  );
  return new Map<string, readonly ModifiedFile[] | undefined | Error>([
    ...names.map((name) => [name, undefined] as const),
    ...known.map((name, at) => {
      const files = brought[at];
      if (files === undefined || files instanceof Error) return [name, files] as const;
      return [name, judged(files, seen, excluded)] as const;
    }),
  ]);
}

async function verifyApk(
  tree: FileTree,
  text: string | undefined,
  names: readonly string[],
): Promise<Verified | undefined> {
  if (text === undefined) return names.length === 0 ? new Map() : undefined;
  const stanzas = new Map(text.split(/\n\n+/).map((stanza) => [/^P:(.*)$/m.exec(stanza)?.[1] ?? "", stanza]));
  const brought = new Map(
    names.filter((name) => stanzas.has(name)).map((name) => [name, readApkFiles(stanzas.get(name) ?? "")]),
  );
  const files = [...brought.values()].flat().map(ofApk);
  const seen = await look(tree, files, "sha1");
  return new Map<string, readonly ModifiedFile[] | undefined | Error>(
    names.map((name) => {
      const own = brought.get(name)?.map(ofApk);
      const unsummed = own?.find(({ path, sum }) => sum === undefined && typeof seen.get(path) === "string");
      if (unsummed !== undefined)
        return [name, failedProbe(`cannot verify ${unsummed.path}`, "apk's database has no SHA-1 of it")] as const;
      return [name, own === undefined ? undefined : judged(own, seen, () => false)] as const;
    }),
  );
}

function ofApk({ path, sha1, configuration }: ApkFile): Brought {
  return { path, sum: sha1, configuration };
}

/** What lies at each path: its digest where it is a file, of a link (apk) that of its target's text, `other`, or nothing. */
type Seen = ReadonlyMap<string, string | undefined | Error>;

async function look(tree: FileTree, files: readonly Brought[], kind: "md5" | "sha1"): Promise<Seen> {
  const paths = [...new Set(files.map(({ path }) => path))];
  const summed = new Set(files.filter(({ sum }) => sum !== undefined).map(({ path }) => path));
  const entries = await tree.look(paths);
  const seen = new Map<string, string | undefined | Error>();
  const sizes = new Map<string, number>();
  for (const [at, path] of paths.entries()) {
    const entry = entries[at];
    if (entry === undefined || entry instanceof Error) seen.set(path, entry);
    else if (entry.target !== undefined && kind === "sha1")
      seen.set(path, createHash("sha1").update(entry.target).digest("hex"));
    else {
      seen.set(path, "other");
      if (summed.has(path)) sizes.set(path, entry.size);
    }
  }
  for (const [path, digest] of await contentDigests(tree, sizes, kind)) seen.set(path, digest);
  return seen;
}

function judged(
  files: readonly Brought[],
  seen: Seen,
  excluded: (path: string) => boolean,
): readonly ModifiedFile[] | Error {
  const modified: ModifiedFile[] = [];
  for (const { path, sum, configuration } of files) {
    const there = seen.get(path);
    if (there instanceof Error) return there;
    if (there === undefined) {
      if (!excluded(path)) modified.push({ path, what: ["missing"], configuration });
    } else if (sum !== undefined && there !== sum) modified.push({ path, what: ["contents"], configuration });
  }
  return modified;
}

/** `SUM  PATH`, without the first slash. */
function readSums(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^([0-9a-f]{32}) {2}(.+)$/gm)].map(([, sum = "", path = ""]) => [`/${path}`, sum]));
}

/** The field `Conffiles` of a package: ` PATH SUM`, with a word behind where the package no longer has the file. */
function conffilesOf(texts: readonly string[], name: string): ReadonlyMap<string, string> {
  const [bare, architecture] = name.split(":");
  const stanza = texts
    .flatMap((text) => text.split(/\n\n+/))
    .find(
      (each) =>
        new RegExp(`^Package: ${bare?.replace(/[.+]/g, "\\$&")}$`, "m").test(each) &&
        (architecture === undefined || each.includes(`\nArchitecture: ${architecture}\n`)),
    );
  const field = /^Conffiles:\n((?: .*(?:\n|$))*)/m.exec(stanza ?? "")?.[1] ?? "";
  return new Map(
    [...field.matchAll(/^ (\/.*) ([0-9a-f]{32})(?: .*)?$/gm)].map(([, path = "", sum = ""]) => [path, sum]),
  );
}

async function rulesIn(tree: FileTree): Promise<string> {
  const directory = "/etc/dpkg/dpkg.cfg.d";
  const [names] = await tree.list([directory]);
  if (names instanceof Error) throw names;
  const texts = await textsOf(tree, ["/etc/dpkg/dpkg.cfg", ...(names ?? []).map((name) => `${directory}/${name}`)]);
  return texts.map((text) => text ?? "").join("\n");
}

/** Where a path of a package lies: dpkg-divert(1) puts it elsewhere, unless it is the one for which it was put there. */
async function diversionsIn(tree: FileTree): Promise<(path: string, name: string) => string> {
  const [text = ""] = await textsOf(tree, ["/var/lib/dpkg/diversions"]);
  const lines = text.split("\n");
  const moved = new Map<string, readonly [to: string, by: string]>();
  for (let at = 0; at + 2 < lines.length; at += 3)
    moved.set(lines[at] ?? "", [lines[at + 1] ?? "", lines[at + 2] ?? ""]);
  return (path, name) => {
    const [to, by] = moved.get(path) ?? [path, name];
    return by === name ? path : to;
  };
}
