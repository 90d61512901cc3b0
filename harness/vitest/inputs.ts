// Decides when a test process says which files its spec is made of: before anything is stood up, and again when more were read.
import { inject } from "vitest";
import { allInputs } from "./reads.ts";
import { session } from "./session.ts";

let told = 0;

/** Says them where some were not said yet, and somebody listens. `path`: the spec file. */
export function tellInputs(path: string): void {
  // Who stands up is told that there is no supervisor; this is no reason to.
  if (inject("assay") === undefined) return;
  const { events, settings, said } = session();
  const inputs = allInputs(settings.project);
  if (inputs.length === told) return;
  told = inputs.length;
  events.say({ event: "inputs", at: Date.now(), file: said(path), inputs });
}
