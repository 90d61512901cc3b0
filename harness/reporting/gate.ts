// Decides whether a run is good enough for a release: a pure function of a policy, the evidence and the time. Fails closed: what it does
// not know or does not understand is a 'no' with a reason. It reads no file, no clock and no key.
import type { Policy } from "../model/policy.ts";
import { type Decision, Findings } from "./gate-decision.ts";
import type { GateEvidence } from "./gate-evidence.ts";
import { judgeBudgets, judgeImages, judgeInputs } from "./gate-images.ts";
import { judgePreferences } from "./gate-preferences.ts";
import { judgeTime, judgeWholeness, reportShown } from "./gate-report.ts";
import { judgeStatements } from "./gate-statements.ts";
import { judgeTests } from "./gate-tests.ts";

/**
 * The answer, with every reason there is, not only the first. Never throws. The same three give the same answer. `now`: milliseconds
 * since the epoch.
 *
 * @example
 * const decision = decide(policy, { report, statements: [] }, Date.now());
 * process.exitCode = decision.accepted ? 0 : 1;
 */
export function decide(policy: Policy, evidence: GateEvidence, now: number): Decision {
  const findings = new Findings();
  let run: string | undefined;
  try {
    const report = reportShown(evidence, findings);
    if (report !== undefined) {
      run = report.run;
      judgeWholeness(report, findings);
      judgeTime(report, policy, now, findings);
      judgeTests(report, policy, now, findings);
      judgeInputs(report, evidence, findings);
      judgeImages(report, policy, evidence, findings);
      judgePreferences(report, policy, findings);
      judgeBudgets(report, policy, evidence, findings);
      judgeStatements(report, policy, evidence, now, findings);
    }
  } catch (error) {
    findings.no(
      "gate-broken",
      `the gate itself could not decide: ${error instanceof Error ? error.message : "for no known reason"}`,
    );
  }
  const { refusals, met, notes, waived, quarantined } = findings;
  return {
    accepted: refusals.length === 0,
    ...(run === undefined ? {} : { run }),
    at: new Date(now).toISOString(),
    refusals,
    met,
    notes,
    waived,
    quarantined,
  };
}
