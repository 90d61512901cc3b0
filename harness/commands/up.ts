// Decides how `assay up` stands an environment up outside of any spec: as a run that ends at once and leaves it, under a lease without
// an end. The same declaration twice is no work; another one is told, and replaced only when that is asked for.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { faultStep } from "../lifecycle/fault.ts";
import type { Lease } from "../lifecycle/lease.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { cancelledCode, supervise } from "../lifecycle/supervisor.ts";
import { withCounts } from "../model/environment.ts";
import { ExitCode, messageOf, ProvisionError } from "../model/errors.ts";
import type { KeptStand, RunEvent } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { redact, register } from "../model/secret.ts";
import { ownModule } from "../place.ts";
import { oneLine } from "../reporting/escape.ts";
import { Progress } from "../reporting/progress.ts";
import { missingCapability } from "../vitest/capabilities.ts";
import { declarationOf } from "./by-hand.ts";
import { countsOf } from "./counts.ts";
import { type KeptRun, keeps, keptRuns } from "./kept-runs.ts";
import { environmentNamed } from "./recipes.ts";
import { newRunId } from "./run.ts";
import type { StandSettings } from "./stand-child.ts";
import { engineFacts, openDrivers, placesOf, reaperProgram } from "./surroundings.ts";
import { whatStands } from "./up-standing.ts";

export interface UpOptions {
  readonly json?: boolean;
  /** What is up under the name goes first, where it was declared otherwise or is not whole any more. */
  readonly replace?: boolean;
  /** `dev=5`: other numbers of machines in its groups than are declared. */
  readonly count?: readonly string[];
}

/**
 * `assay up <environment>`. 0 when it is up, now or before; 2 when what is up was declared otherwise; 3 when it could not be stood up,
 * or is not whole any more; then nothing was changed. Cancelled, nothing is left.
 */
export async function upCommand(name: string, options: UpOptions): Promise<number> {
  const config = readConfig();
  const counts = countsOf(options.count ?? []);
  const environment = withCounts(await environmentNamed(config.project, name), counts);
  const why = await missingCapability(environment, () => ({ ...engineFacts(config), disks: config.disks }));
  if (why !== undefined) throw new ProvisionError({ code: "cannot-here", phase: "setup", node: name, seen: why });
  const asked = ["assay up", name, ...(options.count ?? []).map((word) => `--count ${word}`)].join(" ");
  const standing = await whatStands(config, environment, options.replace === true, asked);
  if (standing !== undefined) {
    tell(config, standing, "is-up", options);
    return ExitCode.met;
  }
  const stood = await stand(config, name, counts, options);
  if (typeof stood === "number") return stood;
  tell(config, stood, "stood-up", options);
  return ExitCode.met;
}

async function stand(
  config: Config,
  name: string,
  counts: Readonly<Record<string, number>>,
  { json }: UpOptions,
): Promise<KeptRun | number> {
  const run = newRunId();
  const report = join(config.runs, run);
  const log = join(report, "evidence", "up.log");
  const events: RunEvent[] = [];
  const progress = new Progress({
    stream: json === true ? process.stderr : process.stdout,
    color: config.color,
    live: false,
  });
  const settings: StandSettings = {
    environment: name,
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
  };
  using ledger = Ledger.open(config.ledger, { step: faultStep(config.fault, "supervisor", run, config.ledger) });
  const ended = await supervise({
    run,
    command: `assay up ${name}`,
    ledger,
    drivers: async () => openDrivers(config),
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
    keep: () => leaseOf(config, run, events),
  }).finally(() => progress.close());
  const { cancelled, totals } = ended;
  const said = redact(readFileSync(log, "utf8"));
  writeFileSync(log, said);
  if (totals.error !== undefined) console.error(`assay: ${redact(totals.error.message)}`);
  if (totals.leaked.length > 0) return ExitCode.leak;
  if (cancelled !== undefined) {
    if (totals.error === undefined) {
      rmSync(report, { recursive: true, force: true });
      console.error("cancelled; nothing is left");
    }
    return cancelledCode(cancelled);
  }
  const up = ledger.run(run);
  if (up?.lease !== undefined) {
    rmSync(report, { recursive: true, force: true });
    return { ...up, lease: up.lease };
  }
  const trouble = events.find((event) => event.event === "trouble");
  const words = said.trim().split("\n").slice(-10).join("\n");
  if (trouble === undefined) console.error(`assay: it ended before the environment stood; its last words: ${words}`);
  console.error(`${totals.error === undefined ? "nothing is left of it; " : ""}evidence: ${join(report, "evidence")}`);
  return trouble?.event === "trouble" ? trouble.exitCode : ExitCode.couldNotAsk;
}

function leaseOf(config: Config, run: string, events: readonly RunEvent[]): Lease | undefined {
  const stands = events.flatMap((event): KeptStand[] => {
    if (event.event !== "kept") return [];
    const { event: _, at: __, ...kept } = event;
    return [kept];
  });
  // Written before anything is said to be kept: of a child that was killed before that it may be half a file.
  const declaration = stands.length === 0 ? undefined : declarationOf(config, run);
  return declaration === undefined ? undefined : { keptAt: Date.now(), digest: declaration.digest, stands };
}

/** How each node is reached, and how it ends. */
function tell(config: Config, { run, lease }: KeptRun, state: "stood-up" | "is-up", { json }: UpOptions): void {
  using ledger = Ledger.open(config.ledger);
  const [stand] = lease.stands;
  if (stand === undefined) return;
  const { environment } = stand;
  // A failed run of it may have been kept as well; then only the run's own name is clear.
  const alone = !keptRuns(ledger).some((each) => each.run !== run && keeps(each, environment));
  const nodes = stand.nodes.map(({ node, kind, name, on, reach = [] }) => ({
    node,
    kind,
    name,
    ...(on === undefined ? {} : { on }),
    reach,
    shell: `assay shell ${alone ? environment : run}/${node}`,
  }));
  if (json === true) {
    console.log(JSON.stringify({ run, environment, state, nodes }, null, 2));
    return;
  }
  const width = Math.max(...nodes.map(({ shell }) => shell.length));
  const lines = nodes.map(({ kind, name, on, reach, shell }) => {
    const where = on === undefined ? name : `${name} on ${on}`;
    return oneLine([shell.padEnd(width), `${kind} ${where}`, ...reach].join("  "));
  });
  const is = state === "is-up" ? "is up, as it is declared" : "is up";
  console.log([`${environment} ${is}: run ${run}`, ...lines.map((line) => `  ${line}`)].join("\n"));
  console.log(`  until assay down ${environment}`);
}
