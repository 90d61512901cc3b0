// Decides what `assay up` does outside of any spec: it tells what is to be done and does it, until what stands is what is declared. Machines
// come and go while the others go on; what else differs is replaced only when that is asked for. The same declaration twice is no work.
import { type Config, readConfig } from "../config.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import type { Plan } from "../lifecycle/plan.ts";
import { type Environment, withCounts } from "../model/environment.ts";
import { ExitCode, ProvisionError } from "../model/errors.ts";
import { oneLine } from "../reporting/escape.ts";
import { Store } from "../store/store.ts";
import { buildingIn, missingCapability } from "../vitest/capabilities.ts";
import { countsOf } from "./counts.ts";
import { takeDown } from "./down.ts";
import { type KeptRun, keeps, keptRuns } from "./kept-runs.ts";
import { planLines } from "./plan-lines.ts";
import { environmentNamed } from "./recipes.ts";
import { newRunId } from "./run.ts";
import { loginOf } from "./ssh.ts";
import { engineFacts, openDrivers, placesOf } from "./surroundings.ts";
import { changeUp } from "./up-change.ts";
import { type StoodUp, standChild } from "./up-stand.ts";
import { type Examined, examine } from "./up-standing.ts";

export interface UpOptions {
  readonly json?: boolean;
  /** What is up under the name goes first, where it was declared otherwise or is not whole any more. */
  readonly replace?: boolean;
  /** Tells what would be done, and does nothing. */
  readonly plan?: boolean;
  /** `dev=5`: other numbers of machines in its groups than are declared. */
  readonly count?: readonly string[];
}

/**
 * `assay up <environment>`. 0 when it is up, now or before; 2 when what is up was declared otherwise and cannot become that where it
 * stands; 3 when it could not be stood up, or is not whole any more; then nothing was changed. Cancelled, nothing is left of what was new.
 */
export async function upCommand(name: string, options: UpOptions): Promise<number> {
  const config = readConfig();
  const counts = countsOf(options.count ?? []);
  const environment = withCounts(await environmentNamed(config.project, name), counts);
  const facts = () => ({ ...engineFacts(config), disks: config.disks });
  const store = () => new Store({ directory: config.store, disks: config.disks, budget: config.storeBudget });
  const why = await missingCapability(environment, facts, buildingIn(store));
  if (why !== undefined) throw new ProvisionError({ code: "cannot-here", phase: "setup", node: name, seen: why });
  const asked = ["assay up", name, ...(options.count ?? []).map((word) => `--count ${word}`)].join(" ");
  const examined = await examine(config, environment);
  const { plan, up, refuse } = examined;
  if (options.plan === true) return tellPlan(name, examined, options);
  if (up !== undefined && plan.changes.length === 0) {
    tell(config, { up, environment, plan, state: "is-up" }, options);
    return ExitCode.met;
  }
  if (options.replace !== true) refuse?.(asked);
  if (options.json !== true) console.log(planLines(name, plan).join("\n"));
  const stood = await carriedOut(config, examined, environment, counts, options.json === true);
  if (typeof stood === "number") return stood;
  const state = up === undefined || refuse !== undefined ? "stood-up" : "changed";
  tell(config, { up: stood, environment, plan, state }, options);
  return ExitCode.met;
}

async function carriedOut(
  config: Config,
  { plan, up, refuse }: Examined,
  environment: Environment,
  counts: Readonly<Record<string, number>>,
  json: boolean,
): Promise<StoodUp> {
  if (up !== undefined && refuse === undefined) return changeUp(config, { up, plan, environment, counts, json });
  if (up !== undefined) await goneFirst(config, up);
  return standChild(config, {
    environment: environment.name,
    run: newRunId(),
    counts,
    json,
    lease: (made, digest) => ({ keptAt: Date.now(), digest, stands: [made] }),
  });
}

async function goneFirst(config: Config, { run }: KeptRun): Promise<void> {
  using ledger = Ledger.open(config.ledger);
  const drivers = openDrivers(config);
  try {
    const { error } = await takeDown(run, { ledger, drivers, places: placesOf(config) });
    if (error !== undefined) throw error;
  } finally {
    for (const driver of drivers) await driver.close();
  }
}

function tellPlan(name: string, { plan, up, refuse }: Examined, { json }: UpOptions): number {
  const needs = refuse === undefined ? [] : ["--replace"];
  if (json === true)
    console.log(JSON.stringify({ run: up?.run ?? null, environment: name, state: "planned", needs, plan }, null, 2));
  else
    console.log(
      [...planLines(name, plan), ...(needs.length === 0 ? [] : ["needs --replace: all of it is made anew"])].join("\n"),
    );
  return ExitCode.met;
}

interface Told {
  readonly up: KeptRun;
  readonly environment: Environment;
  readonly plan: Plan;
  readonly state: "stood-up" | "is-up" | "changed";
}

/** How each node is reached, and how it ends. */
function tell(config: Config, { up: { run, lease }, environment: declared, plan, state }: Told, { json }: UpOptions) {
  using ledger = Ledger.open(config.ledger);
  const [stand] = lease.stands;
  if (stand === undefined) return;
  const { environment } = stand;
  // A failed run of it may have been kept as well; then only the run's own name is clear.
  const alone = !keptRuns(ledger).some((each) => each.run !== run && keeps(each, environment));
  const nodes = stand.nodes.map((each) => {
    const { node, kind, name, on, reach = [] } = each;
    const word = `${alone ? environment : run}/${node}`;
    return {
      ...{ node, kind, name, ...(on === undefined ? {} : { on }), reach, shell: `assay shell ${word}` },
      ...(loginOf(config, { run, stand, node: each }) === undefined ? {} : { ssh: `assay ssh ${word}` }),
    };
  });
  if (json === true) {
    console.log(JSON.stringify({ run, environment, state, plan, nodes }, null, 2));
    return;
  }
  const width = Math.max(...nodes.map(({ shell }) => shell.length));
  const lines = nodes.map(({ kind, name, on, reach, shell, ssh }) => {
    const where = on === undefined ? name : `${name} on ${on}`;
    return oneLine([shell.padEnd(width), `${kind} ${where}`, ...reach, ...(ssh === undefined ? [] : [ssh])].join("  "));
  });
  const is = { "is-up": "is up, as it is declared", changed: "is up, changed", "stood-up": "is up" }[state];
  const counts = Object.entries(declared.groups).map(([group, names]) => `${group}=${names.length}`);
  const many = counts.length === 0 ? "" : ` (${counts.join(", ")})`;
  console.log([`${environment} ${is}: run ${run}${many}`, ...lines.map((line) => `  ${line}`)].join("\n"));
  console.log(`  until assay down ${environment}`);
}
