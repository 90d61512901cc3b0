// Decides which ssh keys open an account, and that no others do. Keys are compared by type and key, not by comment.
import type { Check } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { userEntry } from "./account.ts";
import { fileContents } from "./file-bytes.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe } from "./unanswered.ts";

export interface AuthorizedKey {
  /** `ssh-ed25519` */
  readonly type: string;
  /** Base64. */
  readonly key: string;
  /** What comes before the type: `no-pty,from="10.0.0.0/8"`; empty for none. */
  readonly options: string;
  readonly comment: string;
}

export interface KeysFile {
  readonly path: string;
  readonly keys: readonly AuthorizedKey[];
  /** Lines that sshd would pass over: not a key, nor a comment. */
  readonly unreadable: readonly string[];
}

/** sshd's own default, `AuthorizedKeysFile`. */
const defaultFiles = [".ssh/authorized_keys", ".ssh/authorized_keys2"];

/**
 * The keys that open a user's account, in all files that sshd reads by default, or in those named: paths from `/`, or from the user's home.
 * Hold `sshd().setting("AuthorizedKeysFile")` against them where a spec has to be sure.
 * @example await expect(soe).toMeet(authorizedKeys("ops").areExactly(["ssh-ed25519 AAAAC3… ops@example"]));
 */
export function authorizedKeys(user: string, { files = defaultFiles }: { readonly files?: readonly string[] } = {}) {
  requireSubject(/^[^-:\s\0][^:\s\0]*$/.test(user), `"${user}" is not the name of a user`, "give the user's name");
  requireSubject(files.length > 0, "authorizedKeys was given no file", "without files, sshd's default ones are read");
  const ask = about<Node, readonly KeysFile[] | undefined>({
    subject: `authorized keys of ${user}`,
    command: `cat ${files.map((file) => (file.startsWith("/") ? file : `~${user}/${file}`)).join(" ")}`,
    async observe(node) {
      const entry = await node.observe(userEntry, user);
      if (entry === undefined) return undefined;
      const paths = files.map((file) => (file.startsWith("/") ? file : `${entry.home.replace(/\/$/, "")}/${file}`));
      return Promise.all(
        paths.map(async (path): Promise<KeysFile> => {
          const seen = await node.observe(fileContents, path);
          if ("nothing" in seen) return { path, keys: [], unreadable: [] };
          if (!seen.whole) throw failedProbe(`cannot read ${path}`, "it is longer than a file of keys should be");
          return { path, ...readAuthorizedKeys(seen.bytes.toString("utf8")) };
        }),
      );
    },
  });
  const judged = (wanted: readonly string[], exactly: boolean) => {
    const keys = wanted.map(requireKey);
    return (seen: readonly KeysFile[] | undefined) => {
      const there = (seen ?? []).flatMap((file) => file.keys);
      const missing = keys.filter((key) => !there.some((each) => isSame(each, key)));
      const others = there.filter((each) => !keys.some((key) => isSame(each, key)));
      const odd = (seen ?? []).flatMap((file) => file.unreadable.map((line) => `${file.path}: ${line}`));
      const told = [
        ...(missing.length === 0 ? [] : [`missing: ${missing.map(sayKey).join(", ")}`]),
        ...(others.length === 0 || !exactly ? [] : [`besides them: ${others.map(sayKey).join(", ")}`]),
        ...(odd.length === 0 || !exactly ? [] : [`lines that are no keys: ${odd.join(", ")}`]),
      ];
      const met = seen !== undefined && told.length === 0;
      const expected = keys.length === 0 ? "no key" : `${exactly ? "exactly " : ""}${keys.map(sayKey).join(", ")}`;
      return verdict(met, expected, seen === undefined ? "there is no such user" : told.join("; ") || sayAll(there));
    };
  };
  type KeysCheck = Check<Node, readonly KeysFile[] | undefined>;
  return {
    /** These keys and no others; none is `[]`. Options before a key, comments and order do not count. */
    areExactly: (wanted: readonly string[]): KeysCheck =>
      ask(
        `are exactly ${wanted.length === 0 ? "none" : wanted.map((key) => sayKey(requireKey(key))).join(", ")}`,
        judged(wanted, true),
      ),
    include: (wanted: string): KeysCheck => ask(`include ${sayKey(requireKey(wanted))}`, judged([wanted], false)),
  };
}

/** A file of keys as sshd(8) describes it: options may hold spaces in double quotes, and quotes after a backslash. */
export function readAuthorizedKeys(text: string): Omit<KeysFile, "path"> {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const read = lines.map((line) => ({ line, key: readKey(line) }));
  return {
    keys: read.flatMap(({ key }) => (key === undefined ? [] : [key])),
    unreadable: read.flatMap(({ line, key }) => (key === undefined ? [line.slice(0, 60)] : [])),
  };
}

function readKey(line: string): AuthorizedKey | undefined {
  const match =
    /^(?:((?:[^\s"]|"(?:\\"|(?!\\")[^"])*")+)[ \t]+)?((?:sk-)?(?:ssh|ecdsa)-[\w@.-]+)[ \t]+([A-Za-z0-9+/]{16,}={0,3})(?:[ \t]+(.*))?$/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, options = "", type = "", key = "", comment = ""] = match;
  return { options, type, key, comment };
}

function requireKey(text: string): AuthorizedKey {
  const key = readKey(text.trim());
  requireSubject(
    key !== undefined,
    `"${text.slice(0, 40)}" is not a public key`,
    "write a line of a .pub file: type, key, comment",
  );
  return key as AuthorizedKey;
}

function isSame(a: AuthorizedKey, b: AuthorizedKey): boolean {
  return a.type === b.type && a.key === b.key;
}

/** Its end tells keys of one type apart; the beginning does not. */
function sayKey({ type, key, comment }: AuthorizedKey): string {
  return `${type} …${key.slice(-8)}${comment === "" ? "" : ` ${comment}`}`;
}

function sayAll(keys: readonly AuthorizedKey[]): string {
  return keys.length === 0 ? "no key" : keys.map(sayKey).join(", ");
}
