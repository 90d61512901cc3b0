// Decides which sentences can be said about a file, and what their messages show.
// Type, mode, owner, size, label and link target are the path's own (a link is a link); contents and SHA-256 follow links.
import { isAbsolute } from "node:path";
import type { Check } from "../model/check.ts";
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { dataIn } from "./data.ts";
import { type Contents, contentsLimit, fileContents, fileSha256, type NoContents } from "./file-bytes.ts";
import { type DigestKind, digestLengths, fileDigest } from "./file-digest.ts";
import { type FileLabel, fileLabel, labelMatches } from "./file-label.ts";
import { rightsOf } from "./file-rights.ts";
import { type FileStat, type FileType, fileStat } from "./file-stat.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { type Mislabelled, mislabelledFiles } from "./selinux-label.ts";
import type { NoSelinux } from "./selinux-policy.ts";
import { failedProbe } from "./unanswered.ts";
import { excerpt, occurs, sayWanted, type Wanted } from "./wanted.ts";

const absent = "it does not exist";

/**
 * A file of the node, by absolute path. All sentences about any number of files asked for in one tick cost one `stat`.
 * Where the path may not be seen, or `stat` is missing, the check rejects: that is never "it does not exist".
 *
 * @example
 * await expect(soe).toMeet(file("/etc/skel/.bashrc").hasMode(0o644));
 * await expect(soe).toMeet(all(file("/vfx").isDirectory(), file("/vfx").ownedBy(1000, 1000)));
 */
export function file(path: string) {
  requireSubject(
    isAbsolute(path) && !path.includes("\0"),
    `"${path}" is not an absolute path`,
    "a check has no working directory; write the path from /",
  );
  const subject = `file ${sayWord(path)}`;
  const stat = about<Node, FileStat | undefined>({
    subject,
    command: sayCommand(["stat", path]),
    observe: (node) => node.observe(fileStat, path),
  });
  const read = { subject, command: sayCommand(["head", "-c", String(contentsLimit), path]) };
  const isA = (type: FileType, article = "a") =>
    stat(`is ${article} ${type}`, (seen) => verdict(seen?.type === type, `${article} ${type}`, sayType(seen)));

  const hasBit = (bits: number, predicate: string) =>
    stat(predicate, (seen) =>
      verdict(
        seen !== undefined && (seen.mode & bits) !== 0,
        `a mode with ${sayMode(bits)}`,
        seen === undefined ? absent : sayMode(seen.mode),
      ),
    );

  const digest = (kind: DigestKind, hex: string): Check<Node, string | NoContents> => {
    const digits = digestLengths[kind];
    requireSubject(
      hex.length === digits && /^[0-9a-f]+$/i.test(hex),
      `"${hex}" is no ${kind}`,
      `write its ${digits} hexadecimal digits`,
    );
    return about<Node, string | NoContents>({
      subject,
      command: sayCommand([`${kind}sum`, path]),
      observe: (node) => node.observe(fileDigest[kind], path),
    })(`has ${kind} ${hex.slice(0, 12)}…`, (seen) =>
      typeof seen === "string" ? verdict(seen === hex.toLowerCase(), hex, seen) : nothing(hex, seen),
    );
  };
  /** Contents of which the beginning has to decide where it is not all: else the check rejects. */
  const contents = (decides: (text: string) => boolean, otherwise: string) =>
    about<Node, Contents | NoContents>({
      ...read,
      async observe(node) {
        const seen = await node.observe(fileContents, path);
        if (!("nothing" in seen || seen.whole || decides(seen.bytes.toString("utf8"))))
          throw failedProbe(
            `${path} is longer than the ${contentsLimit} bytes that are read, and ${otherwise}`,
            "the rest was not searched",
            "search it with command([…])",
          );
        return seen;
      },
    });

  return {
    ...rightsOf(path),

    /** Something is there, of whatever type; a link to nothing counts. */
    exists: () => stat("exists", (seen) => verdict(seen !== undefined, "something there", sayType(seen))),
    /** A regular file. */
    isFile: () => isA("file"),
    isDirectory: () => isA("directory"),
    isSymlink: () => isA("symbolic link"),
    isSocket: () => isA("socket"),
    isFifo: () => isA("fifo"),
    isBlockDevice: () => isA("block device"),
    isCharacterDevice: () => isA("character device"),

    /** Permission bits with set-id and sticky bits, exactly. Write them in octal: `0o644`. */
    hasMode(mode: number): Check<Node, FileStat | undefined> {
      requireSubject(
        Number.isInteger(mode) && mode >= 0 && mode <= 0o7777,
        `${mode} is not a file mode`,
        "write it in octal, as in 0o644",
      );
      return stat(`has mode ${sayMode(mode)}`, (seen) => {
        const decimal = seen !== undefined && seen.mode !== mode && seen.mode.toString(8) === String(mode);
        return verdict(
          seen?.mode === mode,
          `${sayMode(mode)}${decimal ? ` (${mode} in decimal; did you mean 0o${mode}?)` : ""}`,
          seen === undefined ? absent : sayMode(seen.mode),
        );
      });
    },

    /** Runs as its owner, whoever starts it. All such files of a node: `inventory.setuid`. */
    isSetuid: () => hasBit(0o4000, "is setuid"),
    /** Runs as its group; of a directory, gives its group to what is made in it. */
    isSetgid: () => hasBit(0o2000, "is setgid"),
    /** Of a directory: only the owner of a file may remove it. */
    isSticky: () => hasBit(0o1000, "is sticky"),
    /** By the mode alone: `any` is any of the three. */
    isExecutableBy: (whom: "owner" | "group" | "others" | "any") =>
      hasBit({ owner: 0o100, group: 0o010, others: 0o001, any: 0o111 }[whom], `is executable by ${whom}`),
    /** By the mode alone. */
    isReadableBy: (whom: "owner" | "group" | "others" | "any") =>
      hasBit({ owner: 0o400, group: 0o040, others: 0o004, any: 0o444 }[whom], `is readable by ${whom}`),
    /** By the mode alone. */
    isWritableBy: (whom: "owner" | "group" | "others" | "any") =>
      hasBit({ owner: 0o200, group: 0o020, others: 0o002, any: 0o222 }[whom], `is writable by ${whom}`),

    /**
     * Owned by a user and, where given, a group. Numbers are compared with ids, text with names as the node knows them.
     * @example file("/vfx/a").ownedBy(1000, 1000)
     * @example file("/etc/shadow").ownedBy("root", "shadow")
     */
    ownedBy(user: number | string, group?: number | string): Check<Node, FileStat | undefined> {
      const wanted = group === undefined ? String(user) : `${user}:${group}`;
      return stat(`is owned by ${wanted}`, (seen) => {
        const met =
          seen !== undefined &&
          (typeof user === "number" ? seen.uid : seen.user) === user &&
          (group === undefined || (typeof group === "number" ? seen.gid : seen.group) === group);
        return verdict(met, wanted, sayOwner(seen));
      });
    },

    /** Size in bytes; of a symbolic link, the length of its target. */
    hasSize: (bytes: number) =>
      stat(`has ${bytes} bytes`, (seen) =>
        verdict(seen?.size === bytes, `${bytes} bytes`, seen === undefined ? absent : `${seen.size} bytes`),
      ),

    /** Not smaller than this, in bytes. */
    hasSizeAtLeast: (bytes: number) =>
      stat(`has at least ${bytes} bytes`, (seen) =>
        verdict(
          seen !== undefined && seen.size >= bytes,
          `at least ${bytes} bytes`,
          seen === undefined ? absent : `${seen.size} bytes`,
        ),
      ),
    /** Not bigger than this, in bytes. */
    hasSizeAtMost: (bytes: number) =>
      stat(`has at most ${bytes} bytes`, (seen) =>
        verdict(
          seen !== undefined && seen.size <= bytes,
          `at most ${bytes} bytes`,
          seen === undefined ? absent : `${seen.size} bytes`,
        ),
      ),

    /** A symbolic link that holds exactly this target, as it is written there: relative stays relative. */
    linksTo: (target: string) =>
      stat(`links to ${sayWord(target)}`, (seen) =>
        verdict(seen?.target === target, `a link to ${target}`, sayType(seen)),
      ),

    /** SHA-256 of the contents, in hexadecimal. */
    hasSha256(hex: string): Check<Node, string | NoContents> {
      requireSubject(/^[0-9a-f]{64}$/i.test(hex), `"${hex}" is not a SHA-256`, "write its 64 hexadecimal digits");
      return about<Node, string | NoContents>({
        subject,
        command: sayCommand(["sha256sum", path]),
        observe: (node) => node.observe(fileSha256, path),
      })(`has SHA-256 ${hex.slice(0, 12)}…`, (seen) =>
        typeof seen === "string" ? verdict(seen === hex.toLowerCase(), hex, seen) : nothing(hex, seen),
      );
    },

    /** Sums for those who have nothing better to compare with; each in hexadecimal. */
    hasMd5: (hex: string) => digest("md5", hex),
    hasSha1: (hex: string) => digest("sha1", hex),
    hasSha512: (hex: string) => digest("sha512", hex),

    /**
     * Each of these texts and patterns occurs in the contents, read as UTF-8. The first 16 MiB are searched; where the file is longer
     * and they do not have it, the check rejects.
     * @example file("/etc/os-release").contains(/^VERSION_ID="12"$/m)
     */
    contains(...wanted: readonly [Wanted, ...Wanted[]]) {
      const said = wanted.map(sayWanted).join(" and ");
      return contents((text) => wanted.every((each) => occurs(each, text)), `they do not have ${said}`)(
        `contains ${said}`,
        (seen) => {
          if ("nothing" in seen) return nothing(said, seen);
          const text = seen.bytes.toString("utf8");
          const missing = wanted.filter((each) => !occurs(each, text));
          const without = wanted.length > 1 ? `without ${missing.map(sayWanted).join(", ")}: ` : "";
          return verdict(
            missing.length === 0,
            said,
            missing.length === 0 ? `it has ${said}` : `${without}${excerpt(text)}`,
          );
        },
      );
    },

    /**
     * None of these texts and patterns occurs in the contents; a file that is not there is not met. Where the file is longer than 16 MiB
     * and they do not have one, the check rejects.
     * @example file("/etc/ssh/sshd_config").lacks(/^PermitRootLogin yes/m)
     */
    lacks(...unwanted: readonly [Wanted, ...Wanted[]]) {
      const said = unwanted.map(sayWanted).join(" and ");
      return contents((text) => unwanted.some((each) => occurs(each, text)), `they do not have ${said}`)(
        `lacks ${said}`,
        (seen) => {
          if ("nothing" in seen) return nothing(`contents without ${said}`, seen);
          const text = seen.bytes.toString("utf8");
          const found = unwanted.filter((each) => occurs(each, text));
          return verdict(
            found.length === 0,
            `contents without ${said}`,
            found.length === 0 ? "none of it" : `it has ${found.map(sayWanted).join(", ")}`,
          );
        },
      );
    },

    /** The contents are exactly these, byte for byte. */
    hasContents(exact: string | Uint8Array): Check<Node, Contents | NoContents> {
      const wanted = Buffer.from(exact);
      return about<Node, Contents | NoContents>({ ...read, observe: (node) => node.observe(fileContents, path) })(
        `has exactly the contents ${excerpt(wanted.toString("utf8"), 60)}`,
        (seen) => {
          const expected = excerpt(wanted.toString("utf8"));
          if ("nothing" in seen) return nothing(expected, seen);
          return verdict(seen.whole && seen.bytes.equals(wanted), expected, excerpt(seen.bytes.toString("utf8")));
        },
      );
    },

    /**
     * The value at a place in structured contents, up to 4 MiB: names joined by dots, elements of lists by number, other names quoted in
     * brackets. Without a path, the whole. Contents that are no JSON are not met, with the place of the flaw.
     * @example file("/etc/docker/daemon.json").json('log-opts["max-size"]').is("10m")
     */
    json: (place?: string) => dataIn(path, "JSON", place),
    /** The same of YAML 1.2; several documents are a list. @example file("/a.yml").yaml("services.web.ports[0]").is("80:80") */
    yaml: (place?: string) => dataIn(path, "YAML", place),
    /** The same of INI, `section.key`; values are texts. @example file("/etc/php.ini").ini("PHP.memory_limit").is("128M") */
    ini: (place?: string) => dataIn(path, "INI", place),
    /** The same of XML: elements by name from the root, attributes as `@name`. @example file("/a.xml").xml("Server.@port").is("8005") */
    xml: (place?: string) => dataIn(path, "XML", place),

    /**
     * Has an SELinux label: its type alone, or user, role and type, with or without the level. Skipped, with the reason, where the
     * node's kernel has no SELinux.
     * @example file("/data").isLabelled("container_file_t")
     */
    isLabelled: (label: string) =>
      about<Node, FileLabel | undefined>({
        subject,
        command: sayCommand(["ls", "-dZ", path]),
        observe: (node) => node.observe(fileLabel, path),
      })(`is labelled ${label}`, (seen) => {
        if (seen === undefined) return verdict(false, label, absent);
        if (!seen.selinux) return { skipped: "the node's kernel has no SELinux" };
        return verdict(labelMatches(label, seen.label), label, seen.label === "none" ? "no label" : seen.label);
      }),

    /**
     * Has the label that the loaded policy's rules give its path; with `recursive`, so has everything below it on the same
     * file system. Only types are compared, as `restorecon` does. Skipped like `isLabelled`.
     * @example file("/etc").isLabelledByPolicy({ recursive: true })
     */
    isLabelledByPolicy({ recursive = false }: { readonly recursive?: boolean } = {}) {
      return about<Node, readonly Mislabelled[] | NoSelinux | undefined>({
        subject,
        command: sayCommand(["restorecon", "-n", "-v", ...(recursive ? ["-R", "-x"] : []), path]),
        observe: (node) => node.observe(mislabelledFiles, { path, recursive }),
      })(`is labelled by the policy${recursive ? ", and so is what lies below" : ""}`, (seen) => {
        if (seen === undefined) return verdict(false, "the policy's label", absent);
        if ("without" in seen) return { skipped: seen.without };
        return verdict(seen.length === 0, "the policy's label", sayMislabelled(seen));
      });
    },
  };
}

function sayMislabelled(seen: readonly Mislabelled[]): string {
  if (seen.length === 0) return "the policy's label";
  const most = 5;
  const told = seen.slice(0, most).map(({ path, label, wanted }) => `${path} has ${label}, should have ${wanted}`);
  return `${seen.length} with another: ${told.join("; ")}${seen.length > most ? "; …" : ""}`;
}

function nothing(expected: string, { nothing: why }: NoContents): Judgement {
  return verdict(false, expected, why === "absent" ? absent : "not a regular file");
}

function sayType(seen: FileStat | undefined): string {
  if (seen === undefined) return absent;
  return seen.target === undefined ? `a ${seen.type}` : `a link to ${seen.target}`;
}

function sayMode(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** `1000:1000`, with the names where the node has some: `0:42 (root:shadow)`. */
function sayOwner(seen: FileStat | undefined): string {
  if (seen === undefined) return absent;
  const named = seen.user !== undefined || seen.group !== undefined;
  return `${seen.uid}:${seen.gid}${named ? ` (${seen.user ?? "no name"}:${seen.group ?? "no name"})` : " (neither has a name)"}`;
}
