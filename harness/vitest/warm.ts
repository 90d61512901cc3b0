// Decides when a test gets an environment that stands already, in `assay watch`: where it is declared as it was when it was stood up.
// Nobody has used it before. Refuses to keep what another declaration left: it would stand in the way.
import { join } from "node:path";
import { lookupOf } from "../commands/by-hand.ts";
import type { Owner } from "../drivers/driver.ts";
import { declaredNow } from "../lifecycle/declared.ts";
import { take } from "../lifecycle/idle.ts";
import { release } from "../lifecycle/release.ts";
import { adopt, type LiveEnvironment, type StandingUp } from "../lifecycle/run.ts";
import { exclusiveNames } from "../lifecycle/takes.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { Session } from "./session.ts";

/** Where environments stand ahead of their use, and whose they are. Plain data. */
export interface WarmSettings {
  readonly owner: Owner;
  /** See `lifecycle/idle.ts`. */
  readonly directory: string;
  /** Directory of the owner's scratch mounts. */
  readonly scratch: string;
}

/** Whether it can stand ahead of its use: containers of the host's engine are found again by another process. Machines start from memory. */
export function standsAhead({ nodes }: Pick<Environment, "nodes">): boolean {
  return Object.values<NodeDeclaration>(nodes).every((node) => node.kind === "container" && node.on === undefined);
}

/** `undefined` where none stands that is declared so, or what stood is gone. `wanted` as for a new one. */
export async function warmOne(
  { engines, store, ledger }: Pick<Session, "engines" | "store" | "ledger">,
  { owner, directory, scratch }: WarmSettings,
  wanted: StandingUp,
): Promise<LiveEnvironment | undefined> {
  const { environment } = wanted;
  if (standsAhead(environment)) {
    const { digest } = await declaredNow(
      environment,
      lookupOf(store, () => engines.docker()),
    );
    const found = take(directory, (idle) => idle.environment === environment.name && idle.digest === digest);
    // What was killed or removed by hand meanwhile is made anew.
    if (found !== undefined)
      return adopt({ ...wanted, owner, scope: found.scope, directory: join(scratch, found.scope) }).catch(
        () => undefined,
      );
  }
  const claims =
    exclusiveNames(environment).length > 0 ||
    Object.values<NodeDeclaration>(environment.nodes).some(({ memory }) => memory !== undefined);
  for (;;) {
    const old = take(directory, (idle) => claims || idle.environment === environment.name);
    if (old === undefined) return undefined;
    const items = ledger
      .standing(owner.run)
      .filter(({ kind, name }) => old.resources.includes(`${kind} ${name}`))
      .map((entry) => ({ ...entry, entries: [entry] }));
    // What cannot be removed now is when the watch ends.
    await release(items, { ledger, drivers: [await engines.docker()] });
    ledger.release(owner.run, old.scope);
  }
}
