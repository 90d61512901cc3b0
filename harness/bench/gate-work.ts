// Decides what of the gate is timed: a decision about two thousand checks, in a process that has made none before. Prints the milliseconds.
import { decide } from "../reporting/gate.ts";
import { soon, twoThousandChecks } from "../reporting/gate-sample.ts";

if (import.meta.main) {
  const { policy, evidence } = twoThousandChecks();
  const began = performance.now();
  const { accepted, refusals } = decide(policy, evidence, soon);
  const ms = performance.now() - began;
  if (!accepted) throw new Error(`it was to be accepted: ${JSON.stringify(refusals)}`);
  console.log(ms);
}
