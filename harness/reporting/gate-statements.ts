// Decides whether those whom the policy trusts vouch for this report, and whether what they signed says the same as it. Pure: signatures
// were verified by whoever made the statements. Refuses a statement of which it does not know all that it means.
import type { Policy } from "../model/policy.ts";
import { type Findings, repeated } from "./gate-decision.ts";
import {
  type GateEvidence,
  reportConfiguration,
  signerName,
  type TestResult,
  testName,
  testResultSchema,
  testResultType,
  type VerifiedStatement,
} from "./gate-evidence.ts";
import type { Report } from "./report.ts";

/** Tells of each statement what is wrong with it, and of each image whether somebody vouches for it. */
export function judgeStatements(
  report: Report,
  policy: Policy,
  evidence: GateEvidence,
  now: number,
  findings: Findings,
): void {
  const good = evidence.statements.filter((statement) => {
    const before = findings.refusals.length;
    judgeStatement(statement, { report, policy, evidence, now, findings });
    return findings.refusals.length === before;
  });
  const { keys, identities } = policy;
  if (keys.length + identities.length === 0) return;
  if (evidence.statements.length === 0) {
    const wanted = [
      ...(keys.length === 0 ? [] : [`${keys.length} keys`]),
      ...(identities.length === 0 ? [] : [`${identities.length} identities`]),
    ];
    findings.no("unsigned", `the policy wants one of ${wanted.join(" and ")} to vouch for the run, and nobody does`);
    return;
  }
  for (const recipe of policy.images) {
    const digests = digestsOf(report, recipe);
    const vouched = good.find(({ subjects }) => subjects.some(({ digest }) => digests.has(digest.sha256)));
    if (vouched === undefined)
      findings.no("not-vouched", "no statement by an allowed signer is about this image", recipe);
    else findings.yes("vouched", `${signerName(vouched.signer)} vouches for the image and the run`, recipe);
  }
  if (policy.images.length === 0 && good[0] !== undefined)
    findings.yes("vouched", `${signerName(good[0].signer)} vouches for the run`);
}

interface Judging {
  readonly report: Report;
  readonly policy: Policy;
  readonly evidence: GateEvidence;
  readonly now: number;
  readonly findings: Findings;
}

function judgeStatement(statement: VerifiedStatement, judging: Judging): void {
  const { report, policy, now, findings } = judging;
  const { predicateType, predicate, subjects, signedAt } = statement;
  const { keyId, identity } = statement.signer;
  const signer = signerName(statement.signer);
  const allowed =
    identity === undefined
      ? policy.keys.includes(keyId)
      : policy.identities.some(({ issuer, subject }) => issuer === identity.issuer && subject === identity.subject);
  if (!allowed) {
    const code = identity === undefined ? "unknown-key" : "unknown-identity";
    findings.no(code, "it signed a statement, and the policy does not allow it", signer);
    return;
  }
  if (predicateType !== testResultType) {
    findings.no(
      "unknown-predicate",
      `a statement has the predicate ${predicateType}, which the gate does not know`,
      signer,
    );
    return;
  }
  const read = testResultSchema.safeParse(predicate);
  if (!read.success) {
    const [issue] = read.error.issues;
    findings.no(
      "bad-predicate",
      `a statement has another shape at ${issue?.path.join(".") || "its top"}: ${issue?.message}`,
      signer,
    );
    return;
  }
  judgeSubjects(subjects, report, signer, findings);
  judgeResult(read.data, signer, judging);
  if (signedAt === undefined) return;
  const skew = policy.maxClockSkewMs;
  if (!(signedAt >= Date.parse(report.endedAt) - skew && signedAt <= now + skew))
    findings.no(
      "bad-signing-time",
      `it was signed at ${sayTime(signedAt)}, which is not between the run's end and now`,
      signer,
    );
}

function judgeSubjects(
  subjects: VerifiedStatement["subjects"],
  report: Report,
  signer: string,
  findings: Findings,
): void {
  const doubled = [
    ...repeated(subjects.map(({ name }) => name)),
    ...repeated(subjects.map(({ digest }) => digest.sha256)),
  ];
  for (const each of doubled) findings.no("duplicate-subject", `a statement has the subject ${each} twice`, signer);
  const known = new Set([
    ...report.images.flatMap(({ recipe }) => [...digestsOf(report, recipe)]),
    ...digestsOfNodes(report),
  ]);
  const strangers = subjects.filter(({ digest }) => !known.has(digest.sha256));
  if (strangers.length === subjects.length)
    findings.no("other-subject", "a statement is about nothing that this run was on", signer);
  // One may be the manifest by which a registry has the image.
  else if (strangers.length > 1)
    findings.no("extra-subject", `a statement is about ${strangers.length} things that this run was not on`, signer);
}

function judgeResult(
  { result, configuration, ...lists }: TestResult,
  signer: string,
  { report, evidence, findings }: Judging,
): void {
  const named = configuration.filter(({ name }) => name === reportConfiguration);
  if (
    named.length !== 1 ||
    evidence.reportDigest === undefined ||
    named[0]?.digest?.["sha256"] !== evidence.reportDigest
  )
    findings.no("other-report", "a statement is of another report than this one", signer);
  const { passedTests, warnedTests, failedTests } = lists;
  const all = [...passedTests, ...warnedTests, ...failedTests];
  for (const name of repeated(all)) findings.no("duplicate-test", "a statement has it twice", name);
  if (passedTests.length === 0) findings.no("nothing-passed", "a statement says of no test that it passed", signer);
  const outcomes = new Map(report.tests.map((test) => [testName(test), test.outcome]));
  for (const name of passedTests)
    if (outcomes.get(name) !== "passed")
      findings.no("inconsistent", "a statement says that it passed, and the report does not", name);
  for (const name of [...warnedTests, ...failedTests])
    if (!outcomes.has(name)) findings.no("inconsistent", "a statement has it, and the report does not", name);
  const failed = report.verdict !== "met";
  if ((result === "FAILED") !== failed || (failedTests.length > 0 && result !== "FAILED"))
    findings.no("inconsistent", `a statement says ${result}, and the run's verdict is ${report.verdict}`, signer);
}

/** What an image of a recipe may be known by: its configuration's digest or its disk's; hexadecimal. */
function digestsOf({ images }: Report, recipe: string): ReadonlySet<string> {
  return new Set(
    images
      .filter((image) => image.recipe === recipe)
      .flatMap((image) => [...hexOf(image.imageId), ...hexOf(image.disk ?? "")]),
  );
}

function digestsOfNodes({ environments }: Report): readonly string[] {
  return environments.flatMap(({ nodes }) => nodes.flatMap(({ facts }) => hexOf(facts?.["image"] ?? "")));
}

function hexOf(digest: string): readonly string[] {
  const [, hex] = /^(?:sha256:)?([0-9a-f]{64})$/.exec(digest) ?? [];
  return hex === undefined ? [] : [hex];
}

function sayTime(at: number): string {
  return Number.isFinite(at) && Math.abs(at) < 8.64e15 ? new Date(at).toISOString() : "a time that is none";
}
