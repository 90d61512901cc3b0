// Decides what the reports of several runs are as one: what each saw, side by side, and one verdict on all of it. Refuses reports of
// which it cannot be known what counts: one twice, one part of the specs twice, parts of different divisions or on different images. Pure.
import { DeclarationError } from "../model/errors.ts";
import { conclude } from "./conclusion.ts";
import { oneLine } from "./escape.ts";
import { refuseOtherSubjects } from "./merge-subjects.ts";
import { countsOf, type Report } from "./report.ts";
import { belowEvidence } from "./stand-ups.ts";

/** A report, and where it lies, for people. */
export interface ReportAt {
  readonly report: Report;
  readonly at: string;
}

type Trouble = Report["troubles"][number];

/**
 * One report of several: of the shards of one run, or of runs of different specs. A shard that is missing and a test that two of them
 * ran are troubles in it, so that it is not met. `run` is its own name. Evidence is expected in `evidence/<run>/` beside it, for each run.
 * What a run left standing is in its own report alone. A `DeclarationError` (codes `no-reports`, `doubled-report`, `mixed-shards`)
 * for what cannot be one.
 *
 * @example
 * const merged = mergeReports(reports, "merged-k3f9x2");
 */
export function mergeReports(given: readonly ReportAt[], run: string): Report {
  refuseDoubles(given);
  refuseOtherSubjects(given);
  const reports = given.map(({ report }) => report).sort((a, b) => rank(a) - rank(b));
  const [first] = reports;
  if (first === undefined)
    throw new DeclarationError({
      code: "no-reports",
      seen: "there is no report",
      hint: "name at least one report.json",
    });
  const tests = reports.flatMap((each) => each.tests);
  const troubles = [...reports.flatMap((each) => each.troubles), ...missing(reports), ...doubled(reports)];
  const teardown = {
    inventoried: reports.every((each) => each.teardown.inventoried),
    created: sum(reports, (each) => each.teardown.created),
    destroyed: sum(reports, (each) => each.teardown.destroyed),
    leaked: reports.flatMap((each) => each.teardown.leaked),
  };
  const cancelled = reports.find((each) => each.cancelled !== undefined)?.cancelled;
  const startedAt = Math.min(...reports.map((each) => Date.parse(each.startedAt)));
  const endedAt = Math.max(...reports.map((each) => Date.parse(each.endedAt)));
  return {
    schemaVersion: 1,
    run,
    version: [...new Set(reports.map(({ version }) => version))].join(", "),
    command: ["assay", "merge", ...reports.map((each) => each.run)],
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    ms: endedAt - startedAt,
    host: { ...first.host, engines: Object.assign({}, ...reports.map(({ host }) => host.engines)) },
    mergedFrom: reports.map(({ run: of, shard, verdict, ms, host }) => ({
      run: of,
      ...(shard === undefined ? {} : { shard }),
      verdict,
      ms,
      host,
    })),
    ...conclude({ tests, troubles, teardown, cancelled }),
    ...(cancelled === undefined ? {} : { cancelled }),
    counts: countsOf(tests, troubles),
    tests,
    troubles,
    ...inputs(reports),
    images: images(reports),
    ...preferences(reports),
    // Scopes are of one run: two machines may give one name to different things.
    environments: reports.flatMap((each) => each.environments.map((one) => scoped(each, one))),
    evidence: reports.flatMap((each) =>
      each.evidence.map((one) => ({ ...scoped(each, one), path: evidencePath(each, one.path) })),
    ),
    teardown,
    resources: reports.flatMap((each) => each.resources.map((one) => scoped(each, one))),
    health: {
      nodes: reports.flatMap((each) => (each.health?.nodes ?? []).map((one) => scoped(each, one))),
      findings: reports.flatMap((each) => (each.health?.findings ?? []).map((one) => scoped(each, one))),
    },
    overhead: {
      ledgerMs: sum(reports, (each) => each.overhead?.ledgerMs ?? 0),
      evidenceMs: sum(reports, (each) => each.overhead?.evidenceMs ?? 0),
      healthMs: sum(reports, (each) => each.overhead?.healthMs ?? 0),
    },
  };
}

function refuseDoubles(given: readonly ReportAt[]): void {
  const twice = (key: (report: Report) => string | undefined, say: (key: string) => string) => {
    const seen = new Map<string, string>();
    for (const { report, at } of given) {
      const word = key(report);
      if (word === undefined) continue;
      const before = seen.get(word);
      if (before !== undefined)
        throw new DeclarationError({
          code: "doubled-report",
          seen: `${before} and ${at} are both ${say(word)}`,
          hint: "give the one that counts",
        });
      seen.set(word, at);
    }
  };
  twice(
    ({ run }) => run,
    (run) => `of run ${run}`,
  );
  twice(
    ({ shard }) => (shard === undefined ? undefined : `${shard.index}/${shard.count}`),
    (shard) => `shard ${shard}`,
  );
  const counts = new Set(given.map(({ report }) => report.shard?.count));
  if (counts.size > 1)
    throw new DeclarationError({
      code: "mixed-shards",
      seen: `they are no parts of one whole: ${given.map(({ report, at }) => `${at} is ${sayShard(report)}`).join(", ")}`,
      hint: "merge the shards of one division, or whole runs",
    });
  const asked = new Set(given.filter(({ report }) => report.shard !== undefined).map(({ report }) => askedFor(report)));
  if (asked.size > 1)
    throw new DeclarationError({
      code: "mixed-shards",
      seen: `they are shards of different runs: ${[...asked].map((each) => oneLine(`"${each}"`)).join(", ")}`,
      hint: "merge the shards of one command line",
    });
}

/** What a run was asked for, whichever part of it this is. */
function askedFor({ command }: Report): string {
  const at = command.indexOf("--shard");
  return (at === -1 ? command : command.toSpliced(at, 2)).join(" ");
}

function sayShard({ shard }: Report): string {
  return shard === undefined ? "a whole run" : `shard ${shard.index}/${shard.count}`;
}

/** Shards in their order; whole runs as they began. */
function rank({ shard, startedAt }: Report): number {
  return shard?.index ?? Date.parse(startedAt);
}

function missing(reports: readonly Report[]): Trouble[] {
  const count = reports[0]?.shard?.count ?? 0;
  const there = new Set(reports.map(({ shard }) => shard?.index));
  return Array.from({ length: count }, (_, index) => index + 1)
    .filter((index) => !there.has(index))
    .map((index) => trouble("missing-shard", `shard ${index}/${count} is missing: nothing is known of its specs`));
}

/** Tests that two reports have. Several of one name in one report are the spec's own. */
function doubled(reports: readonly Report[]): Trouble[] {
  const seen = new Map<string, string>();
  const files = new Map<string, string>();
  for (const { run, tests } of reports)
    for (const { file, name } of tests) {
      const key = JSON.stringify([file, name]);
      const before = seen.get(key);
      if (before !== undefined && before !== run) files.set(file, `runs ${before} and ${run} both ran "${name}"`);
      seen.set(key, run);
    }
  return [...files].map(([file, why]) => ({
    ...trouble("doubled-test", `${why}: these are no parts of one whole, and both are counted`),
    file,
  }));
}

function trouble(code: string, message: string): Trouble {
  return { outcome: "errored", exitCode: 3, error: { name: "ReportError", code, message } };
}

/** Each file once; twice where it changed between two whole runs, or while a run read it. */
function inputs(reports: readonly Report[]): Pick<Report, "inputs"> {
  const all = new Map<string, NonNullable<Report["inputs"]>[number]>();
  for (const input of reports.flatMap((each) => each.inputs ?? [])) all.set(`${input.path}\0${input.sha256}`, input);
  return all.size === 0 ? {} : { inputs: [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

function images(reports: readonly Report[]): Report["images"] {
  const all = new Map<string, Report["images"][number]>();
  for (const image of reports.flatMap((each) => each.images)) {
    const key = JSON.stringify([image.recipe, image.tag, image.imageId]);
    if (!(all.get(key)?.built ?? false)) all.set(key, image);
  }
  return [...all.values()];
}

function preferences(reports: readonly Report[]): Pick<Report, "preferences"> {
  const all = new Map(
    reports.flatMap((each) => each.preferences ?? []).map((each) => [JSON.stringify(each), each] as const),
  );
  return all.size === 0 ? {} : { preferences: [...all.values()] };
}

function scoped<One extends { scope?: string | undefined }>({ run }: Report, one: One): One {
  return { ...one, scope: one.scope === undefined ? run : `${run}/${one.scope}` };
}

function evidencePath({ run }: Report, path: string): string {
  return belowEvidence(path).replace(/^evidence\//, `evidence/${run}/`);
}

function sum(reports: readonly Report[], count: (report: Report) => number): number {
  return reports.reduce((total, each) => total + count(each), 0);
}
