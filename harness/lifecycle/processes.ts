// Decides which processes act for a run, and ends them. A run's processes carry its id in their environment, which children
// inherit and a new session or a new parent does not change; a pid or a process group alone could be somebody else's by now.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** The environment variable that marks the processes of a run. */
export const runVariable = "ASSAY_RUN";

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** It began a session: whoever did that means to outlive its parent. */
  readonly leads: boolean;
  /** Clock ticks since boot. */
  readonly started: string;
  readonly marked: boolean;
}

/** Pids of all processes, of those this user may look at, that act for a run; never this process itself. */
export function processesOf(run: string): number[] {
  return acting(run).map(({ pid }) => pid);
}

/**
 * Ends all processes of a run: a signal, then SIGKILL after `graceMs`. Resolves when none is left, or after five seconds of
 * SIGKILL with the pids that will not die (in uninterruptible sleep). Children of others give no event when they end, so
 * `/proc` is looked at.
 */
export async function endProcesses(
  run: string,
  options: { readonly signal?: NodeJS.Signals; readonly graceMs?: number } = {},
): Promise<readonly number[]> {
  const { signal = "SIGTERM", graceMs = 1_000 } = options;
  const began = performance.now();
  const told = new Map<number, Process>();
  for (;;) {
    // Who was found by a parent that has ended meanwhile would not be found again.
    const known = [...told.values()].filter(({ pid, started }) => look(pid, run)?.started === started);
    const left = new Map([...known, ...acting(run)].map((each) => [each.pid, each]));
    const elapsed = performance.now() - began;
    if (left.size === 0 || elapsed > graceMs + 5_000) return [...left.keys()];
    for (const [pid, process] of left) {
      if (elapsed < graceMs && told.has(pid)) continue;
      told.set(pid, process);
      send(pid, elapsed < graceMs ? signal : "SIGKILL");
    }
    await pause(10);
  }
}

/** Marked processes, and what descends from them without the mark: some tools clear their children's environment. */
function acting(run: string): Process[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (look(Number(name), run) ?? []) : []));
  const acts = new Map(all.filter(({ marked }) => marked).map((each) => [each.pid, each]));
  for (let before = -1; before !== acts.size; ) {
    before = acts.size;
    for (const each of all) if (!each.leads && acts.has(each.parent)) acts.set(each.pid, each);
  }
  acts.delete(process.pid);
  return [...acts.values()];
}

/** `undefined` for a process that has ended, be it a zombie still, and for another user's. */
function look(pid: number, run: string): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name is in parentheses and may itself hold spaces and parentheses: count fields after the last one.
    const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z") return undefined;
    const marked = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`${runVariable}=${run}`);
    return { pid, parent: Number(parent), leads: Number(session) === pid, started: rest[15] ?? "", marked };
  } catch {
    return undefined;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
