// Decides what of a file differs from what an rpm header says of it, as `rpm -V` does (`rpmfilesVerify` in rpm's `lib/verify.c`), without times of
// change. Pure. Refuses to judge what is not told.
import { DeclarationError } from "../model/errors.ts";
import type { TreeEntry } from "../model/tree.ts";
import { decodeAcl } from "./file-acl.ts";
import {
  capabilitiesFromText,
  decodeCapabilities,
  type FileCapabilities,
  sameCapabilities,
} from "./file-capabilities.ts";
import { type RpmFile, verified } from "./rpm-files.ts";
import { failedProbe } from "./unanswered.ts";

const type = { character: 0o2, directory: 0o4, block: 0o6, file: 0o10, link: 0o12 } as const;

/** @example isOf(entry.mode, "link") */
export function isOf(mode: number, ...wanted: readonly (keyof typeof type)[]): boolean {
  return wanted.some((each) => mode >> 12 === type[each]);
}

/** Number of a user or group; without one, which other service than files would have to be asked for it, where there is one. */
export interface Account {
  readonly id: number | undefined;
  readonly elsewhere?: string | undefined;
}

/** What is known where a file was brought. */
export interface RpmPlace {
  /** A link to a directory is that directory, where one was brought. */
  readonly entry: TreeEntry;
  readonly user: Account;
  readonly group: Account;
  /** Of contents that count; absent where they do not. */
  readonly digest?: string | Error | undefined;
}

/** What counts: links have no mode, what is no regular file has no contents, and what something else makes has none of the package's. */
export function comparable({ state, ghost, flags }: RpmFile, { mode }: TreeEntry): number {
  if (state === "replaced") return 0;
  const contents = verified.contents | verified.size;
  let left = flags & (isOf(mode, "link") ? ~verified.mode : ~verified.link);
  if (state === "shared") left &= ~(contents | verified.device);
  if (!isOf(mode, "file")) left &= ~(contents | verified.capabilities);
  if (ghost) left &= ~(contents | verified.link);
  return left;
}

/** In the words and the order of rpm's marks; an `Error` where something that counts is not known. */
export function differences(file: RpmFile, place: RpmPlace): readonly string[] | Error {
  const { entry, user, group, digest } = place;
  const flags = comparable(file, entry);
  const has = (what: number) => (flags & what) !== 0;
  const unknown = unknownOf(file, place, flags);
  if (unknown !== undefined) return failedProbe(`cannot verify ${file.path}`, unknown);
  if (has(verified.contents) && file.digest !== "" && digest instanceof Error) return digest;
  const size = isOf(file.mode, "file", "link") ? file.size : 0;
  // Who is not there cannot have been given a right: rpm takes the bit away, and root for the owner.
  const brought =
    file.mode & (user.id === undefined ? ~0o4000 : -1) & (group.id === undefined ? ~0o2000 : -1) & typed(file);
  const differs = [
    ["size", has(verified.size) && entry.size !== size],
    ["mode", has(verified.mode) && ((entry.mode & typed(file)) !== brought || isListed(entry))],
    ["contents", has(verified.contents) && digest !== file.digest],
    ["device", has(verified.device) && isOf(file.mode, "character") !== isOf(entry.mode, "character")],
    ["device", has(verified.device) && isOf(file.mode, "block") !== isOf(entry.mode, "block")],
    ["link", has(verified.link) && entry.target !== file.link],
    ["owner", has(verified.owner) && entry.uid !== (user.id ?? 0)],
    ["group", has(verified.group) && entry.gid !== (group.id ?? 0)],
    ["capabilities", has(verified.capabilities) && !sameRights(broughtRights(file), rightsOf(entry))],
  ] as const;
  return [...new Set(differs.flatMap(([what, is]) => (is ? [what] : [])))];
}

/** Bits of the mode that count: of what something else makes, no type. */
function typed({ ghost }: RpmFile): number {
  return ghost ? 0o7777 : 0o177777;
}

/** What is to be compared and is not told, in words. */
function unknownOf(file: RpmFile, { entry, user, group, digest }: RpmPlace, flags: number): string | undefined {
  const has = (what: number) => (flags & what) !== 0;
  // Bytes that are no UTF-8 look the same, whichever they are.
  if (has(verified.link) && `${file.link}${entry.target}`.includes("\ufffd")) return "a link's target is no UTF-8";
  if (has(verified.contents) && file.digest !== "" && digest === undefined) return "its contents were not read";
  if (has(verified.device) && isOf(file.mode, "character", "block") && file.mode >> 12 === entry.mode >> 12)
    return "which device it is, files alone do not tell";
  for (const [{ id, elsewhere }, name, counts, bit] of [
    [user, file.user, verified.owner, 0o4000],
    [group, file.group, verified.group, 0o2000],
  ] as const)
    if (id === undefined && elsewhere !== undefined && (has(counts) || (has(verified.mode) && (file.mode & bit) !== 0)))
      return `it is ${name}'s, whom the image's files do not know, and nsswitch.conf asks ${elsewhere} too`;
  if (entry.attributes === undefined && (has(verified.capabilities) || has(verified.mode)))
    return "capabilities and access control lists are not told of a directory on this machine; only archives tell them";
  if (has(verified.capabilities)) {
    if (rightsOf(entry) instanceof Error) return "its capabilities are none that is known";
    if (broughtRights(file) instanceof Error)
      return `the package says capabilities ${JSON.stringify(file.capabilities.slice(0, 200))}`;
  }
  const list = entry.attributes?.get("system.posix_acl_access");
  if (has(verified.mode) && list !== undefined && decodeAcl(list) === undefined)
    return "its access control list is none that is known";
  return undefined;
}

/** An access control list that says more than the mode: rpm gives none. */
function isListed({ attributes }: TreeEntry): boolean {
  const list = attributes?.get("system.posix_acl_access");
  return list !== undefined && (decodeAcl(list)?.length ?? 0) > 0;
}

type Rights = FileCapabilities | undefined | Error;

function rightsOf({ attributes }: TreeEntry): Rights {
  const value = attributes?.get("security.capability");
  return value === undefined ? undefined : (decodeCapabilities(value) ?? new Error());
}

/** libcap before 2.33 wrote `= ` before it. */
function broughtRights({ capabilities }: RpmFile): Rights {
  if (capabilities === "") return undefined;
  const text = capabilities.replace(/^=(\s+|$)/, "");
  if (text === "") return { permitted: 0n, inheritable: 0n, effective: false };
  try {
    return capabilitiesFromText(text);
  } catch (error) {
    if (error instanceof DeclarationError) return error;
    throw error;
  }
}

function sameRights(one: Rights, other: Rights): boolean {
  if (one instanceof Error || other instanceof Error) return false;
  return one === undefined || other === undefined ? one === other : sameCapabilities(one, other);
}
