// Decides that no spec file waits for itself: two environments that are up at the same time want nothing of which there is one.
import { exclusiveNames } from "../lifecycle/takes.ts";
import type { Environment } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";

/** Environments of this spec file that hold something exclusive: those of the whole file never let go of it before its end. */
const holders: { readonly environment: Environment; readonly perTest: boolean }[] = [];

/** A `DeclarationError` (code `held-here`) for an environment that would wait for one of its own spec file, for ever. */
export function refuseSharing(environment: Environment, perTest: boolean): void {
  const names = exclusiveNames(environment);
  for (const other of holders) {
    const shared = exclusiveNames(other.environment).find((name) => names.includes(name));
    if (shared === undefined || (perTest && other.perTest)) continue;
    throw new DeclarationError({
      code: "held-here",
      at: environment.at,
      seen: `environments ${other.environment.name} and ${environment.name} of one spec file both want ${shared}`,
      hint: "choose another one for either, or put the specs in files of their own, which wait for each other",
    });
  }
  holders.push({ environment, perTest });
}
