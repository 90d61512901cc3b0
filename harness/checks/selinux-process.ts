// Decides how a process's SELinux context is seen: as the kernel shows it below /proc.
import type { Probe } from "../model/check.ts";
import type { NoSelinux } from "./selinux-policy.ts";
import { ruledOut, whereSelinux } from "./selinux-state.ts";
import { failedProbe, unreadable } from "./unanswered.ts";

/** Subject: a process id, or `self` for who asks. Answer: its context, `undefined` where it has ended. */
export const processContext: Probe<number | "self", string | NoSelinux | undefined> = {
  name: "SELinux context",
  script: (pids) => `${whereSelinux}
for pid in ${pids.join(" ")}; do
  context=
  if read -r context 2>/dev/null </proc/$pid/attr/current || [ -n "$context" ]; then echo "$context"
  elif [ -e /proc/$pid ]; then echo denied
  else echo ended; fi
done`,
  parse(output, pids) {
    const without = ruledOut(output);
    if (without !== undefined) return pids.map(() => ({ without }));
    const lines = output.stdout.toString("utf8").replaceAll("\0", "").split("\n").slice(1, -1);
    if (output.status !== 0 || lines.length !== pids.length) throw unreadable("/proc/PID/attr/current", output);
    return lines.map((line, at) => {
      if (line === "ended") return undefined;
      if (line === "denied")
        return failedProbe(`cannot read the context of process ${pids[at]}`, "the kernel does not show it");
      return line.includes(":") ? line : unreadable("/proc/PID/attr/current", output);
    });
  },
};
