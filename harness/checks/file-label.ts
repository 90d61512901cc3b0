// Decides how SELinux labels are seen: one `stat` for all files, and only where the kernel has SELinux.
import type { Probe } from "../model/check.ts";
import { statCalls, statFailures } from "./file-stat.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

/** A file's label; `none` where it has none. `selinux: false` where the kernel of the node has no SELinux at all. */
export type FileLabel = { readonly selinux: false } | { readonly selinux: true; readonly label: string | "none" };

/**
 * Subject: an absolute path. Answer: its label, `undefined` where nothing is. A container sees its host's kernel in
 * `/proc/filesystems`, so that the question can be answered inside one, too.
 */
export const fileLabel: Probe<string, FileLabel | undefined> = {
  name: "SELinux label",
  script: (paths) => `[ -r /proc/filesystems ] || { echo "/proc/filesystems cannot be read" >&2; exit 77; }
selinux=no
while read -r _ name; do [ "$name" = selinuxfs ] && selinux=yes; done </proc/filesystems
printf '%s\\0' "$selinux"
[ "$selinux" = no ] && exit 0
${statCalls(paths, "%n\\0%C\\0")}`,
  parse(output, paths) {
    requireTool(output, "stat", "an SELinux label");
    if (output.status === 77) throw failedProbe("cannot tell whether the kernel has SELinux", output.stderr.trim());
    const [selinux, ...fields] = output.stdout.toString("utf8").split("\0");
    if (selinux === "no") return paths.map(() => ({ selinux: false }));
    if (selinux !== "yes" || fields.length % 2 !== 1) throw unreadable("stat --printf %C", output);
    const found = new Map<string, string>();
    for (let at = 0; at + 2 < fields.length; at += 2) found.set(fields[at] ?? "", fields[at + 1] ?? "");
    const failures = statFailures(
      output,
      paths.filter((path) => !found.has(path)),
    );
    const refusals = [...output.stderr.matchAll(/^stat: failed to get security context of .*: (.+)$/gm)];
    const unlabelled = paths.filter((path) => found.get(path) === "?");
    if (refusals.length !== unlabelled.length) throw unreadable("stat --printf %C", output);
    return paths.map((path) => {
      const label = found.get(path);
      if (label === undefined) return failures.get(path);
      if (label !== "?") return { selinux: true, label };
      const reason = refusals[unlabelled.indexOf(path)]?.[1] ?? "";
      return /no data available|not supported/i.test(reason)
        ? { selinux: true, label: "none" }
        : failedProbe(`cannot read the label of ${path}`, reason);
    });
  },
};

/**
 * Whether a label is the wanted one: a type alone (`etc_t`), or user, role and type with or without the level.
 * @example labelMatches("etc_t", "system_u:object_r:etc_t:s0") // true
 */
export function labelMatches(wanted: string, label: string): boolean {
  const parts = label.split(":");
  if (!wanted.includes(":")) return parts[2] === wanted;
  return label === wanted || parts.slice(0, 3).join(":") === wanted;
}
