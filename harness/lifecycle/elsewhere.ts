// Decides whose a run is that this ledger does not know: that of another user or another state directory may, where its resources name
// it. Only what such a ledger says of a lease counts; that its owner is dead is seen without it. Never makes a ledger.
import { statSync } from "node:fs";
import type { Owner } from "../drivers/driver.ts";
import { liveness } from "../model/identity.ts";
import { type Lease, type Ownership, ownership } from "./lease.ts";
import { Ledger } from "./ledger.ts";

/** What is known of a run from its labels, and from the ledger that these name. */
export interface KnownElsewhere {
  readonly owner: Ownership;
  readonly lease?: Lease;
  /** The ledger's file, where that is what keeps it. */
  readonly ledger?: string;
}

/** A ledger that may not be read keeps what it knows: `foreign`. One that is gone keeps nothing. */
export function knownElsewhere(
  { run, identity, ledger: file }: Owner,
  ours: Pick<Ledger, "file"> | undefined,
): KnownElsewhere {
  const owner = liveness(identity);
  if (owner !== "dead" || file === undefined || file === ours?.file) return { owner };
  try {
    // Throws where it may not be looked for, in another user's home: that is no absence.
    if (statSync(file, { throwIfNoEntry: false }) === undefined) return { owner };
    using ledger = Ledger.open(file);
    const lease = ledger.run(run)?.lease;
    return { owner: ownership({ identity, lease }), ...(lease === undefined ? {} : { lease, ledger: file }) };
  } catch {
    return { owner: "foreign" };
  }
}
