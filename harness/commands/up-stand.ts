// Decides how a child of ours stands an environment up, or what is missing of it, under a supervisor, and what is told when it did not.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { faultStep } from "../lifecycle/fault.ts";
import type { Lease } from "../lifecycle/lease.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { cancelledCode, type Supervision, supervise } from "../lifecycle/supervisor.ts";
import { ExitCode, messageOf } from "../model/errors.ts";
import type { KeptStand, RunEvent } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { redact, register } from "../model/secret.ts";
import { ownModule } from "../place.ts";
import { Progress } from "../reporting/progress.ts";
import { declarationOf } from "./by-hand.ts";
import type { KeptRun } from "./kept-runs.ts";
import type { StandSettings } from "./stand-child.ts";
import { engineFacts, openDrivers, placesOf, reaperProgram } from "./surroundings.ts";

export interface Standing {
  readonly environment: string;
  readonly run: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly json: boolean;
  /** What stands already, where the run is one that is kept. */
  readonly change?: Required<Supervision>["change"];
  readonly stands?: StandSettings["stands"];
  /** What is kept of what was made; `digest` is of what it was declared to be. */
  readonly lease: (made: KeptStand, digest: string) => Lease;
}

/** What is up, or the exit code where it is not: then that has been told, and nothing was changed. */
export type StoodUp = KeptRun | number;

export async function standChild(config: Config, standing: Standing): Promise<StoodUp> {
  const { environment, run, counts, json, change, stands } = standing;
  const report = join(config.runs, run);
  const log = join(report, "evidence", "up.log");
  const events: RunEvent[] = [];
  const progress = new Progress({ stream: json ? process.stderr : process.stdout, color: config.color, live: false });
  const settings: StandSettings = {
    environment,
    counts,
    scope: "up",
    run,
    identity: identityOf(),
    socket: placesOf(config).socket(run),
    ledger: config.ledger,
    store: config.store,
    disks: config.disks,
    storeBudget: config.storeBudget,
    scratch: config.scratch,
    report,
    project: config.project,
    engines: engineFacts(config),
    fault: config.fault,
    ...(stands === undefined ? {} : { stands }),
  };
  let made: Lease | undefined;
  using ledger = Ledger.open(config.ledger, { step: faultStep(config.fault, "supervisor", run, config.ledger) });
  const { cancelled, totals } = await supervise({
    run,
    command: `assay up ${environment}`,
    ledger,
    drivers: async () => openDrivers(config),
    patienceMs: config.patienceMs,
    child: {
      command: [process.execPath, ownModule("commands/stand-child")],
      env: { ...process.env, ASSAY_STAND: JSON.stringify(settings) },
      cwd: config.project,
      log,
    },
    reaper: reaperProgram(config, run),
    places: placesOf(config),
    event: (event) => {
      events.push(event);
      progress.see(event);
    },
    secret: register,
    collected: (collected) => {
      const troubles = "error" in collected ? [messageOf(collected.error)] : collected.troubles;
      for (const trouble of troubles) console.error(`what earlier runs left: ${redact(trouble)}`);
    },
    ...(change === undefined ? {} : { change }),
    keep: () => {
      made = leaseOf(config, standing, events);
      return made;
    },
  }).finally(() => progress.close());
  const said = redact(readFileSync(log, "utf8"));
  writeFileSync(log, said);
  if (totals.error !== undefined) console.error(`assay: ${redact(totals.error.message)}`);
  if (totals.leaked.length > 0) return ExitCode.leak;
  const before = change === undefined ? "nothing is left" : "what stood before stands, and nothing else is left";
  if (cancelled !== undefined) {
    if (totals.error === undefined) {
      rmSync(report, { recursive: true, force: true });
      console.error(`cancelled; ${before}`);
    }
    return cancelledCode(cancelled);
  }
  const up = ledger.run(run);
  if (up?.lease !== undefined && made !== undefined) {
    rmSync(report, { recursive: true, force: true });
    return { ...up, lease: up.lease };
  }
  const trouble = events.find((event) => event.event === "trouble");
  const words = said.trim().split("\n").slice(-10).join("\n");
  if (trouble === undefined) console.error(`assay: it ended before the environment stood; its last words: ${words}`);
  const of = change === undefined ? `${before} of it` : before;
  console.error(`${totals.error === undefined ? `${of}; ` : ""}evidence: ${join(report, "evidence")}`);
  return trouble?.event === "trouble" ? trouble.exitCode : ExitCode.couldNotAsk;
}

function leaseOf(config: Config, { run, lease }: Standing, events: readonly RunEvent[]): Lease | undefined {
  const [made] = events.flatMap((event): KeptStand[] => {
    if (event.event !== "kept") return [];
    const { event: _, at: __, ...kept } = event;
    return [kept];
  });
  // Written before anything is said to be kept: of a child that was killed before that it may be half a file.
  const declaration = made === undefined ? undefined : declarationOf(config, run);
  return made === undefined || declaration === undefined ? undefined : lease(made, declaration.digest);
}
