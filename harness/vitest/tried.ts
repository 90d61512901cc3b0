// Decides how long a check is tried and what is said of one that is not met. Refuses to take what could not be asked for an answer.
import { lastLines } from "../checks/logs.ts";
import type { Check } from "../model/check.ts";
import { sayMs } from "../model/duration.ts";
import { HarnessError, messageOf } from "../model/errors.ts";
import type { ContainerNode, Death, Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { redact } from "../model/secret.ts";

/** What is tried for, and how long. */
export interface Trial {
  readonly wanted: boolean;
  readonly withinMs: number;
  readonly maker?: ContainerNode | undefined;
}

export interface Tried {
  readonly judgement: Judgement;
  readonly seen: unknown;
  readonly tries: number;
  readonly ms: number;
  readonly death: Death | undefined;
  /** Of who was to make it so. */
  readonly makersDeath: Death | undefined;
}

/** Asks until it is judged as wanted, it is late, or the node or who is to make it so has died; once more after a death. */
export async function tryToMeet(node: Node, check: Check<Node>, { wanted, withinMs, maker }: Trial): Promise<Tried> {
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  const seen: { death?: Death; makersDeath?: Death } = {};
  // A watch is only worth its cost where there is something to wait for.
  const ends =
    withinMs === 0
      ? []
      : [
          untilGone(node).then((death) => Object.assign(seen, { death })),
          ...(maker === undefined
            ? []
            : [untilGone(maker).then((death) => Object.assign(seen, { makersDeath: death }))]),
        ];
  for (let tries = 1, pause = 10; ; tries += 1, pause = Math.min(pause * 1.5, 250)) {
    const { death, makersDeath } = seen;
    const last = death !== undefined || makersDeath !== undefined || elapsed() + pause > withinMs;
    try {
      const answer = await check.observe(node);
      const judgement = check.judge(answer);
      if (last || "skipped" in judgement || judgement.met === wanted)
        return { judgement, seen: answer, tries, ms: elapsed(), death, makersDeath };
    } catch (error) {
      if (last || !(error instanceof HarnessError)) throw error;
    }
    await Promise.race([...ends, new Promise((resolve) => setTimeout(resolve, pause))]);
  }
}

/** The death that is the last: who is started again may yet meet it. */
async function untilGone(node: Node): Promise<Death> {
  const death = await node.died;
  return death.startsAgain === true ? new Promise<never>(() => undefined) : death;
}

/** Whose work it would have been, and what that printed last. */
type Log = { readonly title: string; readonly text: string };

/** Never rejects: that it cannot be read is told in its place. */
export async function lastOf(maker: ContainerNode | undefined): Promise<Log | undefined> {
  if (maker === undefined) return undefined;
  const text = await maker.logs().then(lastLines, (error: unknown) => `its log cannot be read: ${messageOf(error)}`);
  return { title: maker.title, text };
}

/** The message of a check that is not met. */
export function sayFailure(
  node: Node,
  check: Check<Node>,
  judgement: Extract<Judgement, { met: boolean }>,
  {
    negated,
    tried: { tries, ms, death, makersDeath },
    log,
  }: { readonly negated: boolean; readonly tried: Tried; readonly log?: Log | undefined },
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
  if (log !== undefined) {
    const died = makersDeath === undefined ? "" : `, dead with status ${makersDeath.status ?? "unknown"}`;
    lines.push(`  made by   ${log.title}${died}; its log: ${log.text.replaceAll("\n", "\n  ")}`);
  }
  return redact(lines.join("\n"));
}
