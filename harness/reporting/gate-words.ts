// Decides how a decision of the gate is told to people: what refuses first, each with its code, and what was found to be so when that is
// wanted. Every foreign text in it is made harmless.

import { oneLine } from "./escape.ts";
import type { Decision, Finding } from "./gate-decision.ts";

/** In a few lines: the verdict, and each reason against it. */
export function decisionLines(decision: Decision): readonly string[] {
  const { accepted, refusals, met, waived, quarantined, notes } = decision;
  return [
    verdictLine(decision),
    ...refusals.map((each) => line("no  ", each)),
    ...waived.map((each) => line("waived", each)),
    ...quarantined.map((each) => line("quarantined", each)),
    ...notes.map((each) => line("note", each)),
    ...(accepted ? [] : ["assay gate explain says what is so as well"]),
    counted({ refusals, met, waived, quarantined }),
  ];
}

/** All of it, in sentences under headings. */
export function explanationLines(decision: Decision): readonly string[] {
  const { refusals, met, waived, quarantined, notes } = decision;
  const part = (title: string, findings: readonly Finding[]) =>
    findings.length === 0 ? [] : ["", title, ...findings.map((each) => `  ${sentence(each)} [${each.code}]`)];
  return [
    verdictLine(decision),
    ...part("It is refused because:", refusals),
    ...part("What was asked for and is so:", met),
    ...part("Excused for a time:", waived),
    ...part("In quarantine, and counted apart:", quarantined),
    ...part("Beside that:", notes),
    "",
    counted({ refusals, met, waived, quarantined }),
  ];
}

function verdictLine({ accepted, run, at }: Decision): string {
  const about = run === undefined ? "What was shown" : `Run ${oneLine(run)}`;
  return `${about} is ${accepted ? "accepted" : "refused"} (decided at ${at})`;
}

function line(word: string, each: Finding): string {
  return `  ${word.trimEnd()}  ${sentence(each)} [${each.code}]`;
}

function sentence({ about, says }: Finding): string {
  return oneLine(about === undefined ? says : `${about}: ${says}`, 500);
}

function counted({
  refusals,
  met,
  waived,
  quarantined,
}: Pick<Decision, "refusals" | "met" | "waived" | "quarantined">): string {
  return `${met.length} met, ${refusals.length} against it, ${waived.length} waived, ${quarantined.length} in quarantine`;
}
