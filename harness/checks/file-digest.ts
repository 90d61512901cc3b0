// Decides how MD5, SHA-1 and SHA-512 of files are seen: the tool of that name, file by file, which is alike in coreutils and busybox.
// SHA-256 is file-bytes.ts'. Refuses to open anything but a regular file.
import { type Probe, quoteWord } from "../model/check.ts";
import type { NoContents } from "./file-bytes.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { digestsFromTree } from "./tree-parts.ts";
import { missingTool, pathFailure, unreadable } from "./unanswered.ts";

/** Hexadecimal digits of each. */
export const digestLengths = { md5: 32, sha1: 40, sha512: 128 } as const;
export type DigestKind = keyof typeof digestLengths;

function digestProbe(kind: DigestKind): Probe<string, string | NoContents> {
  const tool = `${kind}sum`;
  return {
    name: tool,
    script: (paths) => `export LC_ALL=C
command -v ${tool} >/dev/null || exit 127
for path in ${paths.map(quoteWord).join(" ")}; do
  if [ -f "$path" ] && [ -r "$path" ]; then ${tool} <"$path"; ${endFrame("read")}
  elif [ -e "$path" ] && ! [ -f "$path" ]; then ${endFrame("irregular")}
  else ${endFrame('"$( { : <"$path"; } 2>&1)"')}; fi
done`,
    parse(output, paths) {
      if (output.status === 127) throw missingTool(tool, "a file's digest");
      const frames = readFrames(tool, output, paths.length);
      return paths.map((path, index) => {
        const { bytes, words } = frames[index] as Frame;
        if (words === "irregular") return { nothing: "irregular" };
        if (words !== "read") return pathFailure(path, words.trim().split(": ").at(-1) ?? "") ?? { nothing: "absent" };
        const sum = new RegExp(`^([0-9a-f]{${digestLengths[kind]}}) [ *]-?\\n$`).exec(bytes.toString("latin1"))?.[1];
        return sum ?? unreadable(tool, output);
      });
    },
    fromTree: (tree, paths) => digestsFromTree(tree, kind, paths),
  };
}

/** Subject: an absolute path. Answer: the digest in lower-case hexadecimal, or why there is none. */
export const fileDigest: Readonly<Record<DigestKind, Probe<string, string | NoContents>>> = {
  md5: digestProbe("md5"),
  sha1: digestProbe("sha1"),
  sha512: digestProbe("sha512"),
};
