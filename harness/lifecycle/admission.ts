// Decides when there is room: memory is added up over live runs, a port is anybody's only once. A run waits for room, or is
// refused at once where there never will be. Refuses to count what a dead process holds.
import { ProvisionError } from "../model/errors.ts";
import { identityOf, liveness } from "../model/identity.ts";
import { changesOf } from "./changes.ts";
import { ownership } from "./lease.ts";
import type { Claim, HeldClaim, Ledger } from "./ledger.ts";

export interface Admission {
  readonly run: string;
  /** Which stand-up within the run holds the claims; claims of another one count against it. */
  readonly scope: string;
  /** All are taken together, or none: nobody waits while holding something, so nobody waits in a circle. */
  readonly claims: readonly Claim[];
  /** How much there is of what has an amount, by name, in the same unit as the claims. */
  readonly capacity: Readonly<Record<string, number>>;
  /**
   * Names of what is shared for speed alone: what this process holds of it already does not count, so that it never waits for
   * itself.
   */
  readonly elastic?: readonly string[];
  readonly signal?: AbortSignal;
  /** Told once for each new reason to wait: `memory: 3 of 4 GiB are held by run x (assay run …)`. */
  readonly onWait?: (reason: string) => void;
  /** How often to ask whether holders still live, when nothing else happens; default 1 000. */
  readonly livenessMs?: number;
}

/** How long a dead run's resources may still stand in the way: its reaper is at work, and a port that is bound is no use. */
const reapingMs = 20_000;

/**
 * Resolves when the claims are taken. They end with `ledger.release(run, scope)`, with the run, or with the death of the
 * process that asked. Rejects with a `ProvisionError` (code `no-room`) when they can never fit, and with the signal's
 * reason when it is aborted. Woken when another claim or resource ends; blocks nobody.
 *
 * @example
 * await admit(ledger, { run, scope, claims: [{ name: "memory", amount: 268435456 }, { name: "port:127.0.0.1:8080" }], capacity: { memory } });
 */
export async function admit(ledger: Ledger, asked: Admission): Promise<void> {
  if (asked.claims.length === 0) return;
  refuseImpossible(asked);
  const began = performance.now();
  const objection = (held: readonly HeldClaim[]) =>
    objectionOf(
      asked,
      held.filter((claim) => counts(claim, asked, ledger, performance.now() - began)),
    );
  const take = () => ledger.claim(asked.run, asked.scope, identityOf(), asked.claims, objection);
  using changes = changesOf(ledger.file, asked.livenessMs ?? 1_000, asked.signal);
  let said: string | undefined;
  for (;;) {
    asked.signal?.throwIfAborted();
    const change = changes.next();
    // Looked at without a transaction first: a waiting run does not get in the way of those that write.
    const reason = objection(ledger.claims()) ?? take();
    if (reason === undefined) return;
    if (reason !== said) asked.onWait?.(reason);
    said = reason;
    await change;
  }
}

function refuseImpossible({ claims, capacity }: Admission): void {
  for (const { name, amount } of claims) {
    const most = capacity[name];
    if (amount === undefined || most === undefined || amount <= most) continue;
    throw new ProvisionError({
      code: "no-room",
      phase: "create",
      seen: `${name}: ${sayAmount(amount)} are asked for and this host has ${sayAmount(most)}`,
      hint: `declare less ${name}, or use a bigger host`,
    });
  }
}

/** Whether a held claim stands in the way, whoever wants what. */
function counts(held: HeldClaim, { run, scope, elastic }: Admission, ledger: Ledger, waitedMs: number): boolean {
  if (held.run === run && held.scope === scope) return false;
  if (elastic?.includes(held.name) === true && held.holder === identityOf()) return false;
  const owner = ownership(held);
  // What is shared for speed alone is not waited for until somebody has had a look at what was kept.
  if (owner === "leased") return elastic?.includes(held.name) !== true;
  if (owner === "dead") return waitedMs < reapingMs && ledger.standing(held.run).length > 0;
  // In a living run, one process that died leaves its resources to the end of the run; other runs wait for that end, but
  // the run itself would wait for ever.
  return held.run !== run || liveness(held.holder) !== "dead";
}

function objectionOf({ claims, capacity }: Admission, held: readonly HeldClaim[]): string | undefined {
  for (const { name, amount } of claims) {
    const others = held.filter((claim) => claim.name === name);
    if (others.length === 0) continue;
    const whose = [
      ...new Set(
        others.map(
          ({ run, command, lease }) =>
            `run ${run} (${command}${lease === undefined ? "" : `, kept: assay down ${run}`})`,
        ),
      ),
    ].join(", ");
    if (amount === undefined) return `${name} is held by ${whose}`;
    const taken = others.reduce((sum, claim) => sum + (claim.amount ?? 0), 0);
    const most = capacity[name] ?? Number.POSITIVE_INFINITY;
    if (taken + amount > most)
      return `${name}: ${sayAmount(amount)} are asked for, ${sayAmount(taken)} of ${sayAmount(most)} are held by ${whose}`;
  }
  return undefined;
}

/** Amounts are bytes or counts; a count is never as big as a mebibyte. */
function sayAmount(amount: number): string {
  return amount < 1024 ** 2 ? String(amount) : `${Math.round(amount / 1024 ** 2)} MiB`;
}
