// Decides what a run's report says of one image, as an in-toto Statement: which digests are the subject, which tests were made on it, what
// was run. Pure. Refuses what is no answer: a run that could not ask, leaked or was cancelled, a shard, an image that no test was made on.
import { ReportError } from "../model/errors.ts";
import { conclude } from "./conclusion.ts";
import {
  reportConfiguration,
  type StatementSubject,
  type TestResult,
  testName,
  testResultType,
} from "./gate-evidence.ts";
import type { Report } from "./report.ts";

/** in-toto Statement v1. */
export interface Statement<Predicate = unknown> {
  readonly _type: typeof statementType;
  readonly subject: readonly StatementSubject[];
  readonly predicateType: string;
  readonly predicate: Predicate;
}
export const statementType = "https://in-toto.io/Statement/v1";

/** What the subject of a container's image is called as long as no registry has given it a manifest: its configuration's digest. */
export const configSubject = "config";

/** An image that nodes of a run were made of. */
export interface Tested {
  /** `name:tag` of the recipe; of an image that no recipe made, the node it was on. */
  readonly name: string;
  /** What the digest is of: `config` an image configuration, `disk` a whole qcow2 file. */
  readonly kind: "config" | "disk";
  /** Hexadecimal. */
  readonly sha256: string;
  /** Of the recipe, hexadecimal; absent where none made it. */
  readonly recipeSha256?: string;
  readonly environments: ReadonlySet<string>;
}

/** Each image once, by digest: as the engine, or the driver of machines, said it of live nodes. In the order they were first seen. */
export function testedIn(report: Pick<Report, "environments" | "images">): readonly Tested[] {
  const all = new Map<string, Tested & { environments: Set<string> }>();
  for (const { environment, nodes } of report.environments)
    for (const { node, facts } of nodes) {
      const kind =
        facts?.["engine"] !== undefined ? "config" : facts?.["accelerator"] !== undefined ? "disk" : undefined;
      const sha256 = hexOf(facts?.["image"]);
      if (kind === undefined || sha256 === undefined) continue;
      const made = report.images.find((image) => hexOf(kind === "disk" ? image.disk : image.imageId) === sha256);
      const recipeSha256 = hexOf(made?.recipeDigest);
      const tested = all.get(sha256) ?? {
        name: made?.tag ?? `${environment}/${node}`,
        kind,
        sha256,
        ...(recipeSha256 === undefined ? {} : { recipeSha256 }),
        environments: new Set<string>(),
      };
      tested.environments.add(environment);
      all.set(sha256, tested);
    }
  return [...all.values()];
}

/** A report and the bytes it was read from. */
export interface ReadReport {
  readonly report: Report;
  /** SHA-256 over the file, hexadecimal. */
  readonly sha256: string;
}

/**
 * What the run says of one of its images: PASSED, WARNED where a test was skipped or is flaky, FAILED where the run failed anywhere. The lists have the
 * tests of environments that the image was in, each once: a name of several tests counts as its worst. `manifest`: the digest by which a
 * registry has the image, hexadecimal, where that is known; it comes first, and the configuration's stays beside it.
 * A `ReportError`: `not-concluded`, `shard`, `contradicts-itself`, `nothing-tested`.
 * @example testResultOf(read, testedIn(read.report)[0], { url: "https://ci.example/runs/7" })
 */
export function testResultOf(
  { report, sha256 }: ReadReport,
  tested: Tested,
  {
    manifest,
    url,
  }: {
    readonly manifest?: { readonly name: string; readonly sha256: string } | undefined;
    readonly url?: string | undefined;
  } = {},
): Statement<TestResult> {
  requireConcluded(report);
  const about = report.tests.filter(
    ({ environment }) => environment !== undefined && tested.environments.has(environment),
  );
  const having = (wanted: (test: Report["tests"][number]) => boolean, not: ReadonlySet<string>) =>
    new Set(about.filter((test) => wanted(test) && !not.has(testName(test))).map(testName));
  const failed = having(({ outcome }) => outcome === "failed", new Set());
  const warned = having(
    (test) => test.outcome === "skipped" || (test.outcome === "passed" && test.flaky !== undefined),
    failed,
  );
  const passed = having(({ outcome }) => outcome === "passed", new Set([...failed, ...warned]));
  if (passed.size + failed.size === 0)
    throw refused("nothing-tested", `no test was made on ${tested.name}`, "run the specs that say something of it");
  const subject = { name: tested.kind === "disk" ? tested.name : configSubject, digest: { sha256: tested.sha256 } };
  return {
    _type: statementType,
    subject:
      manifest === undefined ? [subject] : [{ name: manifest.name, digest: { sha256: manifest.sha256 } }, subject],
    predicateType: testResultType,
    predicate: {
      result: report.verdict === "failed" ? "FAILED" : warned.size > 0 ? "WARNED" : "PASSED",
      configuration: configurationOf(report, sha256, tested),
      ...(url === undefined ? {} : { url }),
      passedTests: [...passed],
      warnedTests: [...warned],
      failedTests: [...failed],
    },
  };
}

function requireConcluded(report: Report): void {
  const { shard, verdict, run } = report;
  if (shard !== undefined)
    throw refused(
      "shard",
      `run ${run} is shard ${shard.index}/${shard.count}, and no whole`,
      "assay merge makes one of all",
    );
  // The words of a report that somebody shortened or mended no longer follow from what is in it.
  const follows = conclude({ ...report, cancelled: report.cancelled });
  if (follows.verdict !== verdict || follows.exitCode !== report.exitCode)
    throw refused(
      "contradicts-itself",
      `the report of run ${run} says ${verdict}, and what is in it amounts to ${follows.verdict}`,
      "somebody changed it: run again",
    );
  if (verdict !== "met" && verdict !== "failed")
    throw refused("not-concluded", `run ${run} has no result to attest: ${verdict}, ${report.reason}`, "run again");
}

/** What was run, by digest: the report itself, what its specs were made of, the image's recipe. */
function configurationOf(report: Report, sha256: string, { name, recipeSha256 }: Tested): TestResult["configuration"] {
  return [
    {
      name: reportConfiguration,
      digest: { sha256 },
      annotations: { run: report.run, version: report.version, startedAt: report.startedAt, endedAt: report.endedAt },
    },
    ...(recipeSha256 === undefined ? [] : [{ name: `recipe ${name}`, digest: { sha256: recipeSha256 } }]),
    ...(report.inputs ?? []).map((input) => ({ name: input.path, digest: { sha256: input.sha256 } })),
  ];
}

function hexOf(digest: string | undefined): string | undefined {
  return /^(?:sha256:)?([0-9a-f]{64})$/.exec(digest ?? "")?.[1];
}

function refused(code: string, seen: string, hint: string): ReportError {
  return new ReportError({ code, phase: "report", seen, hint });
}
