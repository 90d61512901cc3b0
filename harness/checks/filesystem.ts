// Decides which sentences can be said about a mounted file system, and about the way it is mounted.
import { isAbsolute } from "node:path";
import type { Check } from "../model/check.ts";
import { type Size, sizeBytes } from "../model/duration.ts";
import type { Node } from "../model/node.ts";
import { type CheckState, checkState, type FileSystemFacts, fileSystemFacts } from "./filesystem-facts.ts";
import { type FstabEntry, readFstabOf } from "./fstab.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe, missingTool } from "./unanswered.ts";

const nothing = "nothing is mounted there";

/**
 * The file system mounted at exactly this path.
 * @example await expect(soe).toMeet(all(filesystem("/").hasType("ext4"), filesystem("/").hasFree("500m"), filesystem("/").isClean()));
 */
export function filesystem(target: string) {
  requireSubject(isAbsolute(target), `"${target}" is not an absolute path`, "write the mount point from /");
  const path = target.length > 1 ? target.replace(/\/+$/, "") : target;
  const subject = `file system ${sayWord(path)}`;
  const observe = (node: Node) => node.observe(fileSystemFacts, path);
  const ask = about<Node, FileSystemFacts | undefined>({
    subject,
    command: `findmnt -o SOURCE,FSTYPE,UUID,LABEL,AVAIL ${path}`,
    observe,
  });
  const askNamed = about<Node, FileSystemFacts | undefined>({
    subject,
    command: `findmnt -o SOURCE,FSTYPE,UUID,LABEL ${path}`,
    observe: async (node) => requireNames(path, await observe(node)),
  });
  const has = (what: "type" | "uuid" | "label", word: string, wanted: string) =>
    (what === "type" ? ask : askNamed)(`has ${word} ${wanted}`, (seen) =>
      verdict(seen?.[what] === wanted, wanted, seen === undefined ? nothing : (seen[what] ?? "none")),
    );
  const free = (predicate: string, field: "freeBytes" | "freeInodes", least: number, unit: string) =>
    ask(predicate, (seen) =>
      verdict(
        seen !== undefined && seen[field] >= least,
        `${least} ${unit} or more`,
        seen === undefined ? nothing : `${seen[field]} ${unit}`,
      ),
    );
  return {
    hasType: (type: string) => has("type", "type", type),
    hasUuid: (uuid: string) => has("uuid", "UUID", uuid),
    hasLabel: (label: string) => has("label", "label", label),
    /** As large as this, or larger, its own bookkeeping apart. */
    isAtLeast(size: Size) {
      const bytes = sizeBytes(size);
      return ask(`is at least ${size}`, (seen) =>
        verdict(
          seen !== undefined && seen.bytes >= bytes,
          `${bytes} bytes or more`,
          seen === undefined ? nothing : `${seen.bytes} bytes`,
        ),
      );
    },
    /** So much that a user other than root may still write; or so many hundredths of the whole. @example filesystem("/").hasFree("20%") */
    hasFree(wanted: Size | `${number}%`) {
      if (!wanted.endsWith("%")) return free(`has ${wanted} free`, "freeBytes", sizeBytes(wanted), "bytes");
      const share = Number(wanted.slice(0, -1));
      requireSubject(share >= 0 && share <= 100, `"${wanted}" is not a share`, 'write it as in "20%"');
      return ask(`has ${wanted} free`, (seen) =>
        verdict(
          seen !== undefined && seen.freeBytes >= (seen.bytes * share) / 100,
          `${wanted} or more`,
          seen === undefined ? nothing : `${((seen.freeBytes / seen.bytes) * 100).toFixed(1)}%`,
        ),
      );
    },
    /** Room for so many new files. A file system without a fixed number of inodes says 0. */
    hasFreeInodes: (count: number) => free(`has ${count} inodes free`, "freeInodes", count, "inodes"),
    /**
     * The last fsck left it clean and no error was counted since, by ext's superblock. Rejects for other file systems than
     * ext2, ext3 and ext4, and for devices that may not be read.
     */
    isClean: (): Check<Node, CheckState> =>
      about<Node, CheckState>({
        subject,
        command: `tune2fs -l $(findmnt -n -o SOURCE ${path})`,
        observe: async (node) => node.observe(checkState, requireExt(path, await observe(node))),
      })("is clean", ({ state, errors }) =>
        verdict(
          state === "clean" && errors === 0,
          "clean, no errors",
          `${state}, ${errors === 0 ? "no" : errors} errors`,
        ),
      ),
    /** fstab mounts it by its UUID, and that UUID is what is mounted: it still is when disks change their names. */
    isMountedByUuid: (): Check<
      Node,
      { readonly facts: FileSystemFacts | undefined; readonly entry: FstabEntry | undefined }
    > =>
      about<Node, { readonly facts: FileSystemFacts | undefined; readonly entry: FstabEntry | undefined }>({
        subject,
        command: `grep ${path} /etc/fstab; findmnt -n -o UUID ${path}`,
        async observe(node) {
          const [facts, entries] = await Promise.all([observe(node), readFstabOf(node)]);
          return { facts: requireNames(path, facts), entry: entries.findLast((each) => each.target === path) };
        },
      })("is mounted by its UUID", ({ facts, entry }) => {
        const source = entry?.source.replace(/^UUID="?([^"]*)"?$/, "UUID=$1");
        const met = facts?.uuid !== undefined && source === `UUID=${facts.uuid}`;
        const there =
          facts === undefined ? nothing : `mounted is ${facts.uuid ?? `${facts.source}, which has no UUID`}`;
        return verdict(
          met,
          `UUID=${facts?.uuid ?? "…"} in fstab`,
          `${entry === undefined ? "fstab has no entry" : `fstab has ${entry.source}`}; ${there}`,
        );
      }),
  };
}

/** UUID and label are only known where the node has findmnt: else an `ObservationError` (code `probe-missing`). */
export function requireNames(path: string, facts: FileSystemFacts | undefined): FileSystemFacts | undefined {
  if (facts?.nameless === true) throw missingTool("findmnt", `UUID and label of ${path}`);
  return facts;
}

/** The device of an ext file system, else an `ObservationError`: the others have no such state, or another tool for it. */
export function requireExt(path: string, facts: FileSystemFacts | undefined): string {
  if (facts !== undefined && /^ext[234]$/.test(facts.type)) return facts.source;
  throw failedProbe(
    `cannot tell whether the file system ${path} is clean`,
    facts === undefined ? nothing : `it is ${facts.type}, and only ext2, ext3 and ext4 are understood`,
  );
}
