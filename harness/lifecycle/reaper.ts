// Decides what the reaper does: nothing while the supervisor's end of a pipe is open, and everything when it closes without
// a farewell. Refuses to act while the supervisor's process lives, and before a lease that it left behind is over.
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Remover } from "../drivers/driver.ts";
import { liveness } from "../model/identity.ts";
import { farewell } from "./farewell.ts";
import { leaseEnd } from "./lease.ts";
import type { Ledger } from "./ledger.ts";
import type { Places } from "./places.ts";
import { endProcesses } from "./processes.ts";
import { type Reaped, reap } from "./reap.ts";
import { isCutOff, settle } from "./settle.ts";

export interface StandingBy {
  readonly run: string;
  /** Identity of the supervisor. */
  readonly identity: string;
  /** The read end of the pipe. */
  readonly pipe: Readable;
  /** Opened only when there is something to do: starting a run must not cost an engine's client twice. */
  readonly open: () => Promise<{ readonly ledger: Ledger | undefined; readonly drivers: readonly Remover[] }>;
  readonly places?: Places | undefined;
  /** For how long an owner that closed its pipe may go on living; default 10 000. */
  readonly exitMs?: number;
}

/**
 * `dismissed`: the supervisor said farewell. `owner-lives`: it closed the pipe and did not end. `leased`: what it left stays, and
 * is ended by somebody else. Else what reaping did.
 */
export type Reaction = "dismissed" | "owner-lives" | "leased" | Reaped;

/** Waits for the supervisor's end, however it comes, and then takes its run down. */
export async function standBy(options: StandingBy): Promise<Reaction> {
  const { run, identity, pipe, open, places, exitMs = 10_000 } = options;
  let heard = "";
  pipe.setEncoding("utf8");
  try {
    for await (const chunk of pipe) heard += String(chunk);
  } catch {
    // A pipe that breaks says the same as one that closes.
  }
  if (heard.includes(farewell)) return "dismissed";
  const began = performance.now();
  while (liveness(identity) === "alive") {
    if (performance.now() - began > exitMs) return "owner-lives";
    await pause(20);
  }
  const { ledger, drivers } = await open();
  const kept = ledger?.run(run);
  // Of a run that is kept, others may be at work by now; they say so in the ledger.
  if (kept?.lease === undefined) await endProcesses(run);
  else if (ledger !== undefined && isCutOff(kept)) await settle(kept, kept.lease, { ledger, drivers });
  // Of a run that has ended, its owner may have died before it left its places.
  if (ledger !== undefined && (await leaseEnd(ledger, run)) === "unlimited") return "leased";
  return reap(run, { ledger, drivers, places });
}
