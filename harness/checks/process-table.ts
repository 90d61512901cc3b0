// Decides how the processes of a node are seen: two `grep` over /proc, no `ps`. Leaves out the probe's own processes and
// shells that were entered from outside the way the probe's was.
import type { Probe } from "../model/check.ts";
import { failedProbe, missingTool, requireTool, unreadable } from "./unanswered.ts";

export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** The kernel's name for it: at most 15 characters. */
  readonly name: string;
  /** Program and arguments; empty for a thread of the kernel. */
  readonly args: readonly string[];
  /** Effective user id. */
  readonly uid: number;
  /** Effective group id. */
  readonly gid: number;
  /** Memory of its own and shared that is resident, in bytes; 0 for a thread of the kernel. */
  readonly memory: number;
}

/** Subject: a name. Answer: the processes that go by it; zombies are not among them. */
export const processesNamed: Probe<string, readonly ProcessFacts[]> = {
  name: "processes",
  // With hidepid, or without /proc, an empty list would look like "nothing runs": pid 1 is there in every namespace.
  script: () => `export LC_ALL=C
[ -r /proc/1/status ] || { echo "/proc/1/status cannot be read: /proc is not mounted, or hides processes of others" >&2; exit 77; }
command -v grep >/dev/null || exit 127
read -r self _ </proc/self/stat
printf '%s %s\\0' "$$" "$self"
grep -sHE '^(Name|State|PPid|Uid|Gid|VmRSS):' /proc/[0-9]*/status
printf '\\0'
grep -saHz '' /proc/[0-9]*/cmdline
exit 0`,
  parse(output, names) {
    requireTool(output, "grep", "processes");
    if (output.status !== 0) throw failedProbe("cannot see processes", output.stderr.trim());
    const [own = "", statuses = "", ...lines] = output.stdout.toString("utf8").split("\0");
    const args = readCommandLines(lines);
    const table = readStatuses(statuses, args);
    const [shell, self] = own.split(" ").map(Number);
    if (shell === undefined || self === undefined || !table.has(shell)) throw unreadable("grep /proc/*/status", output);
    // The shell that asks was started with at least its own name.
    if (!args.has(shell)) throw missingTool("a grep that knows -z", "processes");
    const running = [...table.values()].filter((each) => !isOurs(each, table, shell, self));
    return names.map((name) => running.filter((each) => goesBy(name, each)));
  },
};

/** By the kernel's name, by the program's, or by that of a script that an interpreter runs. */
function goesBy(name: string, { name: kernelName, args }: ProcessFacts): boolean {
  const base = (path: string | undefined) => path?.slice(path.lastIndexOf("/") + 1);
  if (base(args[0]) === name) return true;
  return kernelName === name.slice(0, 15) && (name.length <= 15 || base(args[1]) === name);
}

/**
 * The probe's subshell with its ancestors up to the live shell and its children, and shells started beside the live shell in
 * the same way: `/bin/sh` without arguments, by the same parent, which in a container is none.
 */
function isOurs(each: ProcessFacts, table: ReadonlyMap<number, ProcessFacts>, shell: number, self: number): boolean {
  const beside = table.get(shell)?.parent;
  if (each.pid !== 1 && each.parent === beside && each.args.length === 1 && each.args[0] === "/bin/sh") return true;
  if (each.pid === shell) return true;
  for (let at = table.get(self); at !== undefined && at.pid !== shell; at = table.get(at.parent))
    if (at.pid === each.pid) return true;
  return each.parent === self;
}

/** Lines `/proc/12/status:Name:\tbash`. A zombie has ended; it only waits to be counted. */
function readStatuses(text: string, args: ReadonlyMap<number, readonly string[]>): Map<number, ProcessFacts> {
  const fields = new Map<number, Record<string, string>>();
  for (const [, pid, key = "", value = ""] of text.matchAll(/^\/proc\/(\d+)\/status:(\w+):\t(.*)$/gm)) {
    const known = fields.get(Number(pid));
    if (known === undefined) fields.set(Number(pid), { [key]: value });
    else known[key] = value;
  }
  const table = new Map<number, ProcessFacts>();
  for (const [pid, { Name = "", State = "", PPid, Uid = "", Gid = "", VmRSS = "0 kB" }] of fields) {
    if (/^[ZX]/.test(State)) continue;
    const [uid, gid] = [Number(Uid.split("\t")[1]), Number(Gid.split("\t")[1])];
    const memory = Number.parseInt(VmRSS, 10) * 1024;
    table.set(pid, { pid, parent: Number(PPid), name: Name, args: args.get(pid) ?? [], uid, gid, memory });
  }
  return table;
}

/** `/proc/12/cmdline:` and one argument. */
function readCommandLines(fields: readonly string[]): Map<number, string[]> {
  const args = new Map<number, string[]>();
  for (const field of fields) {
    const [, pid = "", word = ""] = /^\/proc\/(\d+)\/cmdline:(.*)$/s.exec(field) ?? [];
    const known = args.get(Number(pid));
    if (known === undefined) args.set(Number(pid), [word]);
    else known.push(word);
  }
  return args;
}
