// Decides what a report and a policy look like in tests of the gate: a run that is accepted, with one of each thing that a policy can ask.
import { definePolicy, type Policy, type PolicyOptions } from "../model/policy.ts";
import { decide } from "./gate.ts";
import { type GateEvidence, reportConfiguration, testName, testResultType } from "./gate-evidence.ts";
import { type Report, reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, stoodUp } from "./sample.ts";

export const spec = "specs/docker-soe-bash.spec.ts";
export const bashrc = "root has a .bashrc of its own";
export const release = "the release is told";
const image = (letter: string) => `sha256:${letter.repeat(64)}`;

/** A day on which all of it is well: a minute after the run. */
export const soon = began + 74_000;
export const key = `SHA256:${"k".repeat(43)}=`;

/** Of an image that was preferred to a recipe's. */
export const preferred = image("9");

/** Of a run with two tests, four checks, one image and one that was preferred, three inputs. */
export function goodReport(): Report {
  return reportOf([
    runStarted(),
    { event: "inputs", at: began + 200, file: spec, inputs: goodInputs() },
    {
      event: "image",
      at: began + 500,
      environment: "docker-soe",
      recipe: "vfx-studio-soe",
      tag: "vfx-studio-soe:0.1.0",
      recipeDigest: image("a"),
      treeDigest: image("b"),
      imageId: image("c"),
      built: true,
      ms: 100,
    },
    ...stoodUp(spec, "bash", 1600, 11_000),
    {
      event: "node",
      at: began + 2800,
      environment: "docker-soe",
      scope: "bash",
      node: "soe",
      facts: { image: preferred },
    },
    {
      event: "preference",
      at: began + 700,
      recipe: "mongodb",
      reference: "mongo:7",
      imageId: preferred,
      why: "the registry has it",
    },
    ...ranTest(spec, bashrc, "passed", {
      checks: [
        check(spec, bashrc, { title: "file /root/.bashrc is a file" }),
        check(spec, bashrc, { title: "file /root/.bashrc has mode 0644" }),
        check(spec, bashrc, { title: "file /root/.bashrc exists", negated: true }),
      ],
    }),
    ...ranTest(spec, release, "passed", { checks: [check(spec, release, { title: "port 127.0.0.1:32773 answers" })] }),
    runEnded(),
  ]);
}

function goodInputs() {
  return [
    { path: "environments/docker-soe.ts", sha256: "1".repeat(64) },
    { path: "fixtures/soe/roles/", sha256: "2".repeat(64) },
    { path: spec, sha256: "3".repeat(64) },
  ];
}

/** What accepts it; `more` changes that. */
export function goodPolicy(more: Partial<PolicyOptions> = {}): Policy {
  return definePolicy({
    required: {
      [spec]: {
        [bashrc]: [
          "file /root/.bashrc is a file",
          "file /root/.bashrc has mode 0644",
          "not: file /root/.bashrc exists",
        ],
        [release]: [/port 127\.0\.0\.1:\d+ answers/],
      },
    },
    images: ["vfx-studio-soe"],
    preferences: { mongodb: "mongo:7" },
    keys: [key],
    maxAge: "24h",
    budgets: {
      images: { "vfx-studio-soe": { size: "200m", packagesAdded: 2, packagesRemoved: 0, setuidAdded: 0 } },
      ready: { "docker-soe/soe": "5s" },
    },
    ...more,
  });
}

/** What goes with a report: its checkout, its image, one statement. */
export function goodEvidence(report: Report = goodReport()): GateEvidence & { readonly report: Report } {
  return {
    report,
    reportDigest: "d".repeat(64),
    statements: [
      {
        predicateType: testResultType,
        signer: { keyId: key },
        subjects: [{ name: "config", digest: { sha256: "c".repeat(64) } }],
        predicate: {
          result: "PASSED",
          configuration: [{ name: reportConfiguration, digest: { sha256: "d".repeat(64) } }],
          passedTests: report.tests.map(testName),
          warnedTests: [],
          failedTests: [],
        },
        signedAt: began + 20_000,
      },
    ],
    checkout: new Map(goodInputs().map(({ path, sha256 }) => [path, sha256])),
    images: [{ recipe: "vfx-studio-soe", imageId: image("c"), recipeDigest: image("a"), bytes: 100 * 1024 ** 2 }],
    changes: [{ recipe: "vfx-studio-soe", packagesAdded: ["jq"], packagesRemoved: [], setuidAdded: [] }],
  };
}

/** Of a policy that wants nobody to vouch for a run. */
export const unsigned = { keys: [] };

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends object ? Mutable<T[Key]> : T[Key] };

/** The evidence with another report. */
export function changed(change: (report: Mutable<Report>) => unknown): GateEvidence {
  const report = structuredClone(goodReport()) as Mutable<Report>;
  change(report);
  return { ...goodEvidence(), report };
}

/** Why it is refused. */
export function codes(evidence: GateEvidence, policy: Policy = goodPolicy(), now = soon): readonly string[] {
  return decide(policy, evidence, now).refusals.map(({ code }) => code);
}

/** A report that follows from its events, of tests that are given. */
export function reportWith(tests: Parameters<typeof reportOf>[0], more: Parameters<typeof reportOf>[0] = []): Report {
  const { inputs, images, preferences, environments } = goodReport();
  const report = reportOf([runStarted(), ...stoodUp(spec, "bash", 1600, 11_000), ...tests, ...more, runEnded()]);
  return { ...report, inputs, images, preferences, environments };
}

export const told = (report: Report): GateEvidence => ({ ...goodEvidence(report), statements: [] });
export const good = (name: string, titles: readonly string[]) =>
  ranTest(spec, name, "passed", { checks: titles.map((title) => check(spec, name, { title })) });
export const wanted = ["file /root/.bashrc is a file", "file /root/.bashrc has mode 0644"];
export const goodBashrc = [
  ...ranTest(spec, bashrc, "passed", {
    checks: [
      ...wanted.map((title) => check(spec, bashrc, { title })),
      check(spec, bashrc, { title: "file /root/.bashrc exists", negated: true }),
    ],
  }),
];
export const goodRelease = good(release, ["port 127.0.0.1:32773 answers"]);
export const failing = (
  name: string,
  titles: readonly string[],
  bad: readonly string[],
  outcome: "failed" | "errored" = "failed",
) =>
  ranTest(spec, name, outcome, {
    checks: titles.map((title) =>
      check(spec, name, { title, outcome: bad.includes(title) ? outcome : "passed", seen: "0600" }),
    ),
    ended: {
      errors: [{ name: outcome === "failed" ? "AssertionError" : "ObservationError", message: "it is not so" }],
    },
  });

/** A run of a hundred tests with twenty checks each, and a policy that requires each by its name. */
export function twoThousandChecks(): { readonly policy: Policy; readonly evidence: GateEvidence & { report: Report } } {
  const many = Array.from({ length: 100 }, (_, nth) =>
    good(
      `test ${nth}`,
      Array.from({ length: 20 }, (_each, index) => `file /usr/share/doc/${nth}/${index} has mode 0644`),
    ),
  ).flat();
  const report = reportWith([...goodBashrc, ...goodRelease, ...many]);
  const required = Object.fromEntries(
    report.tests.map(({ name, checks }) => [
      name,
      name === bashrc ? ("every" as const) : checks.map(({ title }) => title),
    ]),
  );
  const policy = goodPolicy({ ...unsigned, required: { [spec]: required } });
  return { policy, evidence: { ...told(report), report } };
}
