// Decides what a report is, once: every other format is rendered from it, and its JSON Schema is made of it.
// A report is a function of the run's events and of nothing else.
import { z } from "zod";
import { ReportError } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { countOutcomes } from "../model/outcome.ts";
import { conclude, exitCodes, type Verdict, verdicts } from "./conclusion.ts";
import { told } from "./escape.ts";
import { health, healthIn, overhead, overheadIn } from "./health.ts";
import { imagesIn, inputsIn, preferencesIn, resourcesIn, teardownOf } from "./inventory.ts";
import { evidenceIn, standUpsIn } from "./stand-ups.ts";
import { errorOf, testsIn } from "./tests.ts";

const time = z.iso.datetime().meta({ id: "Time", description: "UTC, with milliseconds" });
const ms = z.number().min(0).describe("milliseconds");
const count = z.int().min(0);
const digest = z.string().describe("algorithm:hex");
const outcome = z
  .enum(["passed", "failed", "errored", "skipped"])
  .describe("Only `failed` blames the image; `errored` means it could not be asked.");
const counts = z.strictObject({ passed: count, failed: count, errored: count, skipped: count });

const toldError = z
  .strictObject({
    name: z.string(),
    message: z.string(),
    code: z.string().optional().describe("stable, kebab-case; absent for failed assertions and foreign errors"),
    at: z.string().optional().describe("file:line:column"),
    stack: z.string().optional(),
  })
  .meta({ id: "Error" });

const check = z
  .strictObject({
    title: z.string().describe("a sentence that is true when the check is met"),
    negated: z.boolean().describe("the test wanted it not to be met"),
    node: z.string(),
    outcome,
    expected: z.string().optional(),
    seen: z.string().optional(),
    command: z.string().describe("what a person would run on the node to see the same"),
    reason: z.string().optional().describe("why it was skipped or could not be asked"),
    tries: count,
    at: time.optional().describe("when its last answer was judged"),
    ms,
  })
  .meta({ id: "Check" });

const test = z
  .strictObject({
    file: z.string(),
    name: z.string(),
    environment: z.string().optional(),
    planned: z.boolean().describe("it was in the plan before anything ran"),
    outcome,
    reason: z.string().optional().describe("why it was skipped, or errored without an error"),
    startedAt: time.optional(),
    ms,
    assertions: count
      .optional()
      .describe("how often the test called expect, checks among it; absent where nobody counted"),
    checks: z.array(check),
    errors: z.array(toldError),
    flaky: z
      .strictObject({ failedIn: z.array(z.string()).min(1).describe("runs, the newest first") })
      .optional()
      .describe(
        "it passed, and failed in earlier runs on the same inputs and images; absent where no such run is remembered",
      ),
  })
  .meta({ id: "Test" });

const phase = z
  .strictObject({
    phase: z.string().describe("declare, setup, build, create, start, connect, ready, observe, exec, destroy"),
    state: z.enum(["done", "failed", "unfinished"]),
    startedAt: time,
    ms,
    detail: z.string().optional(),
  })
  .meta({ id: "Phase" });

const layout = z
  .strictObject({
    nodes: z.array(
      z.strictObject({
        node: z.string(),
        kind: z.enum(["container", "vm", "image"]),
        image: z.string(),
        on: z.string().optional().describe("the machine of the environment that carries it"),
        networks: z.array(z.strictObject({ network: z.string(), address: z.string().optional() })),
        mounts: z.array(z.strictObject({ at: z.string(), source: z.string().describe("in words") })),
        extras: z.array(z.string()).describe("published ports and further disks, in words"),
      }),
    ),
    networks: z.array(z.strictObject({ network: z.string(), about: z.string().optional() })),
  })
  .meta({ id: "Layout", description: "What was declared, before anything was made." });

const standUp = z
  .strictObject({
    environment: z.string(),
    scope: z.string().optional().describe("tells several stand-ups of one environment apart"),
    file: z.string().optional().describe("the spec file it was stood up for"),
    layout: layout.optional(),
    phases: z.array(phase).describe("of the environment as a whole"),
    nodes: z.array(
      z.strictObject({
        node: z.string(),
        facts: z
          .record(z.string(), z.string())
          .optional()
          .describe("of a machine: what runs it, how it is reached, digest of its image"),
        phases: z.array(phase),
      }),
    ),
  })
  .meta({ id: "StandUp" });

const image = z
  .strictObject({
    recipe: z.string(),
    tag: z.string(),
    recipeDigest: digest.describe("of what went in"),
    treeDigest: digest.describe("of the file system that came out"),
    imageId: digest.describe("of the image configuration: the engine's image id"),
    disk: digest
      .optional()
      .describe(
        "of the whole qcow2, where it gives a disk; held against the file before a machine starts from it and when it is gone",
      ),
    built: z.boolean().describe("built in this run; else found in the store"),
    ms,
    from: z.string().optional().describe("what the recipe starts from, in words"),
    steps: z.array(z.string()).optional().describe("what it does to that, a line a step"),
    declaredAt: z.string().optional().describe("file:line:column of the recipe"),
  })
  .meta({ id: "Image" });

const preference = z
  .strictObject({
    recipe: z.string(),
    reference: z.string().describe("the image that is preferred to the recipe's"),
    imageId: digest.optional().describe("of that image, where it was used; absent: the recipe's was"),
    why: z.string(),
  })
  .meta({ id: "Preference" });

const resource = z
  .strictObject({
    environment: z.string(),
    scope: z.string().optional(),
    kind: z.enum(["container", "network", "volume", "directory", "domain", "process", "partition"]),
    name: z.string(),
    id: z.string().optional(),
    state: z
      .enum(["intent", "live", "deleting", "gone", "leaked"])
      .describe("the last that was said of it; intent: written down, and never seen to exist"),
    createdAt: time.optional(),
    goneAt: time.optional(),
  })
  .meta({ id: "Resource" });

const kept = z
  .strictObject({
    until: time.optional().describe("when it is taken down; absent: when somebody says so"),
    stands: z.array(
      z.strictObject({
        environment: z.string(),
        scope: z.string(),
        nodes: z.array(
          z.strictObject({
            node: z.string(),
            kind: z.enum(["container", "vm"]),
            name: z.string().describe("on its engine"),
            on: z.string().optional().describe("the machine whose engine has it"),
            reach: z.array(z.string()).optional(),
          }),
        ),
        resources: z.array(z.string()).describe("kind and name of each"),
      }),
    ),
  })
  .meta({ id: "Kept" });

const host = z.strictObject({
  hostname: z.string(),
  kernel: z.string(),
  cpus: count,
  memoryBytes: count,
  node: z.string(),
  engines: z.record(z.string(), z.string()),
});

const shard = z
  .strictObject({ index: z.int().min(1), count: z.int().min(1) })
  .refine(({ index, count: of }) => index <= of, "the index is above the count")
  .meta({ id: "Shard", description: "which part of the spec files a run ran: the index-th of count" });

/** The published shape of `report.json`. Foreign texts in it are redacted, and cut off after 16,384 characters with a word of how many more there were. */
export const reportSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    run: z.string(),
    version: z.string().describe("of Assay"),
    command: z.array(z.string()),
    startedAt: time,
    endedAt: time,
    ms,
    host: host.describe("where it ran; of a merged report the first one's, with the engines of all"),
    shard: shard.optional(),
    mergedFrom: z
      .array(z.strictObject({ run: z.string(), shard: shard.optional(), verdict: z.enum(verdicts), ms, host }))
      .optional()
      .describe("the reports that assay merge made this one of; absent in a run's own"),
    verdict: z.enum(verdicts),
    exitCode: z.literal(exitCodes),
    reason: z.string().describe("the verdict in a sentence"),
    cancelled: z.enum(["SIGINT", "SIGTERM", "SIGHUP"]).optional(),
    counts: z.strictObject({
      files: count.describe("spec files with at least one test"),
      planned: count.describe("tests that were in the plan"),
      ran: count.describe("tests that ran to an outcome other than skipped"),
      tests: counts,
      checks: counts,
      troubles: count,
    }),
    tests: z.array(test),
    troubles: z
      .array(
        z.strictObject({
          file: z.string().optional(),
          outcome: z.enum(["errored", "failed"]),
          exitCode: z.literal([1, 2, 3]),
          error: toldError,
        }),
      )
      .describe("what went wrong outside any test"),
    inputs: z
      .array(
        z.strictObject({
          path: z.string().describe("relative to the project; a directory ends in /"),
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .describe("over a file's bytes, or over the names in a directory"),
        }),
      )
      .optional()
      .describe(
        "files that the run was made of, as they were when they were read: specs, what these import, what recipes read",
      ),
    images: z.array(image),
    preferences: z
      .array(preference)
      .optional()
      .describe("which images were preferred to those of recipes, and whether they were used; absent where none was"),
    environments: z.array(standUp),
    evidence: z.array(
      z.strictObject({
        environment: z.string(),
        scope: z.string().optional(),
        node: z.string(),
        title: z.string(),
        path: z.string().describe("relative to this file"),
      }),
    ),
    teardown: z.strictObject({
      inventoried: z.boolean().describe("an inventory was taken after teardown; else nothing is known to be gone"),
      created: count,
      destroyed: count,
      leaked: z.array(z.string()).describe("kind and name of each"),
      kept: kept.optional().describe("what was left standing on purpose"),
    }),
    resources: z.array(resource),
    health: health.optional(),
    overhead: overhead.optional(),
  })
  .meta({ title: "Assay report", description: "What one run concluded, and what it saw to conclude it." });

export type Report = z.output<typeof reportSchema>;
export type TestReport = Report["tests"][number];
export type CheckReport = TestReport["checks"][number];
export type StandUp = Report["environments"][number];
export type PhaseReport = StandUp["phases"][number];
export type { Verdict };

/**
 * The report of a run. A `ReportError` (code `no-run`) when the events hold no `run-started`; every other hole is
 * reported as what it is: a planned test without an end is errored, a run without an end could not ask.
 *
 * @example
 * const report = reportOf(events);
 * process.exitCode = report.exitCode;
 */
export function reportOf(events: readonly RunEvent[]): Report {
  const started = events.find((event) => event.event === "run-started");
  if (started === undefined) {
    throw new ReportError({ code: "no-run", phase: "report", seen: "the events hold no run-started" });
  }
  const ended = events.findLast((event) => event.event === "run-ended");
  const endedAt = Math.max(started.at, ended?.at ?? events.reduce((latest, { at }) => Math.max(latest, at), 0));
  const tests = testsIn(events);
  const troubles = events
    .filter((event) => event.event === "trouble")
    .map(({ file, outcome, exitCode, error }) => ({
      ...(file === undefined ? {} : { file: told(file) }),
      outcome,
      exitCode,
      error: errorOf(error),
    }));
  const resources = resourcesIn(events);
  const teardown = teardownOf(ended?.totals, resources);
  return {
    schemaVersion: 1,
    run: told(started.run),
    version: told(started.version),
    command: started.command.map((word) => told(word)),
    startedAt: new Date(started.at).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    ms: endedAt - started.at,
    host: {
      hostname: told(started.host.hostname),
      kernel: told(started.host.kernel),
      cpus: started.host.cpus,
      memoryBytes: started.host.memoryBytes,
      node: told(started.host.node),
      engines: Object.fromEntries(events.flatMap(enginesIn).map(([name, version]) => [told(name), told(version)])),
    },
    ...(started.shard === undefined ? {} : { shard: started.shard }),
    ...conclude({ tests, troubles, teardown, cancelled: ended?.cancelled, shard: started.shard }),
    ...(ended?.cancelled === undefined ? {} : { cancelled: ended.cancelled }),
    counts: countsOf(tests, troubles),
    tests,
    troubles,
    ...inputsIn(events),
    images: imagesIn(events),
    ...preferencesIn(events),
    environments: standUpsIn(events, endedAt),
    evidence: evidenceIn(events),
    teardown,
    resources,
    health: healthIn(events),
    overhead: overheadIn(events),
  };
}

/** How many there are of everything that is counted. */
export function countsOf(tests: Report["tests"], troubles: Report["troubles"]): Report["counts"] {
  return {
    files: new Set(tests.map(({ file }) => file)).size,
    planned: tests.filter(({ planned }) => planned).length,
    ran: tests.filter((each) => each.outcome !== "skipped" && each.startedAt !== undefined).length,
    tests: countOutcomes(tests.map((each) => each.outcome)),
    checks: countOutcomes(tests.flatMap(({ checks }) => checks.map((each) => each.outcome))),
    troubles: troubles.length,
  };
}

function enginesIn(event: RunEvent): readonly (readonly [string, string])[] {
  if (event.event === "run-started") return Object.entries(event.host.engines);
  return event.event === "engines" ? Object.entries(event.engines) : [];
}
