// Decides what is told of one path that two trees have differently: kind of file, contents, link target, mode, owner, rights. Pure, of
// what was read. Refuses to tell contents apart by anything but sizes and digests.
import { type AclEntry, decodeAcl, sayAclEntry } from "../checks/file-acl.ts";
import { decodeCapabilities, sayCapabilities } from "../checks/file-capabilities.ts";
import type { TreeEntry } from "../model/tree.ts";
import { type DiffChange, type DiffDetail, type DiffTopic, differing } from "./image-diff.ts";

/** A tree's paths, and names of its owners. */
export interface Entries {
  readonly paths: ReadonlyMap<string, TreeEntry>;
  readonly users: ReadonlyMap<number, string>;
  readonly groups: ReadonlyMap<number, string>;
}

/** SHA-256 of contents on both sides, by path. */
export type Digests = ReadonlyMap<string, readonly [old: string, now: string]>;

const types: Readonly<Record<number, string>> = {
  1: "fifo",
  2: "character device",
  4: "directory",
  6: "block device",
  8: "file",
  10: "link",
  12: "socket",
};

const typeOf = ({ mode }: TreeEntry): string => types[mode >> 12] ?? "something else";
export const isRegular = ({ mode }: TreeEntry): boolean => mode >> 12 === 0o10;
export const isLink = ({ mode }: TreeEntry): boolean => mode >> 12 === 0o12;
const octal = ({ mode }: TreeEntry): string => (mode & 0o7777).toString(8).padStart(4, "0");

/** Paths whose contents nothing but their digests tells apart: files of one size on both sides. */
export function undecided(old: Entries, now: Entries): string[] {
  const found: string[] = [];
  for (const [path, entry] of now.paths) {
    const before = old.paths.get(path);
    if (before !== undefined && isRegular(entry) && isRegular(before) && entry.size === before.size && entry.size > 0)
      found.push(path);
  }
  return found;
}

/** What one side has of a right that is told by itself; `undefined` where it has none. */
type Right = (entry: TreeEntry) => string | undefined;

const rights: readonly (readonly [DiffTopic, Right])[] = [
  ["setuid", (entry) => (isRegular(entry) && (entry.mode & 0o6000) !== 0 ? octal(entry) : undefined)],
  [
    "capability",
    ({ attributes }) => {
      const value = attributes?.get("security.capability");
      if (value === undefined) return undefined;
      const held = decodeCapabilities(value);
      return held === undefined ? value.toString("hex") : sayCapabilities(held);
    },
  ],
  [
    "writable",
    (entry) => {
      const sticky = typeOf(entry) === "directory" && (entry.mode & 0o1000) !== 0;
      return (entry.mode & 0o002) !== 0 && !isLink(entry) && !sticky ? octal(entry) : undefined;
    },
  ],
];

/** All that is told of a path; nothing where both are alike. `ordinary`: the topic of what is no right. */
export function entryChanges(
  path: string,
  [old, now]: readonly [Entries, Entries],
  digests: Digests,
  ordinary: DiffTopic,
): DiffChange[] {
  const [before, after] = [old.paths.get(path), now.paths.get(path)];
  const details =
    before !== undefined && after !== undefined
      ? detailsOf(path, before, after, [old, now], digests)
      : differing(
          "file",
          before === undefined ? null : sayEntry(before, old),
          after === undefined ? null : sayEntry(after, now),
        );
  if (details.length === 0) return [];
  const changes: DiffChange[] = [];
  for (const [topic, right] of rights) {
    const [had, has] = [before && right(before), after && right(after)];
    if (had === undefined && has === undefined) continue;
    // Of a side that cannot tell, nothing came or went: that it cannot is told once.
    if (topic === "capability" && [before, after].some((each) => each !== undefined && each.attributes === undefined))
      continue;
    // Where everybody could write on both sides, what changed otherwise is told as of any file.
    if (topic === "writable" && had !== undefined && has !== undefined) continue;
    const kind = had === undefined ? "added" : has === undefined ? "removed" : "changed";
    // A right that neither came nor went is told where something of the file did.
    changes.push({ topic, kind, subject: path, details });
  }
  if (changes.length > 0) return changes;
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return [{ topic: ordinary, kind, subject: path, details }];
}

function detailsOf(
  path: string,
  before: TreeEntry,
  after: TreeEntry,
  [old, now]: readonly [Entries, Entries],
  digests: Digests,
): DiffDetail[] {
  // Most paths are alike: nothing is made for them.
  if (
    before.mode === after.mode &&
    before.uid === after.uid &&
    before.gid === after.gid &&
    before.target === after.target &&
    (before.size === after.size || !isRegular(after)) &&
    !digests.has(path) &&
    (before.attributes?.size ?? 0) === 0 &&
    (after.attributes?.size ?? 0) === 0
  )
    return [];
  const type = differing("type", typeOf(before), typeOf(after));
  const digest = digests.get(path);
  const contents =
    type.length > 0 || !isRegular(after) || (before.size === after.size && digest === undefined)
      ? []
      : [{ of: "contents", old: sayContents(before, digest?.[0]), new: sayContents(after, digest?.[1]) }];
  return [
    ...type,
    ...contents,
    ...differing("target", before.target ?? null, after.target ?? null),
    // A link's mode says nothing.
    ...(isLink(before) || isLink(after) ? [] : differing("mode", octal(before), octal(after))),
    ...(before.uid === after.uid && before.gid === after.gid
      ? []
      : [{ of: "owner", old: sayOwner(before, old), new: sayOwner(after, now) }]),
    ...attributeDetails(before, after),
  ];
}

const sayContents = ({ size }: TreeEntry, digest: string | undefined): string =>
  digest === undefined ? `${size} bytes` : `${size} bytes, sha256:${digest}`;

function sayOwner({ uid, gid }: TreeEntry, { users, groups }: Entries): string {
  return `${users.get(uid) ?? uid}:${groups.get(gid) ?? gid} (${uid}:${gid})`;
}

function sayEntry(entry: TreeEntry, entries: Entries): string {
  const type = typeOf(entry);
  const more = isRegular(entry) ? ` of ${entry.size} bytes` : entry.target === undefined ? "" : ` to ${entry.target}`;
  const attributes = [...attributesOf(entry)].map(([name, value]) => `, ${name} ${value}`).join("");
  return `${type}${more}, ${isLink(entry) ? "" : `${octal(entry)} `}${sayOwner(entry, entries)}${attributes}`;
}

function attributeDetails(before: TreeEntry, after: TreeEntry): DiffDetail[] {
  // A tree that cannot tell is not one without: that is said once, of the whole.
  if (before.attributes === undefined || after.attributes === undefined) return [];
  const [old, now] = [attributesOf(before), attributesOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .flatMap((name) => differing(name, old.get(name) ?? null, now.get(name) ?? null));
}

/** Extended attributes by what people call them. */
function attributesOf({ attributes }: TreeEntry): Map<string, string> {
  const said = new Map<string, string>();
  for (const [name, value] of attributes ?? []) {
    if (name === "security.capability") {
      const held = decodeCapabilities(value);
      said.set("capabilities", held === undefined ? value.toString("hex") : sayCapabilities(held));
    } else if (name === "security.selinux") said.set("label", value.toString("utf8").replace(/\0$/, ""));
    else if (name === "system.posix_acl_access" || name === "system.posix_acl_default")
      said.set(name.endsWith("access") ? "acl" : "default acl", sayAcl(decodeAcl(value), value, name));
    else said.set(`attribute ${name}`, value.toString("hex").slice(0, 128));
  }
  return said;
}

function sayAcl(entries: readonly AclEntry[] | undefined, value: Buffer, name: string): string {
  if (entries === undefined) return value.toString("hex");
  return entries.map((entry) => sayAclEntry(entry, name.endsWith("default"))).join(",") || "none beside the mode";
}
