// Decides which processes act for a run, and ends them. A run's processes carry its id in their environment, which children
// inherit and a new session or a new parent does not change; a pid or a process group alone could be somebody else's by now.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** The environment variable that marks the processes of a run. */
export const runVariable = "ASSAY_RUN";

/** Pids of all processes, of those this user may look at, that act for a run; never this process itself. */
export function processesOf(run: string): number[] {
  const mark = `${runVariable}=${run}`;
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(mark) ? [Number(name)] : [];
    } catch {
      // Ended meanwhile, or another user's.
      return [];
    }
  });
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
  const told = new Set<number>();
  for (;;) {
    const left = processesOf(run);
    const elapsed = performance.now() - began;
    if (left.length === 0 || elapsed > graceMs + 5_000) return left;
    for (const pid of left) {
      if (elapsed < graceMs && told.has(pid)) continue;
      told.add(pid);
      send(pid, elapsed < graceMs ? signal : "SIGKILL");
    }
    await pause(10);
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
