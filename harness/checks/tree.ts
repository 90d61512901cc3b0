// Decides which sentences can be said about a directory and all that is below it on its file system.
// The digest is over names, types, contents and link targets; owners and modes are sentences of their own. No times.
import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { fileSha256 } from "./file-bytes.ts";
import { fileStat } from "./file-stat.ts";
import { type FoundFiles, filesFound, type TreeTest } from "./inventory-find.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe } from "./unanswered.ts";

/** Most entries of which a digest is made. */
const mostEntries = 20_000;

/**
 * A directory with all that lies below it.
 * @example await expect(soe).toMeet(all(tree("/etc/studio").belongsTo("root", "root"), tree("/etc/studio").hasModes({ files: 0o644, directories: 0o755 })));
 */
export function tree(root: string) {
  requireSubject(
    isAbsolute(root) && !root.includes("\0"),
    `"${root}" is not an absolute path`,
    "write the directory from /",
  );
  const subject = `tree ${sayWord(root)}`;
  const found = (test: TreeTest, command: string) =>
    about<Node, FoundFiles>({
      subject,
      command: `find ${sayWord(root)} -xdev ${command}`,
      observe: (node) => node.observe(filesFound, { kind: test, root }),
    });
  const none = (seen: FoundFiles, expected: string) =>
    verdict(seen.length === 0, expected, seen.length === 0 ? expected : `not so: ${sayMany(seen)}`);

  return {
    /** Everything, the directory itself among it, belongs to a user and, where given, a group; by number or by the node's name for it. */
    belongsTo(user: string | number, group?: string | number) {
      const said = group === undefined ? String(user) : `${user}:${group}`;
      const test = { notOwnedBy: String(user), notOfGroup: group === undefined ? undefined : String(group) };
      return found(test, `! -user ${user}`)(`belongs to ${said}`, (seen) => none(seen, `all ${said}`));
    },
    /** All regular files, and all directories with the one that is asked of, have exactly these modes. */
    hasModes({ files, directories }: { readonly files: number; readonly directories: number }) {
      for (const mode of [files, directories])
        requireSubject(
          Number.isInteger(mode) && mode >= 0 && mode <= 0o7777,
          `${mode} is not a file mode`,
          "write it in octal, as in 0o644",
        );
      const said = `${files.toString(8).padStart(4, "0")} for files and ${directories.toString(8).padStart(4, "0")} for directories`;
      return about<Node, FoundFiles>({
        subject,
        command: `find ${sayWord(root)} -xdev -type f ! -perm ${files.toString(8)}`,
        observe: async (node) =>
          (
            await Promise.all([
              node.observe(filesFound, { kind: { notOfMode: files, type: "f" }, root }),
              node.observe(filesFound, { kind: { notOfMode: directories, type: "d" }, root }),
            ])
          ).flat(),
      })(`has modes ${said}`, (seen) => none(seen, said));
    },
    /** Exactly these entries, of whatever type, by their paths below the directory. */
    hasExactly(...paths: readonly string[]) {
      return found({ all: "entries" }, "")(`has exactly the ${paths.length} entries listed`, (seen) => {
        const below = seen
          .filter((path) => path !== root)
          .map((path) => path.slice(root.replace(/\/+$/, "").length + 1));
        const extra = below.filter((path) => !paths.includes(path));
        const missing = paths.filter((path) => !below.includes(path));
        const told = [
          extra.length === 0 ? "" : `extra: ${sayMany(extra)}`,
          missing.length === 0 ? "" : `missing: ${sayMany(missing)}`,
        ];
        return verdict(
          extra.length + missing.length === 0,
          sayMany(paths),
          told.filter(Boolean).join("\n") || "exactly these",
        );
      });
    },
    /**
     * The digest of the tree: SHA-256 over its entries in byte order, each as path below the directory, NUL, `file`, `directory`, `symbolic
     * link` or another type, NUL, SHA-256 of the contents or the link's target or nothing, NUL. What was seen is in the message.
     */
    hasSha256(hex: string) {
      requireSubject(/^[0-9a-f]{64}$/i.test(hex), `"${hex}" is not a SHA-256`, "write its 64 hexadecimal digits");
      return about<Node, string>({
        subject,
        command: `find ${sayWord(root)} -xdev -type f -exec sha256sum {} +`,
        observe: (node) => treeDigest(node, root),
      })(`has SHA-256 ${hex.slice(0, 12)}…`, (seen) => verdict(seen === hex.toLowerCase(), hex, seen));
    },
  };
}

async function treeDigest(node: Node, root: string): Promise<string> {
  const paths = await node.observe(filesFound, { kind: { all: "entries" }, root });
  if (paths.length > mostEntries)
    throw failedProbe(`cannot make the digest of ${root}`, `it has more than ${mostEntries} entries`);
  const entries = await Promise.all(
    paths.map(async (path) => {
      const seen = await node.observe(fileStat, path);
      const sum = seen?.type === "file" ? await node.observe(fileSha256, path) : (seen?.target ?? "");
      if (seen === undefined || typeof sum !== "string")
        throw failedProbe(
          `cannot make the digest of ${root}`,
          `${JSON.stringify(path)} changed, or its name is no UTF-8`,
        );
      return `${path.slice(root.replace(/\/+$/, "").length + 1)}\0${seen.type}\0${sum}\0`;
    }),
  );
  return createHash("sha256").update(entries.join("")).digest("hex");
}

function sayMany(paths: readonly string[]): string {
  const most = 10;
  const told = paths.slice(0, most).map(sayWord).join(", ");
  return `${told || "nothing"}${paths.length > most ? `, and ${paths.length - most} more` : ""}`;
}
