// Decides how a part of a file is read: of big ones, where only a header or a table at the end is of interest.
// Follows links. Refuses to open anything but a regular file.
import { type Probe, quoteWord } from "../model/check.ts";
import type { NoContents } from "./file-bytes.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { slicesFromTree } from "./tree-parts.ts";
import { failedProbe, missingTool, pathFailure, unreadable } from "./unanswered.ts";

export interface SliceQuery {
  readonly path: string;
  /** Bytes from the beginning. */
  readonly at: number;
  readonly length: number;
}

/** Subject: a file and a part of it. Answer: the bytes, fewer where the file ends before, or why there are none. */
export const fileSlice: Probe<SliceQuery, Buffer | NoContents> = {
  name: "slice",
  anyLines: true,
  script: (queries) => `export LC_ALL=C
command -v head >/dev/null && command -v tail >/dev/null || exit 127
${queries
  .map(({ path, at, length }) => {
    const word = quoteWord(path);
    const read = at === 0 ? `head -c ${length} <${word}` : `tail -c +${at + 1} <${word} | head -c ${length}`;
    return `if [ -f ${word} ] && [ -r ${word} ]; then ${read}; [ -s ${word} ] && size=some || size=none; ${endFrame('"read $size"')}
elif [ -e ${word} ] && ! [ -f ${word} ]; then ${endFrame("irregular")}
else ${endFrame(`"$( { : <${word}; } 2>&1)"`)}; fi`;
  })
  .join("\n")}`,
  parse(output, queries) {
    if (output.status === 127) throw missingTool("head", "a part of a file");
    const frames = readFrames("head", output, queries.length);
    return queries.map(({ path, at, length }, index) => {
      const { bytes, words } = frames[index] as Frame;
      if (words === "irregular") return { nothing: "irregular" };
      if (!words.startsWith("read "))
        return pathFailure(path, words.trim().split(": ").at(-1) ?? "") ?? { nothing: "absent" };
      if (bytes.length > length) return unreadable("head", output);
      if (at === 0 && bytes.length === 0 && words === "read some")
        return failedProbe(`cannot read ${path}`, output.stderr.trim() || "its beginning is empty");
      return bytes;
    });
  },
  fromTree: slicesFromTree,
};
