// Decides which sentences can be said about a program or library, read from its own bytes: the node needs neither readelf nor ldd.
// Refuses to run it, as ldd does: a program under test may be anything.
import { isAbsolute, posix } from "node:path";
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { type ElfFacts, headLength, readElf } from "./elf-read.ts";
import { fileContents } from "./file-bytes.ts";
import { fileSlice } from "./file-slice.ts";
import { lookThrough } from "./file-stat.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { directoriesIn, loaderDirectoriesFromTree } from "./tree-parts.ts";
import { denied, failedProbe, unreadable } from "./unanswered.ts";

export type ElfSeen = ElfFacts | { readonly flaw: string };

/**
 * A program or library in ELF.
 * @example await expect(box).toMeet(all(elf("/usr/local/bin/agent").isStatic(), elf("/usr/local/bin/agent").isFor("aarch64")));
 * @example await expect(soe).toMeet(elf("/usr/bin/python3").hasAllLibraries());
 */
export function elf(path: string) {
  requireSubject(isAbsolute(path), `"${path}" is not an absolute path`, "write the path from /");
  const subject = `program ${sayWord(path)}`;
  const ask = about<Node, ElfSeen>({
    subject,
    command: `readelf -hld ${sayWord(path)}`,
    observe: (node) => elfOf(node, path),
  });
  const say = (predicate: string, expected: string, judge: (seen: ElfFacts) => readonly [met: boolean, seen: string]) =>
    ask(predicate, (seen): Judgement => {
      if ("flaw" in seen) return verdict(false, expected, seen.flaw);
      const [met, said] = judge(seen);
      return verdict(met, expected, said);
    });
  const sayLinked = (seen: ElfFacts) =>
    seen.dynamic ? `dynamic, needs ${seen.needed.join(", ") || "nothing"}` : "static";
  return {
    /** Needs no loader and no library. */
    isStatic: () => say("is static", "static", (seen) => [!seen.dynamic, sayLinked(seen)]),
    isDynamic: () => say("is dynamic", "dynamic", (seen) => [seen.dynamic, sayLinked(seen)]),
    /** Asks for this library by this name: `libc.so.6`. */
    needs: (library: string) =>
      say(`needs ${library}`, library, (seen) => [seen.needed.includes(library), sayLinked(seen)]),
    /** The program that loads it: `/lib64/ld-linux-x86-64.so.2`, `/lib/ld-musl-x86_64.so.1`. */
    hasInterpreter: (wanted: string) =>
      say(`has interpreter ${wanted}`, wanted, (seen) => [seen.interpreter === wanted, seen.interpreter ?? "none"]),
    /** As `uname -m` has it: `x86_64`, `aarch64`, `arm`, `i686`, `ppc64`, `s390x`, `riscv64`. */
    isFor: (machine: string) => say(`is for ${machine}`, machine, (seen) => [seen.machine === machine, seen.machine]),
    /** Loaded at another address each time. */
    isPositionIndependent: () =>
      say("is position independent", "position independent", (seen) => [
        seen.pie || (seen.type === "shared" && seen.interpreter === undefined),
        `type ${seen.type}${seen.pie ? ", position independent" : ""}`,
      ]),
    /** Tables of the loader are read-only after it: `full`, also those of functions; `partial` is met by `full`, too. */
    hasRelro: (wanted: "partial" | "full") =>
      say(`has ${wanted} RELRO`, wanted, (seen) => [seen.relro === wanted || seen.relro === "full", seen.relro]),
    hasNoExecutableStack: () =>
      say("has no executable stack", "a stack that is data", (seen) => [
        !seen.executableStack,
        seen.executableStack ? "an executable stack" : "a stack that is data",
      ]),
    /** No directories of its own to look for libraries in. */
    hasNoRunPath: () =>
      say("has no run path", "none", (seen) => [seen.runPath.length === 0, seen.runPath.join(":") || "none"]),
    /** Its interpreter and each library it needs, and those that they need, are there, for the same machine. */
    hasAllLibraries: () =>
      about<Node, readonly string[] | { readonly flaw: string }>({
        subject,
        command: `ldd ${sayWord(path)}`,
        observe: (node) => missingLibraries(node, path),
      })("has all its libraries", (seen) =>
        "flaw" in seen
          ? verdict(false, "all there", seen.flaw)
          : verdict(seen.length === 0, "all there", seen.join("; ") || "all there"),
      ),
  };
}

async function elfOf(node: Node, path: string): Promise<ElfSeen> {
  const head = await node.observe(fileSlice, { path, at: 0, length: headLength });
  if ("nothing" in head) return { flaw: head.nothing === "absent" ? "it does not exist" : "it is not a regular file" };
  return readElf(head, async (at, length) => {
    if (!Number.isSafeInteger(at + length)) return Buffer.alloc(0);
    const part = await node.observe(fileSlice, { path, at, length });
    return "nothing" in part ? Buffer.alloc(0) : part;
  }).catch((error: unknown) => {
    if (error instanceof RangeError) return { flaw: "it is cut off, or lies about where its parts are" };
    throw error;
  });
}

const mostLibraries = 500;
const usual = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"];

/** Who asks for libraries, and the directory that is `$ORIGIN` to it. */
interface Wanting {
  readonly path: string;
  readonly origin: string;
  readonly facts: ElfFacts;
}

/** `libx.so.1 of /usr/bin/a`, one each, in the order in which they are come by. */
async function missingLibraries(node: Node, program: string): Promise<readonly string[] | { readonly flaw: string }> {
  const first = await elfOf(node, program);
  if ("flaw" in first) return first;
  const directories = await searched(node, first.machine);
  const missing: string[] = [];
  if (first.interpreter !== undefined && "flaw" in (await elfOf(node, first.interpreter)))
    missing.push(`interpreter ${first.interpreter}`);
  const known = new Set<string>();
  // The kernel tells the loader where the program itself lies, whichever link to it was called.
  const { path: real } = await lookThrough(node, program);
  let round: readonly Wanting[] = [{ path: program, origin: posix.dirname(real), facts: first }];
  while (round.length > 0) {
    const wanted = round.flatMap(({ path, origin, facts }) =>
      facts.needed
        .filter((name) => !known.has(name) && known.add(name))
        .map((name) => ({ name, by: path, origin, facts })),
    );
    if (known.size > mostLibraries)
      throw failedProbe(`cannot follow the libraries of ${program}`, `there are more than ${mostLibraries}`);
    const found = await Promise.all(
      wanted.map(async ({ name, by, origin, facts }) => {
        const own = facts.runPath.map((each) => each.replace(/\$(ORIGIN|\{ORIGIN\})/g, origin));
        const places = name.startsWith("/")
          ? [name]
          : [...own, ...directories].map((directory) => posix.join(directory, name));
        const seen = await Promise.all(places.map(async (path) => ({ path, facts: await elfOf(node, path) })));
        const fit = seen.find(
          (each) => !("flaw" in each.facts) && each.facts.machine === first.machine && each.facts.bits === first.bits,
        );
        if (fit === undefined) missing.push(`${name} of ${by}`);
        return fit && { path: fit.path, origin: posix.dirname(fit.path), facts: fit.facts as ElfFacts };
      }),
    );
    round = found.filter((each) => each !== undefined);
  }
  return missing;
}

/** Directories of the loader's configuration, the usual ones, and Debian's of the machine. Files that are included are read one deep. */
async function searched(node: Node, machine: string): Promise<readonly string[]> {
  const listed = await node.observe(loaderDirectories, "loader");
  const triplets = [`/lib/${machine}-linux-gnu`, `/usr/lib/${machine}-linux-gnu`];
  const musl = await node.observe(fileContents, `/etc/ld-musl-${machine}.path`);
  const ofMusl = "nothing" in musl ? [] : musl.bytes.toString("utf8").split(/[:\n]/);
  return [...new Set([...listed, ...ofMusl, ...triplets, ...usual].filter((each) => each.startsWith("/")))];
}

/** Subject: always `loader`. Answer: the directories that `/etc/ld.so.conf` and the files of `/etc/ld.so.conf.d` name. */
export const loaderDirectories: Probe<"loader", readonly string[]> = {
  name: "ld.so.conf",
  // A file that may not be read is an error: without its directories, libraries would be missing that are there.
  script: () => `for file in /etc/ld.so.conf /etc/ld.so.conf.d/*.conf; do
  [ -f "$file" ] || continue
  while read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done <"$file" || exit
done; echo end`,
  parse(output, subjects) {
    const lines = output.stdout.toString("utf8").trimEnd().split("\n");
    if (/permission denied/i.test(output.stderr)) throw denied("cannot read /etc/ld.so.conf", output.stderr.trim());
    if (output.status !== 0 || lines.at(-1) !== "end") throw unreadable("ld.so.conf", output);
    return subjects.map(() => directoriesIn(lines.join("\n")));
  },
  fromTree: async (tree, subjects) => {
    const directories = await loaderDirectoriesFromTree(tree);
    return subjects.map(() => directories);
  },
};
