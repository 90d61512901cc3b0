// Decides how a crash test looks at whole runs from outside: each stage has a state directory of its own, on the machine's engines and
// images; runs are processes of their own that can be killed, and everything they could leave is looked for.
import { type ChildProcess, spawn } from "node:child_process";
import { on, once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placesOf } from "../commands/surroundings.ts";
import { type Config, readConfig } from "../config.ts";
import type { Driver } from "../drivers/driver.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { processesOf } from "../lifecycle/processes.ts";
import { until } from "../lifecycle/testing/until.ts";
import type { RunEvent } from "../model/event.ts";
import type { Report } from "../reporting/report.ts";

/** What is left where nothing is. */
export const nothing = { found: [], standing: [], processes: [], scratch: [], sockets: [], unended: [] };

export interface RunStageOptions {
  /** Of the test process, and what differs for this stage's runs. */
  readonly env: NodeJS.ProcessEnv;
  /** Which file of fixtures/crash its runs run. */
  readonly subject: string;
  /** Who is asked what is left. */
  readonly drivers: readonly Pick<Driver, "find">[];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Standard output and standard error. */
  readonly output: string;
}

/** Whole runs, on a ledger of their own. Dispose of it. */
export class RunStage {
  readonly directory = mkdtempSync(join(tmpdir(), "assay-crash-"));
  readonly config: Config;
  readonly #env: NodeJS.ProcessEnv;
  readonly #subject: string;
  readonly #drivers: RunStageOptions["drivers"];
  readonly #project: string | undefined;
  readonly #children: ChildProcess[] = [];

  /** `project`: another one than this checkout; it has an Assay of its own. */
  constructor({ env, subject, drivers }: RunStageOptions, project?: string) {
    const { store, disks } = readConfig(env);
    this.#project = project;
    this.#subject = subject;
    this.#drivers = drivers;
    this.#env = {
      ...env,
      ASSAY_STATE: join(this.directory, "state"),
      ASSAY_REPORTS: join(this.directory, "reports"),
    };
    // Of the run that these tests are part of.
    delete this.#env["ASSAY_SETTINGS"];
    delete this.#env["ASSAY_FAULT"];
    this.config = readConfig(this.#env);
    // QEMU is another user, and has to reach what lies below.
    chmodSync(this.directory, 0o711);
    mkdirSync(this.config.state, { mode: 0o711 });
    mkdirSync(this.config.runs);
    symlinkSync(store, this.config.store);
    symlinkSync(disks, this.config.disks);
  }

  /** A whole run of the subject. */
  start(fault?: string): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
    const url = new URL("../commands/run.ts", import.meta.url).href;
    const code = `const { runCommand } = await import(${JSON.stringify(url)});
      process.exit(await runCommand([${JSON.stringify(this.#subject)}], { projects: ["subject"] }));`;
    return this.#node(["--input-type=module", "-e", code], fault);
  }

  /** `env`: what is otherwise than in the runs. */
  async gc(env?: NodeJS.ProcessEnv): Promise<Ended> {
    return this.assay(["gc"], undefined, env);
  }

  /** A command of the command line. */
  assay(words: readonly string[], fault?: string, env?: NodeJS.ProcessEnv): Promise<Ended> {
    return this.begin(words, fault, env).ended;
  }

  /** One that goes on. */
  begin(words: readonly string[], fault?: string, env?: NodeJS.ProcessEnv) {
    return this.#node([join(this.#project ?? this.config.project, "harness/cli.ts"), ...words], fault, env);
  }

  #node(words: readonly string[], fault?: string, env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, words, {
      cwd: this.#project ?? this.config.project,
      env: { ...this.#env, ...env, ...(fault === undefined ? {} : { ASSAY_FAULT: fault }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    const ended: Promise<Ended> = once(child, "close").then(([code, signal]) => ({ code, signal, output }));
    return { child, ended };
  }

  /** Whether every run has ended, and its directory is gone. */
  ended(): boolean {
    using ledger = this.ledger();
    const { scratch } = placesOf(this.config);
    return ledger.runs().every(({ run, endedAt }) => endedAt !== undefined && !existsSync(join(scratch, run)));
  }

  ledger(): Ledger {
    return Ledger.open(this.config.ledger);
  }

  /** Newest first. */
  runs(): string[] {
    using ledger = this.ledger();
    return ledger.runs().map((row) => row.run);
  }

  /** Resolves with the reapers' log when one has written what it did. */
  async reaped(): Promise<string> {
    const log = join(this.config.state, "reaper.log");
    return await this.until(
      () => existsSync(log) && /run \w+: .*\n/.test(readFileSync(log, "utf8")) && readFileSync(log, "utf8"),
    );
  }

  /** Resolves with the first answer that is neither `undefined` nor `false`; asked anew when something in the state directory changes. */
  until<Answer>(ask: () => Answer | undefined | false): Promise<Answer> {
    return until(this.config.state, ask);
  }

  /** Resolves when the stage's only run has said an event that `wanted` accepts. */
  async told(wanted: (event: RunEvent) => boolean): Promise<void> {
    const { runs } = this.config;
    const run = await until(runs, () => readdirSync(runs).find((name) => name !== "latest"));
    const file = join(runs, run, "events.ndjson");
    await until(join(runs, run), () => {
      const whole = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
      return whole.some((line) => wanted(JSON.parse(line)));
    });
  }

  /** Everything of every run of this stage, wherever it could be; and whether all have ended. */
  async left(): Promise<Record<keyof typeof nothing, readonly unknown[]>> {
    using ledger = this.ledger();
    const rows = ledger.runs();
    const places = placesOf(this.config);
    const found = await Promise.all(rows.flatMap(({ run }) => this.#drivers.map((driver) => driver.find(run))));
    return {
      found: found.flat().map(({ name }) => name),
      standing: rows.flatMap((row) => ledger.standing(row.run).map(({ name }) => name)),
      processes: rows.flatMap((row) => processesOf(row.run)),
      scratch: existsSync(places.scratch) ? readdirSync(places.scratch) : [],
      sockets: rows.map((row) => places.socket(row.run)).filter((path) => existsSync(path)),
      unended: rows.filter((row) => row.endedAt === undefined).map((row) => row.run),
    };
  }

  report(): Report {
    const [only] = readdirSync(this.config.runs).filter((name) => name !== "latest");
    return JSON.parse(readFileSync(join(this.config.runs, only ?? "", "report.json"), "utf8"));
  }

  /** What a test that failed in the middle began goes on by itself, without an end; its reaper, or gc, takes what it made. */
  [Symbol.dispose](): void {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Resolves at the first piece of output that holds `text`. */
export async function said(child: ChildProcess, text: string): Promise<void> {
  if (child.stdout === null) throw new TypeError("its output goes elsewhere");
  for await (const [chunk] of on(child.stdout, "data")) if (String(chunk).includes(text)) return;
}
