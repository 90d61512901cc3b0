// Decides how the loaded policy is asked: the kernel itself answers what it would decide, in the words it decides by, and what of it
// nobody would hear. Booleans are the kernel's, too. Modules are those that are installed: the kernel does not know them.
import { type Probe, quoteWord } from "../model/check.ts";
import { ruledOut, whereSelinux } from "./selinux-state.ts";
import { failedProbe, unreadable } from "./unanswered.ts";

/** A question to the policy. Types alone, or whole contexts where user, role or level matter. */
export interface Access {
  /** Of the process. @example "container_t" */
  readonly source: string;
  /** Of what it acts on. @example "user_home_t" */
  readonly target: string;
  /** @example "dir", "tcp_socket" */
  readonly class: string;
  /** @example "write", "name_bind" */
  readonly permission: string;
}

/** The kernel's answer; `unknown`: a word that the loaded policy does not have. */
export type Decision =
  | { readonly unknown: "source" | "target" | "class" | "permission" }
  | {
      readonly allowed: boolean;
      /** A denial is written to the audit log; else the policy hides it (`dontaudit`). */
      readonly audited: boolean;
      /** The source's domain may do what it is denied: it is only logged. */
      readonly permissive: boolean;
    };

/** Why nothing of the kind can be seen: no SELinux here. */
export interface NoSelinux {
  readonly without: string;
}

/** Whole contexts of two types. @example contextOf("container_t", "system_r") // "system_u:system_r:container_t:s0" */
export function contextOf(type: string, role: "system_r" | "object_r"): string {
  return type.includes(":") ? type : `system_u:${role}:${type}:s0`;
}

/** Subject: who does what to whom. Answer: what the kernel would decide at this moment. */
export const accessDecision: Probe<Access, Decision | NoSelinux> = {
  name: "SELinux decision",
  // One write and one read of the same open file; the kernel keeps the answer for whoever asked. Its decision on a context
  // is EINVAL for one that the policy does not know: source and target are told apart by asking each about itself.
  script: (questions) => `${whereSelinux}
decide() {
  index= bit=
  read -r index <"/sys/fs/selinux/class/$3/index" || [ -n "$index" ] || { echo "unknown class"; return; }
  read -r bit <"/sys/fs/selinux/class/$3/perms/$4" || [ -n "$bit" ] || { echo "unknown permission"; return; }
  answer "$1" "$1" "$index" || { echo "unknown source"; return; }
  answer "$2" "$2" "$index" || { echo "unknown target"; return; }
  answer "$1" "$2" "$index" || { echo "no answer"; return; }
  echo "$bit $said"
}
answer() {
  said=
  { printf '%s %s %s' "$1" "$2" "$3" >&9 && read -r said <&9; [ -n "$said" ]; } 9<>/sys/fs/selinux/access
}
[ -w /sys/fs/selinux/access ] || { echo "/sys/fs/selinux/access may not be asked" >&2; exit 76; }
exec 2>/dev/null
${questions.map(({ source, target, class: kind, permission }) => `decide ${[contextOf(source, "system_r"), contextOf(target, "object_r"), kind, permission].map(quoteWord).join(" ")}`).join("\n")}`,
  parse(output, questions) {
    const without = ruledOut(output);
    if (without !== undefined) return questions.map(() => ({ without }));
    if (output.status === 76) throw failedProbe("cannot ask the policy", output.stderr.trim());
    const lines = output.stdout.toString("utf8").split("\n").slice(1, -1);
    if (output.status !== 0 || lines.length !== questions.length) throw unreadable("/sys/fs/selinux/access", output);
    return lines.map((line) => {
      const unknown = /^unknown (source|target|class|permission)$/.exec(line)?.[1];
      if (unknown !== undefined) return { unknown: unknown as "source" | "target" | "class" | "permission" };
      const [, bit, allowed, auditDenied, flags] =
        /^(\d+) ([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) \d+ ([0-9a-f]+)$/.exec(line) ?? [];
      if (bit === undefined || allowed === undefined || auditDenied === undefined || flags === undefined)
        return unreadable("/sys/fs/selinux/access", output);
      const has = (hex: string) => ((BigInt(`0x${hex}`) >> BigInt(Number(bit) - 1)) & 1n) === 1n;
      return { allowed: has(allowed), audited: has(auditDenied), permissive: (Number.parseInt(flags, 16) & 1) === 1 };
    });
  },
};

/** Subject: a boolean's name. Answer: its value in force, `undefined` where the loaded policy has no such boolean. */
export const selinuxBooleanValue: Probe<string, boolean | NoSelinux | undefined> = {
  name: "SELinux boolean",
  script: (names) => `${whereSelinux}
for name in ${names.map(quoteWord).join(" ")}; do
  value=
  if [ -e "/sys/fs/selinux/booleans/$name" ]; then read -r value </sys/fs/selinux/booleans/$name; else value=absent; fi
  echo "$value"
done`,
  parse(output, names) {
    const without = ruledOut(output);
    if (without !== undefined) return names.map(() => ({ without }));
    const lines = output.stdout.toString("utf8").split("\n").slice(1, -1);
    if (lines.length !== names.length) throw unreadable("/sys/fs/selinux/booleans", output);
    return lines.map((line, at) => {
      if (line === "absent") return undefined;
      // The value in force and the one that was asked for, which differ until somebody commits.
      const value = /^([01]) [01]$/.exec(line)?.[1];
      return value === undefined
        ? failedProbe(`cannot read SELinux boolean ${names[at]}`, output.stderr.trim() || JSON.stringify(line))
        : value === "1";
    });
  },
};

/** Subject: a module's name. Answer: whether the policy on the disk has it, and not switched off. */
export const selinuxModule: Probe<string, "installed" | "disabled" | "absent" | NoSelinux> = {
  name: "SELinux module",
  script: (names) => `${whereSelinux}
policy=
while read -r line || [ -n "$line" ]; do
  case $line in SELINUXTYPE=*) policy=\${line#SELINUXTYPE=} ;; esac
done </etc/selinux/config
store=/var/lib/selinux/$policy/active/modules
[ -n "$policy" ] && [ -d "$store" ] || { echo "the policy's store $store is not there" >&2; exit 76; }
[ -r "$store" ] && [ -x "$store" ] || { echo "$store: Permission denied" >&2; exit 76; }
for name in ${names.map(quoteWord).join(" ")}; do
  found=absent
  for each in "$store"/[0-9]*/"$name"; do [ -d "$each" ] && found=installed; done
  [ "$found" = installed ] && [ -e "$store/disabled/$name" ] && found=disabled
  echo "$found"
done`,
  parse(output, names) {
    const without = ruledOut(output);
    if (without !== undefined) return names.map(() => ({ without }));
    if (output.status === 76) throw failedProbe("cannot see the policy's modules", output.stderr.trim());
    const lines = output.stdout.toString("utf8").split("\n").slice(1, -1);
    if (
      output.status !== 0 ||
      lines.length !== names.length ||
      lines.some((line) => !/^(installed|disabled|absent)$/.test(line))
    )
      throw unreadable("the policy's store", output);
    return lines as ("installed" | "disabled" | "absent")[];
  },
};
