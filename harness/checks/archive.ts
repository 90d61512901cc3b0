// Decides which sentences can be said about what an archive lists: tar, plain or with gzip or zstd, and zip.
// Nothing is unpacked, on the node or here. An archive that cannot be read whole is not met; one bigger than 16 MiB is an error.
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { type ArchiveSeen, listArchive } from "./archive-list.ts";
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
    /** These and no others. */
    hasExactly: (...wanted: readonly string[]) =>
      say(`has exactly the ${wanted.length} entries listed`, sayNames(wanted), (names) => {
        const met = [...new Set(names)].sort().join("\0") === wanted.map(plain).sort().join("\0");
        return [met, sayNames(names)];
      }),
    /** No entry, and no target of a link in it, leads out of the directory that it is unpacked in. */
    staysInside: () =>
      ask("stays inside", (seen) => {
        if ("flaw" in seen) return verdict(false, "nothing that leads out", seen.flaw);
        const out = seen.entries
          .filter(leadsOut)
          .map(({ name, target }) => (target === undefined ? name : `${name} -> ${target}`));
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

function leadsOut({
  name,
  target,
  hard,
}: {
  readonly name: string;
  readonly target?: string | undefined;
  readonly hard: boolean;
}): boolean {
  const escapes = (path: string) => {
    if (path.startsWith("/")) return true;
    let depth = 0;
    for (const part of path.split("/")) {
      depth += part === ".." ? -1 : part === "" || part === "." ? 0 : 1;
      if (depth < 0) return true;
    }
    return false;
  };
  if (escapes(name)) return true;
  if (target === undefined) return false;
  // A hard link names an entry of the archive; a symbolic one starts where it lies.
  return escapes(
    hard || target.startsWith("/") ? target : `${name.split("/").slice(0, -1).join("/")}/${target}`.replace(/^\//, ""),
  );
}

function sayNames(names: readonly string[]): string {
  const most = 12;
  const told = names.slice(0, most).map((name) => sayWord(name.slice(0, 200)));
  return `${told.join(", ") || "nothing"}${names.length > most ? `, and ${names.length - most} more` : ""}`;
}
