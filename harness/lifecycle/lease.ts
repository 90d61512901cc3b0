// Decides for how long what a run left standing on purpose stays: a lease in the ledger takes the place of an owner that lives.
// Refuses to keep anything without one, and to touch anything itself.
import type { KeptTotals } from "../model/event.ts";
import { liveness } from "../model/identity.ts";
import { changesOf } from "./changes.ts";
import type { Ledger } from "./ledger.ts";

/** What is kept, for how long. Without `until` it stays until somebody takes it down. */
export interface Lease extends KeptTotals {
  /** Milliseconds since the epoch. */
  readonly keptAt: number;
  /** What the environment was declared to be, where a person asked for it by name. */
  readonly digest?: string;
}

/** `leased`: its owner has ended, and left it to whoever wants to look at it. */
export type Ownership = "alive" | "leased" | "dead" | "foreign";

/** Whose a run is. A lease that is over keeps nothing. */
export function ownership(
  { identity, lease }: { readonly identity: string; readonly lease?: Lease | undefined },
  now: number = Date.now(),
): Ownership {
  const owner = liveness(identity);
  return owner === "dead" && lease !== undefined && (lease.until ?? Number.POSITIVE_INFINITY) > now ? "leased" : owner;
}

/** The clock may be set meanwhile, and nothing tells of that. */
const atLatestMs = 60_000;

/**
 * Waits for a lease to be over. `over`: now, or there never was one; `ended`: somebody else took the run down; `unlimited`: at
 * once, there is nothing to wait for.
 */
export async function leaseEnd(ledger: Ledger, run: string): Promise<"over" | "ended" | "unlimited"> {
  using changes = changesOf(ledger.file, atLatestMs);
  for (;;) {
    const row = ledger.run(run);
    if (row === undefined || row.endedAt !== undefined) return "ended";
    if (row.lease === undefined) return "over";
    if (row.lease.until === undefined) return "unlimited";
    const left = row.lease.until - Date.now();
    if (left <= 0) return "over";
    await changes.next(Math.min(left, atLatestMs));
  }
}
