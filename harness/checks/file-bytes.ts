// Decides how what is in files is read: their bytes, up to a limit, and their SHA-256, one `sha256sum` for all.
// Follows symbolic links, as reading does. Refuses to open anything but a regular file: reading a FIFO would not end.
import { type Probe, quoteWord } from "../model/check.ts";
import type { ObservationError } from "../model/errors.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { contentsFromTree } from "./tree-bytes.ts";
import { failedProbe, missingTool, pathFailure, unreadable } from "./unanswered.ts";

/** Most bytes of one file that are read: 16 MiB. */
export const contentsLimit = 16 * 1024 * 1024;

/** Why there is nothing to read: nothing there (also: a link to nothing), or not a regular file. */
export type NoContents = { readonly nothing: "absent" | "irregular" };

export interface Contents {
  readonly bytes: Buffer;
  /** False where the file is longer than `contentsLimit` and `bytes` only its beginning. */
  readonly whole: boolean;
}

// `why_not` says in the system's own words why a file cannot be opened, without starting a process: the shell opens it.
const preamble = `export LC_ALL=C
readable() { [ -f "$1" ] && [ -r "$1" ]; }
why_not() { if [ -e "$1" ] && ! [ -f "$1" ]; then echo irregular; else { : <"$1"; } 2>&1; fi; }`;

/** Subject: an absolute path. Answer: its SHA-256 in lower-case hexadecimal, or why there is none. */
export const fileSha256: Probe<string, string | NoContents> = {
  name: "sha256sum",
  script: (paths) => `${preamble}
command -v sha256sum >/dev/null || exit 127
set -- ${paths.map(quoteWord).join(" ")}
for path do
  shift
  if readable "$path"; then set -- "$@" "$path"; else printf '%s\\0%s\\0' "$path" "$(why_not "$path")"; fi
done
printf '\\0'
tool=$(command -v sha256sum)
if { [ -L "$tool" ] || [ "$tool" = sha256sum ]; } && ! sha256sum -z /dev/null >/dev/null 2>&1; then
  for path do sum=$(sha256sum <"$path") && printf '%s  %s\\0' "\${sum%% *}" "$path"; done
else [ $# -eq 0 ] || sha256sum -z -- "$@"; fi`,
  parse(output, paths) {
    if (output.status === 127) throw missingTool("sha256sum", "a file's SHA-256");
    const text = output.stdout.toString("utf8");
    const answers = new Map<string, string | NoContents | ObservationError>();
    const fields = text.split("\0");
    let at = 0;
    for (; (fields[at] ?? "") !== ""; at += 2) answers.set(fields[at] ?? "", noContents(fields[at], fields[at + 1]));
    for (const record of fields.slice(at + 1)) {
      const match = /^([0-9a-f]{64}) [ *](.*)$/s.exec(record);
      if (match !== null) answers.set(match[2] ?? "", match[1] ?? "");
      else if (record !== "") throw unreadable("sha256sum", output);
    }
    return paths.map((path) => answers.get(path) ?? failedProbe(`cannot read ${path}`, output.stderr.trim()));
  },
  fromTree: (tree, paths) => tree.sha256(paths),
};

/** Subject: an absolute path. Answer: the file's first 16 MiB, or why there are none. */
export const fileContents: Probe<string, Contents | NoContents> = {
  name: "contents",
  anyLines: true,
  script: (paths) => `${preamble}
for path in ${paths.map(quoteWord).join(" ")}; do
  if readable "$path"; then head -c ${contentsLimit + 1} -- "$path"; status=$?
    [ -s "$path" ] && size=some || size=none; ${endFrame('"read $status $size"')}
  else ${endFrame('"$(why_not "$path")"')}; fi
done`,
  parse(output, paths) {
    const frames = readFrames("head -c", output, paths.length);
    return paths.map((path, index) => {
      const { bytes, words } = frames[index] as Frame;
      // A file of /proc has bytes and no size; one with a size and no bytes was not read.
      if (words === "read 0 some" && bytes.length === 0) return unreadable("head -c", output);
      if (words.startsWith("read 0 "))
        return { bytes: bytes.subarray(0, contentsLimit), whole: bytes.length <= contentsLimit };
      if (words.startsWith("read 127 ")) return missingTool("head", "a file's contents");
      if (words.startsWith("read ")) return failedProbe(`cannot read ${path}`, output.stderr.trim());
      return noContents(path, words);
    });
  },
  fromTree: (tree, paths) => contentsFromTree(tree, paths, contentsLimit),
};

function noContents(path = "", reason = ""): NoContents | ObservationError {
  if (reason === "irregular") return { nothing: "irregular" };
  // It could be opened after all: the file appeared between two looks.
  if (reason === "") return failedProbe(`cannot read ${path}`, "it changed while it was looked at");
  // "/bin/sh: 5: cannot open /etc/shadow: Permission denied": the last part is the system's, the rest the shell's.
  return pathFailure(path, reason.trim().split(": ").at(-1) ?? "") ?? { nothing: "absent" };
}
