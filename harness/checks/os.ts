// Decides which sentences can be said about which system a node is: os-release(5), the host's name, alternatives. All are files.
import type { Node } from "../model/node.ts";
import { type Contents, fileContents, type NoContents } from "./file-bytes.ts";
import { type FileStat, fileStat } from "./file-stat.ts";
import { versionMatches } from "./package.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

type Release = ReadonlyMap<string, string>;

/**
 * The operating system, as its os-release says: of a container its image's, not its host's.
 * @example await expect(soe).toMeet(all(os().is("debian"), os().hasVersion("12"), os().hasCodename("bookworm")));
 */
export function os() {
  const ask = about<Node, Release>({
    subject: "operating system",
    command: "cat /etc/os-release",
    async observe(node) {
      const places = ["/etc/os-release", "/usr/lib/os-release"];
      const found = await Promise.all(places.map((path) => node.observe(fileContents, path)));
      const text = found.map(textOf).find((each) => each !== undefined);
      if (text === undefined)
        throw failedProbe("cannot see which system it is", `there is neither ${places.join(" nor ")}`);
      return readRelease(text);
    },
  });
  const field = (name: string, predicate: string, wanted: Wanted, met: (seen: string) => boolean) =>
    ask(predicate, (seen) => {
      const value = seen.get(name);
      return verdict(value !== undefined && met(value), sayWanted(wanted), value ?? `it has no ${name}`);
    });
  return {
    /** By its `ID`: `debian`, `ubuntu`, `alpine`, `fedora`. */
    is: (id: string) => field("ID", `is ${id}`, id, (seen) => seen === id),
    /** It, or one of the systems that it says it is like: Ubuntu is like `debian`, Rocky like `rhel` and `fedora`. */
    isLike: (id: string) =>
      ask(`is like ${id}`, (seen) => {
        const ids = [seen.get("ID") ?? "", ...(seen.get("ID_LIKE") ?? "").split(" ")].filter(Boolean);
        return verdict(ids.includes(id), id, ids.join(", ") || "it does not say");
      }),
    /** By its `VERSION_ID`, whole or as its beginning at the end of a number: `3.20` is met by `3.20.3`. A pattern is searched. */
    hasVersion: (wanted: Wanted) =>
      field("VERSION_ID", `has version ${wanted}`, wanted, (seen) => versionMatches(wanted, seen)),
    hasCodename: (name: string) => field("VERSION_CODENAME", `has codename ${name}`, name, (seen) => seen === name),
    /** Any field, by its name in os-release(5). @example os().hasField("PRETTY_NAME", /bookworm/) */
    hasField: (name: string, wanted: Wanted) =>
      field(name, `has ${name} ${sayWanted(wanted)}`, wanted, (seen) =>
        typeof wanted === "string" ? seen === wanted : occurs(wanted, seen),
      ),
  };
}

/** The name by which the node's kernel goes. @example await expect(box).toMeet(hostName().is("milla")); */
export function hostName() {
  const ask = about<Node, string>({
    subject: "host name",
    command: "cat /proc/sys/kernel/hostname",
    async observe(node) {
      const text = textOf(await node.observe(fileContents, "/proc/sys/kernel/hostname"))?.trim() ?? "";
      if (text === "") throw failedProbe("cannot see the host's name", "/proc/sys/kernel/hostname is not there");
      return text;
    },
  });
  return {
    is: (name: string) => ask(`is ${name}`, (seen) => verdict(seen === name, name, seen)),
    matches: (pattern: RegExp) =>
      ask(`matches ${pattern}`, (seen) => verdict(occurs(pattern, seen), String(pattern), seen)),
  };
}

interface AlternativeFacts {
  readonly link: FileStat | undefined;
  /** `undefined` where the database does not have it. */
  readonly mode: "auto" | "manual" | undefined;
}

/**
 * One of the names that update-alternatives(1) looks after.
 * @example await expect(soe).toMeet(alternative("editor").pointsTo("/usr/bin/vim.basic"));
 */
export function alternative(name: string) {
  requireSubject(
    /^[\w.+@-]+$/.test(name),
    `"${name}" is not an alternative's name`,
    'write it without a path, as in "editor"',
  );
  const ask = about<Node, AlternativeFacts>({
    subject: `alternative ${name}`,
    command: `update-alternatives --query ${name}`,
    async observe(node) {
      // Debian's place, and that of Fedora and its like.
      const places = [`/var/lib/dpkg/alternatives/${name}`, `/var/lib/alternatives/${name}`];
      const [link, ...databases] = await Promise.all([
        node.observe(fileStat, `/etc/alternatives/${name}`),
        ...places.map((path) => node.observe(fileContents, path)),
      ] as const);
      const first = databases
        .map(textOf)
        .find((text) => text !== undefined)
        ?.split("\n")[0];
      if (first !== undefined && first !== "auto" && first !== "manual")
        throw failedProbe(
          `cannot see the alternative ${name}`,
          `its database begins with ${JSON.stringify(first.slice(0, 80))}`,
        );
      return { link, mode: first };
    },
  });
  return {
    exists: () => ask("exists", (seen) => verdict(seen.link !== undefined, "an alternative", sayAlternative(seen))),
    /** What is used when the name is called. */
    pointsTo: (path: string) =>
      ask(`points to ${path}`, (seen) => verdict(seen.link?.target === path, path, sayAlternative(seen))),
    /** The one with the highest priority is used: nobody has chosen another. */
    isAutomatic: () => ask("is automatic", (seen) => verdict(seen.mode === "auto", "automatic", sayAlternative(seen))),
  };
}

/** Lines `NAME=value`, quoted as a shell reads them. @example readRelease('ID="debian"\n').get("ID") // "debian" */
export function readRelease(text: string): Release {
  const fields = [...text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = "", value = ""]) => {
    const [, quote, inner = value] = /^(["'])(.*)\1\s*$/.exec(value) ?? [];
    return [name, quote === '"' ? inner.replace(/\\([\\"$`])/g, "$1") : inner.trim()] as const;
  });
  return new Map(fields);
}

function textOf(seen: Contents | NoContents): string | undefined {
  return "nothing" in seen ? undefined : seen.bytes.toString("utf8");
}

function sayAlternative({ link, mode }: AlternativeFacts): string {
  if (link === undefined) return "there is no such alternative";
  return `${link.target ?? "no link"}, ${mode ?? "unknown to update-alternatives"}`;
}
