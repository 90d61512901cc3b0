// Decides how the parts make a run: supervisor, vitest, progress, report. The composition root of `assay run` and `assay test`.
import { randomBytes, randomInt } from "node:crypto";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import { readConfig } from "../config.ts";
import type { Remover } from "../drivers/driver.ts";
import { faultStep } from "../lifecycle/fault.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { type Supervised, supervise } from "../lifecycle/supervisor.ts";
import { messageOf } from "../model/errors.ts";
import type { RunEvent, Shard } from "../model/event.ts";
import { redact, register } from "../model/secret.ts";
import { ownModule } from "../place.ts";
import type { Progress } from "../reporting/progress.ts";
import type { Report } from "../reporting/report.ts";
import { roomToStart } from "../vitest/early-worker.ts";
import type { ProveSettings } from "../vitest/prove.ts";
import type { RunSettings } from "../vitest/session.ts";
import type { WarmSettings } from "../vitest/warm.ts";
import { gcLines } from "./gc.ts";
import { endOfRun, leaseOf } from "./run-end.ts";
import { openDrivers, placesOf, reaperProgram, runSettings } from "./surroundings.ts";

export interface RunOptions {
  /** Vitest projects: `specs`, `unit`, `contract`, `crash`. */
  readonly projects: readonly string[];
  /** `name=other,…`: recipes, images and environments that stand in for others. */
  readonly with?: string;
  /** `false`: no preferred image is asked for; recipes are built. */
  readonly prefer?: boolean;
  /** Which stand-ups outlive the run: those of which a test failed, or all. */
  readonly keep?: "on-failure" | "always" | undefined;
  /** For how long, in milliseconds. */
  readonly keepMs?: number;
  /** Which part of the spec files, of how many. */
  readonly shard?: Shard | undefined;
  /** Prints the report on standard output and nothing else. Means `aside`. */
  readonly json?: boolean;
  /** What people read goes to standard error. */
  readonly aside?: boolean;
  /** Environments that stand ahead of their use: see `vitest/warm.ts`. */
  readonly warm?: WarmSettings;
  /** Full names of the tests that run; all without it. */
  readonly only?: readonly string[];
  /** Of vitest's sequence; drawn unless it is told. */
  readonly seed?: number;
  /** Whether what a failure needs to be seen again is packed; where nobody says, where `CI` is set. */
  readonly capsule?: boolean | undefined;
  /** `false`: of a commit or a machine of the past, which is no part of this project's history. */
  readonly remembered?: false;
  /** The specs are proved: see `vitest/prove.ts`. */
  readonly prove?: ProveSettings;
  /** Told each event. */
  readonly heard?: (event: RunEvent) => void;
  /** Told the report, once it is written. */
  readonly concluded?: (report: Report) => void;
}

/**
 * Runs spec files whose path contains a pattern; all without patterns. The exit code is the report's.
 * The report lies in `reports/runs/<run>/`.
 */
export async function runCommand(patterns: readonly string[], options: RunOptions): Promise<number> {
  const startedAt = Date.now();
  const { projects } = options;
  const shard = options.shard === undefined ? undefined : `${options.shard.index}/${options.shard.count}`;
  const config = readConfig();
  const aside = options.json === true || options.aside === true;
  const color = config.color && !aside;
  // Little is loaded before the child is started: it has the longest way to go.
  const substitutes =
    options.with === undefined
      ? { recipes: {}, environments: {} }
      : await (await import("./substitutes.ts")).substitutesOf(config.project, options.with);
  const run = newRunId();
  const report = join(config.runs, run);
  const events: RunEvent[] = [];
  let progress: Progress | undefined;
  let concluding: Promise<typeof import("./conclude.ts")> | undefined;
  let machines: Promise<void> | undefined;
  const say = (event: RunEvent) => {
    events.push(event);
    options.heard?.(event);
    appendFileSync(join(report, "events.ndjson"), `${redact(JSON.stringify(event))}\n`);
    progress?.see(event);
    // The engine is at work now, and this process has nothing to do.
    if (event.event === "resource") concluding ??= import("./conclude.ts");
    if (event.event === "resource" && event.kind === "domain") machines ??= tellMachines();
  };
  // What the child says before the run is known to have begun is told after that.
  let early: RunEvent[] | undefined = [];
  const heard = (event: RunEvent) => {
    if (early === undefined) say(event);
    else early.push(event);
  };
  const ledger = Ledger.open(config.ledger, { step: faultStep(config.fault, "supervisor", run, config.ledger) });
  const places = placesOf(config);
  const command = [
    "assay",
    options.prove !== undefined ? "prove" : projects.length === 1 ? "run" : "test",
    ...(options.with === undefined ? [] : ["--with", options.with]),
    ...(options.prefer === false ? ["--no-prefer"] : []),
    ...(shard === undefined ? [] : ["--shard", shard]),
    ...patterns,
    ...(options.only === undefined ? [] : ["--test", ...options.only]),
  ];
  const seed = options.seed ?? randomInt(2 ** 31);
  const settings: RunSettings = {
    ...runSettings(config, run, report),
    keep: options.keep,
    warm: options.warm,
    only: options.only,
    prove: options.prove,
    substitutes,
    noPrefer: options.prefer === false,
  };
  let opened: readonly Remover[] | undefined;
  const drivers = () => {
    opened ??= openDrivers(config);
    return opened;
  };
  const versions = async (kind: string) =>
    drivers()
      .find((driver) => driver.kind === kind)
      ?.probe() ?? {};
  // Asked by runs that have machines, and not before: libvirt that is down or hangs is no concern of the others.
  const tellMachines = () =>
    versions("libvirt").then(
      (engines) => say({ event: "engines", at: Date.now(), engines }),
      () => undefined, // whoever wanted a machine has said so
    );
  // The child takes longer to start than an engine to answer: all of this is done meanwhile. An engine that does not answer is no
  // concern of a run that has machines alone, and is told by each test that wanted it.
  const begun = async () => {
    const [{ Progress }, engines] = await Promise.all([
      import("../reporting/progress.ts"),
      versions(config.engine).catch(() => ({})),
    ]);
    progress = new Progress(
      aside ? { stream: process.stderr, color, live: false } : { stream: process.stdout, color, live: config.live },
    );
    say({
      event: "run-started",
      at: startedAt,
      run,
      version: config.version,
      command,
      host: {
        hostname: hostname(),
        kernel: release(),
        cpus: cpus().length,
        memoryBytes: totalmem(),
        node: process.version,
        engines,
      },
      ...(options.shard === undefined ? {} : { shard: options.shard }),
    });
    const held = early ?? [];
    early = undefined;
    for (const event of held) say(event);
  };
  const log = join(report, "evidence", "vitest.log");
  let ended: Supervised | undefined;
  try {
    ended = await supervise({
      run,
      command: command.join(" "),
      ledger,
      drivers: async () => drivers(),
      patienceMs: config.patienceMs,
      begun,
      child: {
        command: [
          process.execPath,
          ...roomToStart,
          ownModule("commands/run-child"),
          "run",
          "--config",
          ownModule("vitest.config"),
          ...projects.flatMap((project) => ["--project", project]),
          ...(shard === undefined ? [] : [`--shard=${shard}`]),
          `--sequence.seed=${seed}`,
          ...patterns,
        ],
        // Node complains of both at once, and what the child says is looked at.
        env: {
          ...process.env,
          ASSAY_SETTINGS: JSON.stringify(settings),
          NO_COLOR: "1",
          FORCE_COLOR: undefined,
          ASSAY_WITHIN: run,
        },
        cwd: config.project,
        log,
      },
      reaper: reaperProgram(config, run),
      places,
      event: heard,
      secret: register,
      keep: () => leaseOf(events, options.keepMs),
      collected: (collected) => {
        const lines =
          "error" in collected ? [`trouble: ${messageOf(collected.error)}`] : gcLines({ ...collected, kept: [] });
        if (lines[0] !== "nothing to remove")
          appendFileSync(join(report, "evidence", "gc.log"), `${redact(lines.join("\n"))}\n`);
      },
    });
  } finally {
    progress?.close();
    ledger.close();
    // A run that never was leaves no empty report.
    if (ended === undefined && early !== undefined) rmSync(report, { recursive: true, force: true });
  }
  const child = readFileSync(log, "utf8");
  writeFileSync(log, redact(child));
  await machines;
  say({ event: "overhead", at: Date.now(), of: "ledger", ms: ledger.spentMs });
  const last = endOfRun(ended, { events, log: child, patterns });
  const { remember } = await import("./remember.ts");
  const finished = { run, at: startedAt, command: redact(command.join(" ")) };
  const { flaky, trouble } =
    options.remembered === false
      ? { flaky: [], trouble: undefined }
      : remember(config.history, finished, [...events, ...last]);
  if (trouble !== undefined) {
    console.error(`assay: not remembered: ${trouble}`);
    appendFileSync(join(report, "evidence", "history.log"), `${trouble}\n`);
  }
  for (const event of [...last.slice(0, -1), ...flaky, ...last.slice(-1)]) say(event);
  const { conclude } = await (concluding ?? import("./conclude.ts"));
  const concluded = await conclude(events, report, {
    color,
    links: config.links && !aside ? config.project : undefined,
    aside,
    json: options.json === true,
    pack: async (told) => {
      if (!(options.capsule ?? config.ci)) return [];
      const { packedCapsule } = await import("./capsule.ts");
      const facts = { projects, seed, substitutes, ...(options.with === undefined ? {} : { with: options.with }) };
      return packedCapsule(told, { config, directory: report, events, ...facts });
    },
  });
  options.concluded?.(concluded);
  return concluded.exitCode;
}

/** Eleven letters and digits that sort by time; four random ones keep runs of one second apart. */
export function newRunId(): string {
  return `${Math.floor(Date.now() / 1000).toString(36)}${randomBytes(3).toString("hex").slice(0, 4)}`;
}
