// Decides how a node's SELinux is seen: from the kernel's own files, with nothing but a shell. That a kernel has none is an answer;
// that it cannot be seen from where one asks (in a container, mostly) is not.
import type { Probe, ProbeOutput } from "../model/check.ts";
import { failedProbe, unreadable } from "./unanswered.ts";

/** `disabled`: the kernel runs without it, or no policy was loaded. */
export type SelinuxMode = "enforcing" | "permissive" | "disabled";

export type SelinuxState =
  | { readonly mode: "disabled"; readonly why: string }
  | {
      readonly mode: "enforcing" | "permissive";
      /** `SELINUX=` of /etc/selinux/config: what the next boot will be, unless the kernel is told otherwise. */
      readonly configured: string | undefined;
      /** `SELINUXTYPE=` of that file: the policy's name, and its directory's. */
      readonly policy: string | undefined;
      /** Of the policy language, the newest that the kernel knows. */
      readonly version: number;
      /** Whether contexts have levels and categories. */
      readonly mls: boolean;
    };

/** What every probe of SELinux begins with: prints `kernel=no` and ends where the kernel has none. */
export const whereSelinux = `[ -r /proc/filesystems ] || { echo "/proc/filesystems cannot be read" >&2; exit 77; }
selinux=no
while read -r _ name; do [ "$name" = selinuxfs ] && selinux=yes; done </proc/filesystems
own=
read -r own </proc/self/attr/current
[ "$own" = kernel ] && selinux=unloaded
echo "kernel=$selinux"
[ "$selinux" = yes ] || exit 0
[ -r /sys/fs/selinux/enforce ] || { echo "$own runs where selinuxfs is not to be seen" >&2; exit 78; }`;

/** Throws what the beginning could not tell; `undefined` where SELinux rules, else why it does not. */
export function ruledOut(output: ProbeOutput): string | undefined {
  if (output.status === 77) throw failedProbe("cannot tell whether the kernel has SELinux", output.stderr.trim());
  if (output.status === 78)
    throw failedProbe(
      "SELinux cannot be seen from here",
      output.stderr.trim(),
      "a container does not see its carrier's: ask node.carrier",
    );
  const first = /^kernel=(\w+)\n/.exec(output.stdout.toString("utf8"))?.[1];
  if (first === "no") return "the node's kernel has no SELinux";
  if (first === "unloaded") return "the node's kernel has SELinux, and no policy is loaded";
  if (first !== "yes") throw unreadable("SELinux", output);
  return undefined;
}

/** Subject: none to speak of; each is given the same answer. */
export const selinuxState: Probe<"SELinux", SelinuxState> = {
  name: "SELinux",
  script: () => `${whereSelinux}
for file in enforce policyvers mls; do
  value=
  read -r value </sys/fs/selinux/$file
  echo "$file=$value"
done
[ -e /etc/selinux/config ] || exit 0
[ -r /etc/selinux/config ] || { echo "/etc/selinux/config: Permission denied" >&2; exit 1; }
while read -r line || [ -n "$line" ]; do
  case $line in SELINUX=* | SELINUXTYPE=*) echo "$line" ;; esac
done </etc/selinux/config`,
  parse(output, subjects) {
    const state = readState(output);
    return subjects.map(() => state);
  },
};

function readState(output: ProbeOutput): SelinuxState {
  const why = ruledOut(output);
  if (why !== undefined) return { mode: "disabled", why };
  if (output.status !== 0) throw failedProbe("cannot see how SELinux is configured", output.stderr.trim());
  const text = output.stdout.toString("utf8");
  const value = (key: string) => new RegExp(`^${key}=[ \\t]*(\\S+)`, "m").exec(text)?.[1];
  const [enforce, version, mls] = [value("enforce"), value("policyvers"), value("mls")];
  if (!/^[01]$/.test(enforce ?? "") || !/^\d+$/.test(version ?? "") || !/^[01]$/.test(mls ?? ""))
    throw unreadable("/sys/fs/selinux", output);
  return {
    mode: enforce === "1" ? "enforcing" : "permissive",
    configured: value("SELINUX"),
    policy: value("SELINUXTYPE"),
    version: Number(version),
    mls: mls === "1",
  };
}
