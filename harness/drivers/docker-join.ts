// Decides which engines can put their containers on a network of machines.
import { carrierOf } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";
import type { Standing } from "./driver.ts";

/**
 * Rejects networks of machines that the environment's containers cannot join: an engine joins a bridge of its own machine's, and podman
 * none that it did not make.
 */
export function canJoin(
  { environment }: Standing,
  { kind, here }: { readonly kind: string; readonly here: boolean },
): void {
  const joined = Object.keys(environment.networks).find((name) => {
    const carrier = carrierOf(name, environment.nodes);
    return carrier.kind === "vm" && carrier.shared;
  });
  if (joined === undefined || (kind === "docker" && here)) return;
  const why = here ? "podman joins no bridge that it did not make" : "the containers' engine is on another machine";
  throw new DeclarationError({
    code: "two-engines",
    at: environment.at,
    seen: `${environment.name}: network "${joined}" has machines and containers on it, and ${why}`,
    hint: "use this machine's docker, or give machines and containers networks of their own",
  });
}
