// Decides which sentences can be said about what an archive lists: tar, plain or with gzip or zstd, and zip.
// Nothing is unpacked, on the node or here. An archive that cannot be read whole is not met; one bigger than 16 MiB is an error.
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { type ArchiveEntry, type ArchiveSeen, listArchive } from "./archive-list.ts";
import { fileContents } from "./file-bytes.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe } from "./unanswered.ts";

/**
 * An archive of the node, by what its bytes say that it is, not by its name.
 * @example await expect(soe).toMeet(all(archive("/srv/a.tar.gz").has("bin/agent"), archive("/srv/a.tar.gz").staysInside()));
 */
export function archive(path: string) {
  requireSubject(isAbsolute(path), `"${path}" is not an absolute path`, "write the path from /");
  const ask = about<Node, ArchiveSeen>({
    subject: `archive ${sayWord(path)}`,
    command: `tar -tf ${sayWord(path)}`,
    async observe(node) {
      const seen = await node.observe(fileContents, path);
      if ("nothing" in seen)
        return { flaw: seen.nothing === "absent" ? "it does not exist" : "it is not a regular file" };
      if (!seen.whole)
        throw failedProbe(`cannot list ${path}`, "it is longer than 16 MiB", "list it with command([…])");
      return listArchive(seen.bytes);
    },
  });
  const say = (
    predicate: string,
    expected: string,
    judge: (names: readonly string[]) => readonly [met: boolean, seen: string],
  ) =>
    ask(predicate, (seen) => {
      if ("flaw" in seen) return verdict(false, expected, seen.flaw);
      const [met, said] = judge(seen.entries.map(({ name }) => plain(name)));
      return verdict(met, expected, said);
    });
  return {
    /** It has these entries, and maybe others. `./` before a name and `/` after it do not matter. */
    has(...wanted: readonly [string, ...string[]]) {
      const said = wanted.join(", ");
      return say(`has ${said}`, said, (names) => {
        const missing = wanted.filter((name) => !names.includes(plain(name)));
        return [
          missing.length === 0,
          missing.length === 0 ? said : `without ${missing.join(", ")}, among ${sayNames(names)}`,
        ];
      });
    },
    /** None of these. */
    lacks: (...unwanted: readonly [string, ...string[]]) =>
      say(`lacks ${unwanted.join(", ")}`, "none of them", (names) => {
        const found = unwanted.filter((name) => names.includes(plain(name)));
        return [found.length === 0, found.join(", ") || "none of them"];
      }),
    /** These and no others; the directory that was packed, `./`, does not count. */
    hasExactly: (...wanted: readonly string[]) =>
      say(`has exactly the ${wanted.length} entries listed`, sayNames(wanted), (names) => {
        const counted = (all: readonly string[]) =>
          [...new Set(all.filter((name) => name !== "" && name !== "."))].sort().join("\0");
        const met = counted(names) === counted(wanted.map(plain));
        return [met, sayNames(names)];
      }),
    /** No entry, and no target of a link in it, leads out of the directory that it is unpacked in, also not through other links of it. */
    staysInside: () =>
      ask("stays inside", (seen) => {
        if ("flaw" in seen) return verdict(false, "nothing that leads out", seen.flaw);
        const out = leavingEntries(seen.entries).map(({ name, target }) =>
          target === undefined ? name : `${name} -> ${target}`,
        );
        return verdict(
          out.length === 0,
          "nothing that leads out",
          out.length === 0 ? "nothing that leads out" : sayNames(out),
        );
      }),
  };
}

function plain(name: string): string {
  return name.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
}

/** Paths are walked as the system walks them, through links that the archive itself brings. Work is bounded: beyond it, it does. */
function leavingEntries(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const links = new Map(
    entries.flatMap(({ name, target, hard }) =>
      target === undefined || hard ? [] : [[parts(name).join("/"), target]],
    ),
  );
  let left = mostCharacters;
  /** Where a path leads from a directory, `undefined` for out of the archive. A link that leads to itself leads nowhere. */
  const walk = (path: string, start: string): string | undefined => {
    if (left < 0 || path.startsWith("/")) return undefined;
    const ahead = parts(path).toReversed();
    let at = start;
    for (let followed = 0; ahead.length > 0; ) {
      const part = ahead.pop() ?? "";
      const next = at === "" ? part : `${at}/${part}`;
      left -= next.length;
      if (left < 0 || (part === ".." && at === "")) return undefined;
      const target = part === ".." ? undefined : links.get(next);
      if (target?.startsWith("/")) return undefined;
      if (part === "..") at = at.slice(0, Math.max(at.lastIndexOf("/"), 0));
      else if (target === undefined) at = next;
      else if (followed++ < mostLinks) ahead.push(...parts(target).toReversed());
      else return at;
    }
    return at;
  };
  const directories = new Map<string, string | undefined>();
  return entries.filter(({ name, target, hard }) => {
    if (name.startsWith("/")) return true;
    const [last = "", ...above] = parts(name).toReversed();
    const within = above.toReversed().join("/");
    const directory = directories.has(within) ? directories.get(within) : walk(within, "");
    directories.set(within, directory);
    if (directory === undefined || (last === ".." && directory === "")) return true;
    // A hard link names an entry of the archive; a symbolic one starts where it lies.
    return target !== undefined && walk(target, hard ? "" : directory) === undefined;
  });
}

/** As many links as the kernel follows in one path. */
const mostLinks = 40;
/** Of all paths that are looked up, together. */
const mostCharacters = 100_000_000;

function parts(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function sayNames(names: readonly string[]): string {
  const most = 12;
  const told = names.slice(0, most).map((name) => sayWord(name.slice(0, 200)));
  return `${told.join(", ") || "nothing"}${names.length > most ? `, and ${names.length - most} more` : ""}`;
}
