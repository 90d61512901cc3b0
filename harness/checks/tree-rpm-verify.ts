// Decides how it is seen from files alone which files of an rpm package are not as it brought them: what lies at each path, whose it is, and its
// digest, for `rpm-judge.ts`. Refuses a package whose header does not tell its files; the others are told.
import { messageOf, ObservationError } from "../model/errors.ts";
import type { FileTree, TreeEntry } from "../model/tree.ts";
import type { ModifiedFile } from "./package-verify.ts";
import { filesOf, type RpmFile, type RpmFiles, verified } from "./rpm-files.ts";
import { DamagedRpm } from "./rpm-header.ts";
import { type Account, comparable, differences, isOf } from "./rpm-judge.ts";
import { packageOf } from "./rpm-package.ts";
import { accountLines } from "./tree-account.ts";
import { textsOf } from "./tree-bytes.ts";
import { contentDigests } from "./tree-digest.ts";
import { rpmRecordsInTree } from "./tree-rpm.ts";
import { failedProbe } from "./unanswered.ts";

type Verified = ReadonlyMap<string, readonly ModifiedFile[] | undefined | Error>;

/**
 * By name, or `name:architecture`: what differs, of all packages that go by it; `undefined` where none does. An `Error` for all where rpm's
 * database cannot be told; `undefined` for all where there is none, or one without packages.
 */
export async function verifyRpm(tree: FileTree, names: readonly string[]): Promise<Verified | undefined | Error> {
  if (names.length === 0) return new Map();
  try {
    const packages = await packagesOf(tree, new Set(names));
    return packages === undefined ? undefined : await judged(tree, names, packages);
  } catch (error) {
    // Who asks another packager is answered.
    if (error instanceof ObservationError) return error;
    throw error;
  }
}

/** Those that go by each name, in the database's order. */
type Packages = ReadonlyMap<string, readonly (RpmFiles | Error)[]>;

async function packagesOf(tree: FileTree, wanted: ReadonlySet<string>): Promise<Packages | undefined> {
  const records = await rpmRecordsInTree(tree, (header) => {
    const { name, architecture } = packageOf(header);
    const keys = [name, `${name}:${architecture}`].filter((key) => wanted.has(key));
    return keys.map((key) => [key, toldBy(() => filesOf(header, name), name)] as const);
  });
  if (records === undefined || records.length === 0) return undefined;
  const found = new Map<string, (RpmFiles | Error)[]>();
  for (const [key, files] of records.flat()) found.set(key, [...(found.get(key) ?? []), files]);
  return found;
}

function toldBy(files: () => RpmFiles, name: string): RpmFiles | Error {
  try {
    return files();
  } catch (error) {
    if (!(error instanceof DamagedRpm)) throw error;
    return failedProbe(`cannot verify ${name}`, `its header cannot be read: ${messageOf(error)}`);
  }
}

async function judged(tree: FileTree, names: readonly string[], packages: Packages): Promise<Verified> {
  const whole = [...packages.values()].flat().flatMap((each) => (each instanceof Error ? [] : [each]));
  const [entries, account] = await Promise.all([entriesOf(tree, whole), accountsIn(tree)]);
  const digests = await digestsOf(tree, whole, entries);
  const modified = ({ files, digestKind, digestNumber }: RpmFiles): readonly ModifiedFile[] | Error => {
    const found: ModifiedFile[] = [];
    for (const file of files) {
      if (file.state === "absent") continue;
      const { path, configuration } = file;
      const entry = entries(file);
      const what =
        entry === undefined
          ? file.mayBeMissing
            ? []
            : ["missing"]
          : entry instanceof Error
            ? entry
            : differences(file, {
                entry,
                user: account("user", file.user),
                group: account("group", file.group),
                digest:
                  digests(digestKind, path) ?? (digestKind === undefined ? strange(path, digestNumber) : undefined),
              });
      if (what instanceof Error) return what;
      if (what.length > 0) found.push({ path, what, configuration });
    }
    return found;
  };
  return new Map(
    names.map((name) => {
      const answers = packages.get(name)?.map((each) => (each instanceof Error ? each : modified(each)));
      const error = answers?.find((each) => each instanceof Error);
      return [name, error ?? answers?.flatMap((each) => (each instanceof Error ? [] : each))] as const;
    }),
  );
}

function strange(path: string, number: number): Error {
  return failedProbe(`cannot verify ${path}`, `the package has its digest of kind ${number}, which is not known here`);
}

type Entry = TreeEntry | undefined | Error;

/** What lies at the path of a file; where a directory was brought and a link to one lies, that directory, as rpm has it. */
async function entriesOf(tree: FileTree, packages: readonly RpmFiles[]): Promise<(file: RpmFile) => Entry> {
  const files = packages.flatMap((each) => each.files.filter(({ state }) => state !== "absent"));
  const direct = await entriesAt(tree, new Set(files.map(({ path }) => path)), "");
  const linked = files.filter(({ path, mode }) => {
    const entry = direct.get(path);
    return isOf(mode, "directory") && entry !== undefined && !(entry instanceof Error) && isOf(entry.mode, "link");
  });
  const behind = await entriesAt(tree, new Set(linked.map(({ path }) => path)), "/.");
  return ({ path, mode }) => {
    const [entry, led] = [direct.get(path), isOf(mode, "directory") ? behind.get(path) : undefined];
    if (led === undefined || led instanceof Error || entry === undefined || entry instanceof Error) return entry;
    // A link of somebody else's is none that rpm made or would follow.
    return isOf(led.mode, "directory") && (entry.uid === 0 || entry.uid === led.uid) ? led : entry;
  };
}

async function entriesAt(tree: FileTree, paths: ReadonlySet<string>, end: string): Promise<ReadonlyMap<string, Entry>> {
  const all = [...paths];
  const entries = await tree.look(all.map((path) => `${path}${end}`));
  return new Map(all.map((path, at) => [path, entries[at]]));
}

/** Digests of those files whose contents count; packages of one kind of digest are read together. */
async function digestsOf(
  tree: FileTree,
  packages: readonly RpmFiles[],
  entries: (file: RpmFile) => Entry,
): Promise<(kind: string | undefined, path: string) => string | Error | undefined> {
  const wanted = new Map<string, Map<string, number>>();
  for (const { digestKind, files } of packages)
    for (const file of files) {
      const entry = file.state === "absent" || digestKind === undefined ? undefined : entries(file);
      if (digestKind === undefined || entry === undefined || entry instanceof Error || file.digest === "") continue;
      if ((comparable(file, entry) & verified.contents) === 0) continue;
      const sizes = wanted.get(digestKind) ?? new Map<string, number>();
      wanted.set(digestKind, sizes.set(file.path, entry.size));
    }
  const digests = new Map<string, ReadonlyMap<string, string | Error>>();
  for (const [kind, sizes] of wanted) digests.set(kind, await contentDigests(tree, sizes, kind));
  return (kind, path) => (kind === undefined ? undefined : digests.get(kind)?.get(path));
}

/** Users and groups as the C library finds them by name in files; where one is not there, who else is asked. */
async function accountsIn(tree: FileTree): Promise<(kind: "user" | "group", name: string) => Account> {
  const [passwd, group, services = ""] = await textsOf(tree, ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"]);
  const read = (text: string | undefined, fields: number, database: string) => ({
    // The first line of a name counts.
    ids: new Map(
      accountLines(text, fields)
        .map(([name = "", , id]) => [name, Number(id)] as const)
        .reverse(),
    ),
    elsewhere: othersIn(services, database),
  });
  const known = { user: read(passwd, 7, "passwd"), group: read(group, 4, "group") };
  return (kind, name) => {
    const { ids, elsewhere } = known[kind];
    // rpm asks nobody who root is.
    return { id: name === "root" ? 0 : ids.get(name), elsewhere };
  };
}

/** Of a line of nsswitch.conf(5) what is asked beside files: `sss systemd`. */
function othersIn(text: string, database: string): string | undefined {
  const line = new RegExp(`^[ \\t]*${database}:(.*)$`, "m").exec(text.replace(/#.*/g, ""))?.[1] ?? "";
  const others = line
    .replace(/\[[^\]]*\]/g, " ")
    .split(/\s+/)
    .filter((each) => !["", "files", "compat"].includes(each));
  return others.length === 0 ? undefined : others.join(" ");
}
