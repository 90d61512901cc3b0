// Decides what `expect(node).toMeet(check)` does: asks until met or late, judges, and tells it. "I could not ask" is thrown,
// so that `.not` cannot turn it into an answer.
import { expect } from "vitest";
import type { Check } from "../model/check.ts";
import { type Duration, durationMs, sayMs } from "../model/duration.ts";
import { HarnessError, messageOf } from "../model/errors.ts";
import type { Death, Node } from "../model/node.ts";
import type { Judgement, Outcome } from "../model/outcome.ts";
import { redact } from "../model/secret.ts";
import { recording, SkippedAgain } from "./prove-record.ts";
import { session } from "./session.ts";

export interface MeetOptions {
  /** Asks again until met, at most this long. Without it, asks once. */
  readonly within?: Duration;
}

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /**
     * The node meets the check. Resolves when it does; fails with expected, seen, node, command and for how long it
     * was tried; rejects with a `HarnessError` when it could not be asked; skips the test when the check cannot apply.
     * @example await expect(soe).toMeet(file("/vfx").isDirectory(), { within: "5s" });
     */
    toMeet(check: T extends Node ? Check<T> : never, options?: MeetOptions): Promise<void>;
  }
}

interface Tried {
  readonly judgement: Judgement;
  readonly seen: unknown;
  readonly tries: number;
  readonly ms: number;
  readonly death: Death | undefined;
}

type Asked = Check<Node>;

expect.extend({
  async toMeet(node: Node, check: Asked, options: MeetOptions = {}) {
    const negated = this.isNot === true;
    const proving = recording();
    const wantedMs = options.within === undefined ? 0 : durationMs(options.within);
    const withinMs = proving?.within(wantedMs) ?? wantedMs;
    const began = performance.now();
    const where = {
      file: session().said(this.testPath ?? ""),
      test: this.currentTestName ?? "",
      node: node.title,
      negated,
    };
    let tried: Tried;
    try {
      tried = await tryToMeet(node, check, !negated, withinMs);
    } catch (error) {
      if (proving?.repeating !== true)
        tell(check, where, { outcome: "errored", reason: messageOf(error), tries: 1, ms: performance.now() - began });
      throw error;
    }
    const { judgement, tries, ms } = tried;
    if (proving?.repeating === true) {
      if ("skipped" in judgement) throw new SkippedAgain(judgement.skipped);
    } else {
      tellParts(check, where, tried);
      if ("met" in judgement && judgement.met !== negated) await proving?.look(node, check, negated);
    }
    if ("skipped" in judgement) {
      (this as { task?: { context: { skip(reason: string): never } } }).task?.context.skip(judgement.skipped);
      throw new Error(judgement.skipped);
    }
    return {
      pass: judgement.met,
      message: () => redact(sayFailure(node, check, judgement, negated, tried)),
      actual: judgement.seen,
      expected: negated ? `not ${judgement.expected}` : judgement.expected,
      meta: { tries, ms },
    };
  },
});

async function tryToMeet(node: Node, check: Asked, wanted: boolean, withinMs: number): Promise<Tried> {
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  let death: Death | undefined;
  // A watch is only worth its cost where there is something to wait for.
  const died = withinMs === 0 ? undefined : untilGone(node).then((seen) => (death = seen));
  for (let tries = 1, pause = 10; ; tries += 1, pause = Math.min(pause * 1.5, 250)) {
    const last = death !== undefined || elapsed() + pause > withinMs;
    try {
      const seen = await check.observe(node);
      const judgement = check.judge(seen);
      if (last || "skipped" in judgement || judgement.met === wanted)
        return { judgement, seen, tries, ms: elapsed(), death };
    } catch (error) {
      if (last || !(error instanceof HarnessError)) throw error;
    }
    await Promise.race([died, new Promise((resolve) => setTimeout(resolve, pause))]);
  }
}

/** The death that is the last: who is started again may yet meet it. */
async function untilGone(node: Node): Promise<Death> {
  const death = await node.died;
  return death.startsAgain === true ? new Promise<never>(() => undefined) : death;
}

type Where = { readonly file: string; readonly test: string; readonly node: string; readonly negated: boolean };
type Told = {
  readonly outcome: Outcome;
  readonly expected?: string;
  readonly seen?: string;
  readonly reason?: string;
  readonly tries: number;
  readonly ms: number;
};

function tell(check: Check<Node>, where: Where, told: Told): void {
  const hidden = Object.fromEntries(
    Object.entries(told).map(([key, value]) => [key, typeof value === "string" ? redact(value) : value]),
  ) as unknown as Told;
  session().events.say({
    event: "check",
    at: Date.now(),
    ...where,
    title: redact(check.title),
    command: redact(check.command),
    ...hidden,
  });
}

/** Parts of `all` are told one by one; under `.not` they only have a meaning together. */
function tellParts(check: Asked, where: Where, { judgement, seen, tries, ms }: Tried): void {
  const parts = where.negated || check.parts === undefined ? undefined : check.parts;
  if (parts === undefined) {
    tell(check, where, { ...outcomeOf(judgement, where.negated), tries, ms });
    return;
  }
  for (const [index, part] of parts.entries()) {
    tell(part, where, { ...outcomeOf(part.judge((seen as readonly unknown[])[index]), false), tries, ms });
  }
}

function outcomeOf(judgement: Judgement, negated: boolean): Pick<Told, "outcome" | "expected" | "seen" | "reason"> {
  if ("skipped" in judgement) return { outcome: "skipped", reason: judgement.skipped };
  return {
    outcome: judgement.met === negated ? "failed" : "passed",
    expected: judgement.expected,
    seen: judgement.seen,
  };
}

function sayFailure(
  node: Node,
  check: Asked,
  judgement: Extract<Judgement, { met: boolean }>,
  negated: boolean,
  { tries, ms, death }: Tried,
): string {
  const lines = [
    `${node.title}: ${check.title}${negated ? " — expected not to" : ""}`,
    `  expected  ${negated ? "not " : ""}${judgement.expected}`,
    `  seen      ${judgement.seen}`,
    `  by        ${check.command}`,
    `  tried     ${tries === 1 ? "once" : `${tries} times in ${sayMs(ms)}`}`,
  ];
  if (death !== undefined)
    lines.push(
      `  the node died with status ${death.status ?? "unknown"}; its last lines: ${death.lastLines.slice(-5).join(" | ")}`,
    );
  return lines.join("\n");
}

export { expect };
