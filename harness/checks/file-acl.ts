// Decides what an access control list is, as the kernel keeps it and as getfacl writes it.
// Source of the format: linux/posix_acl_xattr.h, and acl(5) for the words.
import { requireSubject } from "./question.ts";

/** An entry beside those that the file's mode tells anyway. */
export interface AclEntry {
  readonly kind: "user" | "group" | "mask";
  /** Number of the user or group; `undefined` of the mask. */
  readonly id: number | undefined;
  /** Bits of the mode: 4 read, 2 write, 1 execute. */
  readonly permissions: number;
}

const kinds: Readonly<Record<number, AclEntry["kind"] | "base">> = {
  1: "base",
  2: "user",
  4: "base",
  8: "group",
  16: "mask",
  32: "base",
};

/** Reads `system.posix_acl_access` or `system.posix_acl_default`; `undefined` for other bytes. Entries that the mode tells are left out. */
export function decodeAcl(value: Buffer): readonly AclEntry[] | undefined {
  if (value.length < 4 || value.readUInt32LE(0) !== 2 || (value.length - 4) % 8 !== 0) return undefined;
  const entries: AclEntry[] = [];
  for (let at = 4; at < value.length; at += 8) {
    const kind = kinds[value.readUInt16LE(at)];
    if (kind === undefined) return undefined;
    const id = kind === "mask" ? undefined : value.readUInt32LE(at + 4);
    if (kind !== "base") entries.push({ kind, id, permissions: value.readUInt16LE(at + 2) & 7 });
  }
  return entries;
}

/** An entry as a spec writes it, its user or group still a name or a number. */
export interface WantedAclEntry {
  readonly inherited: boolean;
  readonly kind: "user" | "group" | "mask";
  readonly who: string;
  readonly permissions: number;
}

/**
 * `user:backup:r-x`, `group:42:rw-`, `mask::r--`, and with `default:` before it, what files made in a directory get.
 * Refuses anything else with a `DeclarationError`.
 */
export function aclFromText(text: string): WantedAclEntry {
  const [, inherited, kind, who = "", permissions = ""] =
    /^(default:)?(user|group|mask):([^:]*):([r-][w-][x-])$/.exec(text) ?? [];
  requireSubject(
    kind !== undefined && (kind === "mask") === (who === ""),
    `"${text}" is no entry of an access control list`,
    'write it as getfacl does: "user:backup:r-x", "default:group:42:rwx"; what the mode tells is asked with hasMode',
  );
  const bits = [...permissions].reduce((sum, letter, index) => sum + (letter === "-" ? 0 : 4 >> index), 0);
  return { inherited: inherited !== undefined, kind: kind as AclEntry["kind"], who, permissions: bits };
}

/** @example sayAclEntry({ kind: "user", id: 33, permissions: 5 }, false) // "user:33:r-x" */
export function sayAclEntry({ kind, id, permissions }: AclEntry, inherited: boolean): string {
  const letters = ["r", "w", "x"].map((letter, index) => ((permissions & (4 >> index)) === 0 ? "-" : letter)).join("");
  return `${inherited ? "default:" : ""}${kind}:${id ?? ""}:${letters}`;
}
