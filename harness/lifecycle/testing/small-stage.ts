// Decides how a test looks at small runs from outside: starts them, waits for what they say, counts what they left.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { liveness } from "../../model/identity.ts";
import { type Collected, gc } from "../gc.ts";
import { Ledger, type RunRow } from "../ledger.ts";
import { processesOf } from "../processes.ts";
import type { Reaction } from "../reaper.ts";
import type { Supervised } from "../supervisor.ts";
import { engineOf, program, type SmallRun, smallPlaces } from "./small-run.ts";
import { until } from "./until.ts";

/** What is left of a run that left nothing. */
export const nothing = { found: [], standing: [], scratch: false, socket: false, ended: true, processes: [] };

/** A directory with a ledger and an engine of its own. Close it. */
export class SmallStage {
  readonly directory = mkdtempSync(join(tmpdir(), "assay-small-"));
  readonly run = `small${process.pid}x${process.hrtime.bigint()}`;

  readonly #env: SmallRun["env"];

  /** `env`: of all processes of its runs. */
  constructor(env: SmallRun["env"]) {
    this.#env = env;
    mkdirSync(join(this.directory, "engine"));
  }

  /** Starts a supervisor; three resources and a child that exits, unless told otherwise. */
  start(told: Partial<SmallRun> = {}): ChildProcess {
    const whole: SmallRun = {
      directory: this.directory,
      run: this.run,
      afterwards: "exit",
      resources: 3,
      env: this.#env,
      ...told,
    };
    return spawn(process.execPath, [program, "supervisor", JSON.stringify(whole)], {
      stdio: ["ignore", "inherit", "inherit"],
    });
  }

  /** What all processes of the stage's runs said so far. */
  said(): Record<string, unknown>[] {
    if (!existsSync(join(this.directory, "said"))) return [];
    const lines = readFileSync(join(this.directory, "said"), "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** What `supervise` resolved with. */
  verdict(): Supervised | undefined {
    return this.said().find((each) => "ended" in each)?.["ended"] as Supervised | undefined;
  }

  /** Resolves when a reaper has reacted. */
  reaction(run = this.run): Promise<Reaction> {
    const reacted = (each: Record<string, unknown>) => "reaper" in each && each["run"] === run;
    return this.until(() => this.said().find(reacted)?.["reaper"] as Reaction | undefined);
  }

  /** Resolves when the child has made all its resources. */
  async standing(): Promise<void> {
    await this.until(() => this.said().some(({ event }) => event === "planned"));
  }

  /** Resolves with the first answer that is neither `undefined` nor `false`; asked anew when something in the directory changes. */
  until<Answer>(ask: () => Answer | undefined | false): Promise<Answer> {
    return until(this.directory, ask);
  }

  /** The run as the ledger has it. */
  row(): RunRow | undefined {
    using ledger = this.ledger();
    return ledger.run(this.run);
  }

  ledger(): Ledger {
    return Ledger.open(join(this.directory, "ledger.db"));
  }

  /** Everything of the run that can be found anywhere. */
  async left(): Promise<Record<keyof typeof nothing, unknown>> {
    using ledger = this.ledger();
    return {
      found: (await engineOf(this.directory).find()).map(({ name }) => name),
      standing: ledger.standing(this.run).map(({ name }) => name),
      scratch: existsSync(join(this.directory, "scratch", this.run)),
      socket: existsSync(smallPlaces(this.directory).socket(this.run)),
      ended: ledger.run(this.run)?.endedAt !== undefined,
      processes: processesOf(this.run),
    };
  }

  async collect(options: { readonly leased?: boolean } = {}): Promise<Collected> {
    using ledger = this.ledger();
    const { directory } = this;
    const drivers = [engineOf(directory)];
    return await gc({ ledger, drivers, places: smallPlaces(directory), settleMs: 100, ...options });
  }

  /** A reaper that was dismissed may still be on its way out. */
  async close(): Promise<void> {
    if (existsSync(join(this.directory, "ledger.db"))) {
      using ledger = this.ledger();
      for (const { run, reaper } of ledger.runs())
        if (reaper !== undefined && liveness(reaper) === "alive") await this.reaction(run);
    }
    rmSync(this.directory, { recursive: true });
  }
}
