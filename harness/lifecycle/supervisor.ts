// Decides how a run ends, whatever happens to it: the specs run in a child that may die at any time, the deletion is done
// here from the ledger, and a detached reaper does it when this process dies too. Refuses to trust the child with teardown.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { dirname } from "node:path";
import type { Remover } from "../drivers/driver.ts";
import { ExitCode, messageOf, ProvisionError } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { listenForEvents } from "./event-socket.ts";
import { farewell } from "./farewell.ts";
import { type Collected, gc } from "./gc.ts";
import type { Lease } from "./lease.ts";
import type { Ledger } from "./ledger.ts";
import { occupy, type Places } from "./places.ts";
import { endProcesses, runVariable } from "./processes.ts";
import { type Reaped, reap } from "./reap.ts";

/** What will not go must not hold up a run that has nothing to do with it: the next one tries again. */
const collectingMs = 4_000;

/** A signal that cancels a run. */
export type Cancelling = "SIGINT" | "SIGTERM" | "SIGHUP";
const cancelling: readonly Cancelling[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export interface Program {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** File that standard output and standard error are appended to. */
  readonly log: string;
}

export interface Supervision {
  readonly run: string;
  /** What was typed; for `assay list` and for those that wait for this run. */
  readonly command: string;
  readonly ledger: Ledger;
  /** Opened once, beside the child's start; closed at the end. */
  readonly drivers: () => Promise<readonly Remover[]>;
  /** Gets `ASSAY_RUN` added to its environment, which marks all that descends from it. */
  readonly child: Program;
  /** A program that calls `standBy` with its standard input as the pipe. */
  readonly reaper: Program;
  readonly places: Places;
  /** For how long its teardown tries again what failed; see `Reaping`. */
  readonly patienceMs?: number | undefined;
  /**
   * Called when the child says its first event or has ended, for what need not hold its start up: looking at the engine.
   * When it rejects, the child is ended, and so is the run, with that error.
   */
  readonly begun?: () => Promise<void>;
  readonly event: (event: RunEvent) => void;
  readonly secret?: (name: string, value: string) => void;
  /** What `gc`, which runs beside the start, did about earlier runs; or why it could not. */
  readonly collected?: (collected: Collected | { readonly error: unknown }) => void;
  /** The run is one that is kept, taken over from `from`, which is dead; unless `keep` says otherwise, what `lease` names stays. */
  readonly change?: { readonly from: string; readonly lease: Lease };
  /** Asked once the child has ended by itself: what of the run stays, and for how long. The reaper then waits for that end. */
  readonly keep?: () => Lease | undefined;
  /** For how long a cancelled child may go on before it is killed; default 2 000. */
  readonly graceMs?: number;
}

export interface Supervised {
  /** 128 + n where the child died of signal n. */
  readonly childStatus: number;
  readonly childSignal?: NodeJS.Signals;
  readonly cancelled?: Cancelling;
  readonly totals: Reaped;
}

/** The exit code that says a run was cancelled by a signal. */
export function cancelledCode(signal: Cancelling): number {
  return signal === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated;
}

/**
 * Runs the child to its end and takes the run down. The first SIGINT, SIGTERM or SIGHUP cancels the child, and teardown
 * follows; the second ends this process at once, and the reaper follows. Rejects with a `ProvisionError` when the run
 * could not be begun or the child not be started; even then nothing is left.
 */
export async function supervise(supervision: Supervision): Promise<Supervised> {
  const { run, ledger, places, child: program } = supervision;
  const identity = identityOf();
  begin(supervision, identity);
  const cancellation = listenForSignals();
  const reaper = keepReaper(supervision.reaper, (pid) => ledger.reaperStarted(run, identityOf(pid)));
  let opening: Promise<readonly Remover[]> | undefined;
  const drivers = () => {
    opening ??= supervision.drivers();
    return opening;
  };
  let end: { status: number; signal?: NodeJS.Signals } | undefined;
  let trouble: unknown;
  let refusal: { readonly error: unknown } | undefined;
  let collecting: Promise<void> | undefined;
  let begun: Promise<void> | undefined;
  // Not before the child has something to say: while it is being loaded it has more use for the processors.
  const beginBeside = () => {
    if (begun !== undefined) return;
    begun = (supervision.begun?.() ?? Promise.resolve()).catch(async (error: unknown) => {
      refusal = { error };
      await endProcesses(run, { signal: "SIGKILL" });
    });
    if (cancellation.signal() === undefined) collecting = collect(supervision, drivers);
  };
  try {
    occupy(places, run, identity);
    const socket = await listenForEvents(places.socket(run), {
      event: (event) => {
        beginBeside();
        supervision.event(event);
      },
      secret: (name, value) => supervision.secret?.(name, value),
    });
    try {
      const child = await start(program, { ...program.env, [runVariable]: run }, "ignore");
      const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
      if (child.pid !== undefined) ledger.childStarted(run, identityOf(child.pid));
      const cancel = cancellation.first.then(() =>
        endProcesses(run, { signal: "SIGINT", graceMs: supervision.graceMs ?? 2_000 }),
      );
      cancel.catch(() => {});
      const [code, signal] = await ended;
      beginBeside();
      await begun;
      end = { status: code ?? 128 + constants.signals[signal ?? "SIGKILL"], ...(signal === null ? {} : { signal }) };
      // Workers outlive their parent when it is killed, and services that specs started on this machine may outlive both.
      await endProcesses(run);
    } finally {
      await socket.close();
    }
  } catch (error) {
    trouble = error;
  }
  const before = supervision.change?.lease;
  let kept: Lease | undefined;
  try {
    if (end !== undefined && cancellation.signal() === undefined) kept = supervision.keep?.();
  } catch (error) {
    refusal ??= { error };
  }
  let lease = kept ?? before;
  let totals = await takeDown(supervision, drivers, lease);
  if (cancellation.signal() === undefined) await collecting;
  if (lease !== undefined && before === undefined && cancellation.signal() !== undefined) {
    // While what was to stay was told from the rest.
    lease = undefined;
    kept = undefined;
    ledger.endLease(run);
    totals = await takeDown(supervision, drivers, lease);
  }
  // Without a farewell it takes over when this process ends.
  if (totals.error === undefined && lease === undefined) reaper.dismiss();
  await opening?.then((all) => Promise.allSettled(all.map((driver) => driver.close()))).catch(() => {});
  cancellation.stop();
  if (refusal !== undefined) throw refusal.error;
  if (end === undefined) throw trouble;
  // What is kept by now was not cancelled any more.
  const cancelled = kept === undefined ? cancellation.signal() : undefined;
  return {
    childStatus: end.status,
    ...(end.signal === undefined ? {} : { childSignal: end.signal }),
    ...(cancelled === undefined ? {} : { cancelled }),
    totals,
  };
}

function begin({ run, ledger, command, change }: Supervision, identity: string): void {
  if (change === undefined) ledger.beginRun(run, identity, command);
  else if (!ledger.reopen(run, { ...change, to: identity })) throw beingChanged(run);
}

/** Somebody else was quicker. */
export function beingChanged(run: string): ProvisionError {
  return new ProvisionError({
    code: "goes-up",
    phase: "create",
    seen: `run ${run} is being changed or taken down by somebody else`,
    hint: "assay list shows it",
  });
}

async function takeDown(
  { run, ledger, places, patienceMs, event }: Supervision,
  drivers: () => Promise<readonly Remover[]>,
  lease: Lease | undefined,
): Promise<Reaped> {
  // Where no engine can be reached, `reap` says what of the ledger is left.
  const usable = await drivers().catch(() => []);
  if (lease !== undefined) {
    // Loaded for the few runs that keep something: it knows environments, and with them what reads options.
    const { keepRun } = await import("./keep.ts");
    return keepRun(run, lease, { ledger, drivers: usable, say: event });
  }
  return reap(run, { ledger, drivers: usable, places, patienceMs, say: event });
}

async function collect(
  { ledger, places, collected }: Supervision,
  drivers: () => Promise<readonly Remover[]>,
): Promise<void> {
  try {
    collected?.(await gc({ ledger, drivers: await drivers(), places, patienceMs: collectingMs }));
  } catch (error) {
    collected?.({ error });
  }
}

/** Starts a program in a session of its own: a terminal's Ctrl-C and a group kill reach this process and not it. */
async function start(program: Program, env: Program["env"], stdin: "ignore" | "pipe"): Promise<ChildProcess> {
  mkdirSync(dirname(program.log), { recursive: true });
  const log = openSync(program.log, "a");
  const [file, ...args] = program.command;
  try {
    const child = spawn(file, args, { cwd: program.cwd, env: { ...env }, detached: true, stdio: [stdin, log, log] });
    await once(child, "spawn");
    return child;
  } catch (error) {
    throw new ProvisionError({
      code: "cannot-start",
      phase: "start",
      seen: `${file} cannot be started: ${messageOf(error)}`,
      cause: error,
    });
  } finally {
    closeSync(log);
  }
}

/** A reaper that stands by; when it dies while the run goes on, another takes its place. */
export function keepReaper(program: Program, started: (pid: number) => void): { dismiss(): void } {
  let dismissed = false;
  let current: ChildProcess | undefined;
  let left = 3;
  const hire = async () => {
    left -= 1;
    const reaper = await start(program, program.env, "pipe");
    current = reaper;
    // The run does not wait for it, and a reaper that died has nothing to read.
    reaper.unref();
    (reaper.stdin as Socket | null)?.unref();
    reaper.stdin?.on("error", () => {});
    reaper.once("exit", () => {
      if (!dismissed && left > 0) hire().catch(() => {});
    });
    if (dismissed) reaper.stdin?.end(farewell);
    else if (reaper.pid !== undefined) started(reaper.pid);
  };
  // Without a reaper the run is as safe as `gc` makes it: its log says what is wrong, the run goes on.
  hire().catch(() => {});
  return {
    dismiss: () => {
      dismissed = true;
      current?.stdin?.end(farewell);
    },
  };
}

export function listenForSignals() {
  let first: Cancelling | undefined;
  let cancel = () => {};
  const cancelled = new Promise<void>((resolve) => {
    cancel = resolve;
  });
  const heard = (signal: Cancelling) => {
    // At once: whoever asks twice does not want to wait. The reaper sees the pipe close.
    if (first !== undefined) process.exit(cancelledCode(signal));
    first = signal;
    cancel();
  };
  for (const signal of cancelling) process.on(signal, heard);
  return {
    /** Resolves at the first signal. */
    first: cancelled,
    signal: () => first,
    stop: () => {
      for (const signal of cancelling) process.off(signal, heard);
    },
  };
}
