// Decides how what is kept comes to what its lease says, after that was changed or a change of it was cut off: whoever does it owns the run
// meanwhile, so that no two do, and a third finds it cut off again where the second died.
import { identityOf } from "../model/identity.ts";
import { type Keeping, keepRun } from "./keep.ts";
import { type Lease, ownership } from "./lease.ts";
import type { RunRow } from "./ledger.ts";
import { endProcesses } from "./processes.ts";
import type { Reaped } from "./reap.ts";

/** Whether whoever was changing what the run keeps died before all was done: what its lease does not name may stand. */
export function isCutOff(row: RunRow): boolean {
  return row.closingAt === undefined && row.endedAt === undefined && ownership(row) === "leased";
}

/**
 * Leaves of a kept run what `lease` names, which becomes its lease; everything else of it goes. Idempotent, and it may be cut off at any time.
 * `undefined` where somebody else was quicker: they own the run now. Rejects only when the ledger cannot be written.
 */
export async function settle(
  { run, identity: from }: Pick<RunRow, "run" | "identity">,
  lease: Lease,
  options: Keeping,
): Promise<Reaped | undefined> {
  const { ledger } = options;
  const to = identityOf();
  if (!ledger.reopen(run, { from, to, lease })) return undefined;
  try {
    await endProcesses(run);
    return await keepRun(run, lease, options);
  } finally {
    ledger.handBack(run, { from, to });
  }
}
