// Decides which sentences can be said about what a file lets its user do beyond the mode: capabilities, access control lists, attributes.
import type { Node } from "../model/node.ts";
import { groupEntry, userEntry } from "./account.ts";
import { type AclEntry, aclFromText, decodeAcl, sayAclEntry, type WantedAclEntry } from "./file-acl.ts";
import { type FileAttributes, fileAttributes } from "./file-attributes.ts";
import { capabilitiesFromText, decodeCapabilities, sameCapabilities, sayCapabilities } from "./file-capabilities.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe } from "./unanswered.ts";
import { excerpt, occurs, sayWanted, type Wanted } from "./wanted.ts";

const absent = "it does not exist";
const aclNames = { access: "system.posix_acl_access", inherited: "system.posix_acl_default" } as const;

export type Seen = FileAttributes | undefined;

/** The sentences of `file(path)` that need extended attributes: read with getfattr, else with GNU tar. */
export function rightsOf(path: string) {
  const subject = `file ${sayWord(path)}`;
  const observe = (node: Node) => node.observe(fileAttributes, path);
  const capabilities = about<Node, Seen>({ subject, command: `getcap ${sayWord(path)}`, observe });
  const attributes = about<Node, Seen>({ subject, command: `getfattr -h -d -m - ${sayWord(path)}`, observe });

  return {
    /**
     * Exactly these capabilities, as getcap or setcap writes them, in any order.
     * @example file("/usr/bin/ping").hasCapabilities("cap_net_raw=ep")
     */
    hasCapabilities(text: string) {
      const wanted = capabilitiesFromText(text);
      return capabilities(`has capabilities ${sayCapabilities(wanted)}`, (seen) => {
        const value = seen?.get("security.capability");
        const found = value === undefined ? undefined : decodeCapabilities(value);
        const met = found !== undefined && sameCapabilities(found, wanted);
        return verdict(met, sayCapabilities(wanted), sayFoundCapabilities(seen, value));
      });
    },
    /** None: a file that does not exist has none either, but is not what was meant. */
    hasNoCapabilities: () =>
      capabilities("has no capabilities", (seen) => {
        const value = seen?.get("security.capability");
        return verdict(seen !== undefined && value === undefined, "none", sayFoundCapabilities(seen, value));
      }),

    /**
     * An extended attribute by its full name, and where given its value, read as UTF-8.
     * @example file("/srv/films").hasAttribute("user.origin", "studio")
     */
    hasAttribute(name: string, value?: Wanted) {
      requireSubject(
        /^[a-z]+\..+$/.test(name),
        `"${name}" is no attribute's full name`,
        'write it as in "user.origin"',
      );
      return attributes(`has attribute ${name}${value === undefined ? "" : ` ${sayWanted(value)}`}`, (seen) => {
        const found = seen?.get(name)?.toString("utf8");
        const met =
          found !== undefined &&
          (value === undefined || (typeof value === "string" ? found === value : occurs(value, found)));
        const names =
          seen === undefined || seen.size === 0
            ? "it has no attributes"
            : `it has ${[...seen.keys()].sort().join(", ")}`;
        return verdict(
          met,
          value === undefined ? name : sayWanted(value),
          seen === undefined ? absent : found === undefined ? names : excerpt(found),
        );
      });
    },

    /**
     * Exactly these entries of access control lists, beside those that the mode tells: named users and groups by name or number; the mask
     * only where it is written. `default:` before an entry is what files made in a directory get. Without entries: it has no list.
     * @example file("/srv/studio").hasAcl("user:backup:r-x", "default:group:studio:rwx")
     */
    hasAcl(...entries: readonly string[]) {
      const wanted = entries.map(aclFromText);
      const said = entries.length === 0 ? "no access control list" : entries.join(", ");
      return about<Node, { readonly entries: readonly string[] | undefined; readonly wanted: readonly string[] }>({
        subject,
        command: `getfacl ${sayWord(path)}`,
        async observe(node) {
          const [seen, numbered] = await Promise.all([
            observe(node),
            Promise.all(wanted.map((each) => numberedEntry(node, each))),
          ]);
          return { entries: seen === undefined ? undefined : entriesIn(seen, path), wanted: numbered };
        },
      })(`has ${said}`, (seen) => {
        if (seen.entries === undefined) return verdict(false, said, absent);
        const masked = wanted.some(({ kind }) => kind === "mask");
        const found = seen.entries.filter((entry) => masked || !/^(default:)?mask:/.test(entry)).sort();
        const met = found.join() === [...seen.wanted].sort().join();
        return verdict(met, said, found.length === 0 ? "no access control list" : found.join(", "));
      });
    },
  };
}

function sayFoundCapabilities(seen: Seen, value: Buffer | undefined): string {
  if (seen === undefined) return absent;
  if (value === undefined) return "none";
  const found = decodeCapabilities(value);
  return found === undefined ? `an attribute that is none: ${value.toString("hex")}` : sayCapabilities(found);
}

/** Both lists, with numbers: `user:33:r-x`. */
function entriesIn(seen: FileAttributes, path: string): readonly string[] {
  return ([aclNames.access, aclNames.inherited] as const).flatMap((name) => {
    const value = seen.get(name);
    if (value === undefined) return [];
    const entries = decodeAcl(value);
    if (entries === undefined)
      throw failedProbe(`cannot read ${name} of ${path}`, `it is ${value.toString("hex").slice(0, 80)}`);
    return entries.map((entry) => sayAclEntry(entry, name === aclNames.inherited));
  });
}

/** With the number in the place of the name; a name that the node does not know stays, and equals no entry. */
async function numberedEntry(node: Node, { inherited, kind, who, permissions }: WantedAclEntry): Promise<string> {
  const said = (id: number | undefined) => sayAclEntry({ kind, id, permissions } satisfies AclEntry, inherited);
  if (kind === "mask") return said(undefined);
  if (/^\d+$/.test(who)) return said(Number(who));
  const id = kind === "user" ? (await node.observe(userEntry, who))?.uid : (await node.observe(groupEntry, who))?.gid;
  return id === undefined ? `${kind}:${who} (no such ${kind})` : said(id);
}
