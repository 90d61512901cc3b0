// Decides how labels are compared with what the policy says a file should have: by `restorecon`, which is told to change nothing.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import type { NoSelinux } from "./selinux-policy.ts";
import { ruledOut, whereSelinux } from "./selinux-state.ts";
import { missingTool, pathFailure, unreadable } from "./unanswered.ts";

export interface LabelSubject {
  readonly path: string;
  /** With everything below it, on the same file system. */
  readonly recursive: boolean;
}

/** A file whose label is another than the policy's. */
export interface Mislabelled {
  readonly path: string;
  readonly label: string;
  readonly wanted: string;
}

/** Answer: files with another type than the policy gives them; `undefined` where nothing is at the path. */
export const mislabelledFiles: Probe<LabelSubject, readonly Mislabelled[] | NoSelinux | undefined> = {
  name: "restorecon",
  script: (subjects) => `${whereSelinux}
export LC_ALL=C
command -v restorecon >/dev/null || exit 127
${subjects
  .map(
    ({ path, recursive }) =>
      `restorecon -n -v${recursive ? " -R -x" : ""} ${quoteWord(path)} 2>&1; ${endFrame('"$?"')}`,
  )
  .join("\n")}`,
  parse(output, subjects) {
    const without = ruledOut(output);
    if (without !== undefined) return subjects.map(() => ({ without }));
    if (output.status === 127 || output.status === 126)
      throw missingTool("restorecon", "whether labels are the policy's");
    const stdout = output.stdout.subarray("kernel=yes\n".length);
    return readFrames("restorecon -n -v", { ...output, stdout }, subjects.length).map(({ bytes, words }, at) => {
      // Where the policy has no rule for a path, any label is as good.
      const lines = bytes
        .toString("utf8")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("Warning no default label for "));
      const found = lines.map((line) => /^Would relabel (.+) from (\S+) to (\S+)$/.exec(line));
      if (words === "0" && !found.includes(null))
        return found.map((match) => ({ path: match?.[1] ?? "", label: match?.[2] ?? "", wanted: match?.[3] ?? "" }));
      const refusal = lines.find((line) => /^restorecon: /.test(line));
      return refusal === undefined
        ? unreadable("restorecon -n -v", output)
        : pathFailure(subjects[at]?.path ?? "", refusal);
    });
  },
};
