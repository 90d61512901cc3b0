// Decides how a fault is injected: at a chosen commit of a chosen process, chosen processes of the run get SIGKILL. This is for
// the tests that prove that nothing leaks; without a fault asked for, nothing here is called.
import { DeclarationError } from "../model/errors.ts";
import { Ledger } from "./ledger.ts";
import { processesOf } from "./processes.ts";

/** Who can be killed. `vitest` is the child's main process; `group` is all of a run but its reaper. */
type Victim = "supervisor" | "vitest" | "worker" | "reaper" | "group";
/** Whose commits are counted. A worker is a process that descends from the child, or the child itself. */
export type Counted = "supervisor" | "worker" | "reaper";

const pattern =
  /^kill:((?:supervisor|vitest|worker|reaper|group)(?:\+(?:supervisor|vitest|worker|reaper|group))*)@(supervisor|worker|reaper):(\d+)$/;

/**
 * The ledger's `step` for a process that plays `role` in `run`: `undefined` unless `fault` names the role.
 * `fault` is `kill:<who>[+<who>…]@<role>:<step>`; anything else is a `DeclarationError` (code `bad-fault`).
 *
 * @example
 * Ledger.open(file, { step: faultStep("kill:supervisor+reaper@worker:3", "worker", run, file) });
 */
export function faultStep(
  fault: string | undefined,
  role: Counted,
  run: string,
  file: string,
): ((n: number, what: string) => void) | undefined {
  if (fault === undefined) return undefined;
  const match = pattern.exec(fault);
  if (match === null) {
    throw new DeclarationError({
      code: "bad-fault",
      seen: `"${fault}" is no fault`,
      hint: 'write kill:<who>@<whose ledger>:<step>, as in "kill:supervisor+reaper@worker:3"',
    });
  }
  const [, who = "", counted, step] = match;
  if (counted !== role) return undefined;
  return (n) => {
    if (n === Number(step)) strike(who.split("+") as Victim[], role, run, file);
  };
}

function strike(victims: readonly Victim[], role: Counted, run: string, file: string): void {
  using ledger = Ledger.open(file);
  const row = ledger.run(run);
  const [supervisor, vitest, reaper] = [row?.identity, row?.child, row?.reaper].map(pidOf);
  // `processesOf` leaves this process out; where the commits of a worker are counted, it is one.
  const workers = [...processesOf(run), ...(role === "worker" ? [process.pid] : [])].filter((pid) => pid !== vitest);
  const pids: Record<Victim, readonly (number | undefined)[]> = {
    supervisor: [supervisor],
    vitest: [vitest],
    worker: workers,
    reaper: [reaper],
    group: [supervisor, vitest, ...workers],
  };
  const struck = new Set(victims.flatMap((victim) => pids[victim]).filter((pid) => pid !== undefined));
  // This process last: it could not go on killing.
  const self = struck.delete(process.pid);
  // All at one instant: whoever saw another die first would begin to act on it.
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const pid of struck) send(pid, signal);
  if (self) send(process.pid, "SIGKILL");
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The pid in an identity; see `identityOf`. */
function pidOf(identity: string | undefined): number | undefined {
  const pid = Number(identity?.split(" ")[3]);
  return pid > 1 ? pid : undefined;
}
