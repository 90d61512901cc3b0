// Decides what `expect(node).toMeet(check)` does: asks until met or late, judges, and tells it. "I could not ask" is thrown,
// so that `.not` cannot turn it into an answer.
import { expect } from "vitest";
import type { Check } from "../model/check.ts";
import { type Duration, durationMs } from "../model/duration.ts";
import { messageOf } from "../model/errors.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import type { Judgement, Outcome } from "../model/outcome.ts";
import { redact } from "../model/secret.ts";
import { recording, SkippedAgain } from "./prove-record.ts";
import { session } from "./session.ts";
import { lastOf, sayFailure, type Tried, tryToMeet } from "./tried.ts";

export interface MeetOptions {
  /** Asks again until met, at most this long. Without it, asks once. */
  readonly within?: Duration;
  /**
   * The container whose work it is that the check is met, where that is another than the node asked: the last lines of its log are in the
   * message, and where it dies nobody waits on.
   * @example await expect(broker).toMeet(amqp(user).queue("celery").exists(), { within: "20s", madeBy: worker });
   */
  readonly madeBy?: ContainerNode;
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
      tried = await tryToMeet(node, check, { wanted: !negated, withinMs, maker: options.madeBy });
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
    const log = judgement.met === negated ? await lastOf(options.madeBy) : undefined;
    return {
      pass: judgement.met,
      message: () => sayFailure(node, check, judgement, { negated, tried, log }),
      actual: judgement.seen,
      expected: negated ? `not ${judgement.expected}` : judgement.expected,
      meta: { tries, ms },
    };
  },
});

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

export { expect };
