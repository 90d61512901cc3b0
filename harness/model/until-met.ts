// Decides how often something is asked again that tells nobody when it changes: a port that opens, a file that appears.
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, ProvisionError } from "./errors.ts";
import type { Judgement } from "./outcome.ts";

/**
 * Resolves when `ask` is met, or `signal` aborted. Soon at first: asked again after a fortieth of the time that it has taken so far, `leastMs`
 * (10) at least and 250 ms at most. What it saw last, or why it could not ask, is in `last`. A `ProvisionError` ends it: what that says will
 * not change.
 */
export async function untilMet(
  signal: AbortSignal,
  ask: () => Promise<Judgement>,
  last: { last?: string | undefined } = {},
  leastMs = 10,
): Promise<void> {
  const began = performance.now();
  while (!signal.aborted) {
    const judgement = await ask().catch((error: unknown) => {
      if (error instanceof ProvisionError) throw error;
      return { met: false, expected: "", seen: messageOf(error) };
    });
    if ("met" in judgement && judgement.met) return;
    last.last = "skipped" in judgement ? judgement.skipped : judgement.seen;
    const wait = Math.min(Math.max((performance.now() - began) / 40, leastMs), 250);
    await pause(wait, undefined, { signal }).catch(() => undefined);
  }
}
