// Decides what is read of an image at rest before it is held against another: its paths at once, then texts of the few files that tell of
// packages, accounts, units and boot. Of a compressed layer all texts go in one passage, with the digests that are asked in the same tick.

import { readApkFiles, readApkPackages } from "../checks/package-apk.ts";
import { accountLines } from "../checks/tree-account.ts";
import { textsOf } from "../checks/tree-bytes.ts";
import { apkText, dpkgTexts, packagesIn } from "../checks/tree-package.ts";
import { rpmFiles, rpmPackages } from "../checks/tree-rpm.ts";
import { ObservationError } from "../model/errors.ts";
import type { ImageFacts } from "../model/image.ts";
import type { StillContents } from "../model/still.ts";
import type { FileTree, TreeEntry } from "../model/tree.ts";
import { type Accounts, accountsOf } from "./accounts.ts";
import { bootPaths } from "./boot.ts";
import { type Entries, isLink, isRegular } from "./entries.ts";
import { installed, languagePackages, nodePackage, type PackageFact, ofRpm as rpmFacts } from "./packages.ts";
import { socketPaths } from "./units.ts";

/** One image, as far as it can be read without the other. */
export interface Snapshot extends Entries {
  readonly name: string;
  readonly source: string;
  readonly image: ImageFacts | undefined;
  /** Whether extended attributes are told. */
  readonly attributes: boolean;
  readonly accounts: Accounts;
  readonly packages: readonly PackageFact[];
  /** Why packages are not known, where a database is there and is not read. */
  readonly packagesUnknown: string | undefined;
  /** The distribution's package by the path that it brought. */
  readonly owners: ReadonlyMap<string, string>;
  readonly boot: ReadonlyMap<string, string>;
  readonly sockets: ReadonlyMap<string, string>;
  /** Of a disk: its other partitions, by name, as their sizes and digests. */
  readonly parts: ReadonlyMap<string, string> | undefined;
}

/** What is in memory once the tree has been walked. */
export interface Walked {
  readonly name: string;
  readonly contents: StillContents;
  readonly paths: ReadonlyMap<string, TreeEntry>;
}

export async function walked(name: string, contents: StillContents): Promise<Walked> {
  const found = await contents.tree.walk("/");
  if (found === undefined)
    throw new ObservationError({
      code: "probe-failed",
      phase: "observe",
      node: name,
      seen: "it has no root directory",
    });
  return { name, contents, paths: new Map(found) };
}

const dpkgList = /^\/var\/lib\/dpkg\/info\/([^/:]+)(?::[^/]+)?\.list$/;

/** Asks for everything in the tick in which it is called, but for what packages' databases lead to. */
export async function snapshotOf({ name, contents, paths }: Walked): Promise<Snapshot> {
  const { tree, image, facts } = contents;
  const lists = [...paths.keys()].filter((path) => dpkgList.test(path));
  const node = [...paths].filter(([path, entry]) => nodePackage.test(path) && isRegular(entry)).map(([path]) => path);
  const resolve = resolver(paths);
  const [boot, sockets, brought, modules, dpkg, apk, rpm, accounts] = await Promise.all([
    texts(tree, bootPaths(paths)),
    texts(tree, socketPaths(paths)),
    texts(tree, lists),
    texts(tree, node),
    dpkgTexts(tree),
    apkText(tree),
    rpmPackages(
      tree,
      rpmFiles((path) => paths.get(resolve(path))),
    ),
    textsOf(tree, ["/etc/passwd", "/etc/group", "/etc/shadow"]),
  ]);
  const ofApk = apk === undefined ? undefined : readApkPackages(apk);
  if (apk !== undefined && ofApk === undefined)
    throw new ObservationError({
      code: "probe-failed",
      phase: "observe",
      node: name,
      seen: "apk's database cannot be read",
    });
  const ofRpm = rpm !== undefined && "packages" in rpm ? rpm.packages : [];
  const owners = new Map<string, string>();
  for (const [path, text] of brought) {
    const owner = dpkgList.exec(path)?.[1] ?? "";
    for (const line of text.split("\n")) if (line.startsWith("/") && line !== "/.") owners.set(resolve(line), owner);
  }
  for (const stanza of apk?.split(/\n\n+/) ?? []) {
    const owner = /^P:(.*)$/m.exec(stanza)?.[1];
    if (owner !== undefined) for (const { path } of readApkFiles(stanza)) owners.set(resolve(path), owner);
  }
  // Packages of rpm may share a path. The first by name has it, so that it is the same one in both images.
  for (const { name, paths: own } of [...ofRpm].sort((a, b) => (a.name < b.name ? -1 : 1)))
    for (const path of own.map(resolve)) if (!owners.has(path)) owners.set(path, name);
  const [passwd, group, shadow] = accounts;
  const [users, groups] = [accountLines(passwd, 7), accountLines(group, 4)];
  const ids = (lines: readonly (readonly string[])[]) =>
    new Map(lines.map(([word = "", , id]) => [Number(id), word] as const).reverse());
  return {
    name,
    source: facts["source"] ?? "unknown",
    image,
    paths,
    attributes: [...paths.values()].every(({ attributes }) => attributes !== undefined),
    accounts: accountsOf(users, groups, accountLines(shadow, 9)),
    users: ids(users),
    groups: ids(groups),
    packages: [
      ...installed(packagesIn(dpkg), "dpkg"),
      ...installed(ofApk?.found ?? [], "apk"),
      ...rpmFacts(ofRpm),
      ...languagePackages(paths.keys(), (path) => owners.has(path), versionsIn(modules)),
    ],
    packagesUnknown: rpm !== undefined && "unknown" in rpm ? rpm.unknown : undefined,
    owners,
    boot,
    sockets,
    parts: contents.parts,
  };
}

async function texts(tree: FileTree, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const read = paths.length === 0 ? [] : await textsOf(tree, paths);
  return new Map(paths.map((path, at) => [path, read[at] ?? ""] as const));
}

function versionsIn(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [path, text] of files) {
    // Somebody's JSON: what it does not say, or not as text, is not known.
    const version = /"version"\s*:\s*"([^"\\]{1,100})"/.exec(text)?.[1];
    if (version !== undefined) found.set(path, version);
  }
  return found;
}

/** Lists of packages name paths as they were before directories became links: `/bin/sh` of a merged `/usr`. */
function resolver(paths: ReadonlyMap<string, TreeEntry>): (path: string) => string {
  const known = new Map<string, string>();
  const directory = (path: string, links: number): string => {
    if (path === "") return "";
    const held = known.get(path);
    if (held !== undefined) return held;
    const cut = path.lastIndexOf("/");
    const here = `${directory(path.slice(0, cut), links)}${path.slice(cut)}`;
    const entry = paths.get(here);
    const target = entry !== undefined && isLink(entry) ? (entry.target ?? "") : undefined;
    const real =
      target === undefined || links > 8
        ? here
        : directory(
            normal(target.startsWith("/") ? target : `${here.slice(0, here.lastIndexOf("/"))}/${target}`),
            links + 1,
          );
    known.set(path, real);
    return real;
  };
  return (path) => {
    const cut = path.lastIndexOf("/");
    return `${directory(path.slice(0, cut), 0)}${path.slice(cut)}`;
  };
}

function normal(path: string): string {
  const steps: string[] = [];
  for (const step of path.split("/"))
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  return steps.map((step) => `/${step}`).join("");
}
