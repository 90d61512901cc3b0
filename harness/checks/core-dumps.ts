// Decides which cores a node has kept of programs that ended badly: the files that systemd-coredump writes. Refuses to call a node without
// a keeper of cores one without broken programs.
import type { Probe } from "../model/check.ts";
import { denied, failedProbe, unreadable } from "./unanswered.ts";

/** Names of the files, or why there is none to be expected. */
export type CoresKept = { readonly files: readonly string[] } | { readonly without: string };

const directory = "/var/lib/systemd/coredump";

/** Subject: always `all`. Answer: `core.<program>.<uid>.<boot>.<pid>.<time>` of each. */
export const coresKept: Probe<"all", CoresKept> = {
  name: "kept cores",
  script: () => `place=${directory}
[ -d "$place" ] || { printf 'without\\0'; exit 0; }
[ -r "$place" ] && [ -x "$place" ] || { echo "$place: Permission denied" >&2; exit 77; }
printf 'kept\\0'
for file in "$place"/*; do [ ! -e "$file" ] || printf '%s\\0' "\${file##*/}"; done`,
  parse(output, subjects) {
    if (output.status === 77) throw denied("cannot look for cores", output.stderr.trim());
    if (output.status !== 0)
      throw failedProbe("cannot look for cores", output.stderr.trim() || `status ${output.status}`);
    const [first, ...files] = output.stdout.toString("utf8").split("\0").slice(0, -1);
    if (first === "kept") return subjects.map(() => ({ files }));
    if (first === "without" && files.length === 0)
      return subjects.map(() => ({ without: "systemd-coredump is not there: nothing keeps cores" }));
    throw unreadable("the list of cores", output);
  },
};
