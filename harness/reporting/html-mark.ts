// Decides how an outcome is marked on the page: a sign, and its word for those who do not see the sign.
import { type Markup, markup } from "./escape.ts";
import type { TestReport } from "./report.ts";

type Outcome = TestReport["outcome"];

export const outcomes = ["passed", "failed", "errored", "skipped"] as const;

const signs: Record<Outcome, string> = { passed: "✓", failed: "✗", errored: "!", skipped: "–" };

export function mark(outcome: Outcome): Markup {
  return markup`<span class="mark tone-${outcome}" role="img" aria-label="${outcome}" title="${outcome}">${signs[outcome]}</span>`;
}

/** `1 test`, `2 tests` */
export function said(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
