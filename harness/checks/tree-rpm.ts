// Decides how packages of rpm are read from files alone: which database lies where, and what each of its headers says. No rpm is run. Refuses to
// choose between two databases, and to tell some packages of one that is damaged.
import { posix } from "node:path";
import { messageOf } from "../model/errors.ts";
import type { FileTree, TreeEntry } from "../model/tree.ts";
import { bdbHeaders } from "./rpm-bdb.ts";
import { DamagedRpm, type RpmHeader, readHeader } from "./rpm-header.ts";
import { ndbHeaders } from "./rpm-ndb.ts";
import { packageOf, type RpmPackage } from "./rpm-package.ts";
import { sqliteHeaders } from "./rpm-sqlite.ts";
import { failedProbe } from "./unanswered.ts";

/** Where distributions' rpm has its database: RPM 4.16 on Fedora and SUSE, before and RHEL, image-based ones. */
const rpmDirectories = ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm"] as const;
const formats = {
  "rpmdb.sqlite": { name: "SQLite", read: sqliteHeaders },
  "Packages.db": { name: "ndb", read: ndbHeaders },
  Packages: { name: "Berkeley DB", read: bdbHeaders },
} as const;
const logOf = "rpmdb.sqlite-wal";
const journalOf = "rpmdb.sqlite-journal";

/** Bytes of a database; one of 2,500 packages has about 300 MB. */
const mostDatabase = 1024 ** 3;

/** What rpm knows of a tree. `unknown`: a database is there, and cannot be told; says where, and why. */
export type RpmDatabase = { readonly packages: readonly RpmPackage[] } | { readonly unknown: string };

/**
 * Files that have to be read, by the entries of the tree; none where rpm has no database. `entry` finds a path whose parents may be links, and
 * tells a link as itself.
 */
export function rpmFiles(entry: (path: string) => TreeEntry | undefined): readonly string[] {
  return rpmDirectories.flatMap((directory) => {
    const { target } = entry(directory) ?? {};
    const names = namesIn(directory);
    // Of an archive a directory may not be told, but what lies in it.
    if (target === undefined) return names.filter((path) => entry(path) !== undefined);
    const led = posix.resolve(posix.dirname(directory), target);
    // One of these is found at its own name. What another leads to may have links on its way: whoever reads it follows them.
    return rpmDirectories.some((each) => each === led) ? [] : names;
  });
}

/**
 * Packages by the files that `rpmFiles` named; `undefined` where none of them is there. Never rejects for what is in them: a database that is
 * damaged, in transition or of another format is `unknown`.
 */
export async function rpmPackages(tree: FileTree, files: readonly string[]): Promise<RpmDatabase | undefined> {
  const seen = await rpmRecords(tree, files, packageOf);
  return seen === undefined || "unknown" in seen ? seen : { packages: seen.records };
}

/** What `of` makes of each header, which may throw `DamagedRpm`; as `rpmPackages`. */
async function rpmRecords<Told>(
  tree: FileTree,
  files: readonly string[],
  of: (header: RpmHeader) => Told,
): Promise<{ readonly records: readonly Told[] } | { readonly unknown: string } | undefined> {
  const read = files.length === 0 ? [] : await tree.read(files, mostDatabase);
  const found = files.flatMap((path, at) => {
    const seen = read[at];
    return seen === undefined || (!(seen instanceof Error) && "nothing" in seen && seen.nothing === "absent")
      ? []
      : [{ path, seen }];
  });
  const bytesOf = (path: string): Buffer | undefined => {
    const seen = found.find((each) => each.path === path)?.seen;
    if (seen === undefined) return undefined;
    if (seen instanceof Error) throw new DamagedRpm(messageOf(seen));
    if ("nothing" in seen) throw new DamagedRpm("it is no regular file");
    if (!seen.whole) throw new DamagedRpm(`it has more than ${mostDatabase} bytes`);
    return seen.bytes;
  };
  const databases = found.filter(({ path }) => posix.basename(path) in formats);
  const filled = databases.filter(({ seen }) => !("bytes" in seen) || seen.bytes.length > 0);
  const [first, second] = filled.length > 0 ? filled : databases;
  if (first === undefined) return undefined;
  const format = formats[posix.basename(first.path) as keyof typeof formats];
  if (filled.length > 1 && second !== undefined)
    return {
      unknown: `rpm has two databases, ${first.path} and ${second.path}: which of them counts is in its configuration`,
    };
  try {
    const directory = posix.dirname(first.path);
    const bytes = bytesOf(first.path) ?? Buffer.alloc(0);
    const log = format.read === sqliteHeaders ? bytesOf(`${directory}/${logOf}`) : undefined;
    if (bytes.length === 0 && (log?.length ?? 0) === 0) throw new DamagedRpm("it is empty");
    if (format.read === sqliteHeaders && (bytesOf(`${directory}/${journalOf}`)?.length ?? 0) > 0)
      throw new DamagedRpm(`a change of it was begun and not ended: ${directory}/${journalOf}`);
    const records: Told[] = [];
    for (const blob of format.read(bytes, log))
      try {
        records.push(of(readHeader(blob)));
      } catch (error) {
        throw new DamagedRpm(`record ${records.length + 1}: ${messageOf(error)}`);
      }
    return { records };
  } catch (error) {
    // Anything else is an error of this program, or of this machine.
    if (!(error instanceof DamagedRpm)) throw error;
    return { unknown: `rpm's database ${first.path} (${format.name}) cannot be read: ${messageOf(error)}` };
  }
}

/** Packages of a tree that is asked by its paths; `undefined` where rpm has no database there. Rejects (`probe-failed`) where it cannot be told. */
export function rpmInTree(tree: FileTree): Promise<readonly RpmPackage[] | undefined> {
  return rpmRecordsInTree(tree, packageOf);
}

/** What `of` makes of the header of each package, in the database's order; it may throw `DamagedRpm`. As `rpmInTree`. */
export async function rpmRecordsInTree<Told>(
  tree: FileTree,
  of: (header: RpmHeader) => Told,
): Promise<readonly Told[] | undefined> {
  const paths = [...rpmDirectories, ...rpmDirectories.flatMap(namesIn)];
  const looked = await tree.look(paths);
  const entries = new Map(
    paths.map((path, at) => {
      const seen = looked[at];
      if (seen instanceof Error) throw seen;
      return [path, seen] as const;
    }),
  );
  const seen = await rpmRecords(
    tree,
    rpmFiles((path) => entries.get(path)),
    of,
  );
  if (seen !== undefined && "unknown" in seen) throw failedProbe("cannot look at packages", seen.unknown);
  return seen?.records;
}

const namesIn = (directory: string): string[] =>
  [...Object.keys(formats), logOf, journalOf].map((name) => `${directory}/${name}`);
