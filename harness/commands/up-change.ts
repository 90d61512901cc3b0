// Decides how what is up becomes what is declared now where it stands: what goes first, by its lease alone; then what is new, as a run of its own
// would be stood up. Cut off at any time, what stood before stays, or what was to stay of it.
import type { Config } from "../config.ts";
import { faultStep } from "../lifecycle/fault.ts";
import type { Lease } from "../lifecycle/lease.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import type { Plan } from "../lifecycle/plan.ts";
import { settle } from "../lifecycle/settle.ts";
import { beingChanged, keepReaper } from "../lifecycle/supervisor.ts";
import { lastingTakes } from "../lifecycle/takes.ts";
import type { Environment } from "../model/environment.ts";
import { ExitCode } from "../model/errors.ts";
import type { KeptStand } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { withdrawNames } from "./down.ts";
import type { KeptRun } from "./kept-runs.ts";
import { openDrivers, reaperProgram } from "./surroundings.ts";
import { type StoodUp, standChild } from "./up-stand.ts";

export interface Changing {
  readonly up: KeptRun;
  readonly plan: Plan;
  readonly environment: Environment;
  readonly counts: Readonly<Record<string, number>>;
  readonly json: boolean;
}

/** Resolves with what is up then, or with the exit code where something went wrong, which has been told. */
export async function changeUp(config: Config, changing: Changing): Promise<StoodUp> {
  const { up, plan, environment, counts, json } = changing;
  const named = (action: "create" | "destroy") =>
    new Set(plan.changes.filter((change) => change.action === action).map(({ name }) => name));
  const goes = named("destroy");
  const left = goes.size === 0 ? up : await shrunk(config, up, environment, goes);
  if (typeof left === "number" || named("create").size === 0) return left;
  const { run, identity, lease } = left;
  const [base] = lease.stands;
  if (base === undefined) throw new Error(`run ${run} keeps nothing`);
  return standChild(config, {
    environment: environment.name,
    run,
    counts,
    json,
    change: { from: identity, lease },
    stands: { nodes: base.nodes.map(({ node }) => node), resources: base.resources },
    lease: (made, digest): Lease => ({ keptAt: lease.keptAt, digest, stands: [together(environment, base, made)] }),
  });
}

/** The same run with these nodes gone. */
async function shrunk(
  config: Config,
  up: KeptRun,
  environment: Environment,
  goes: ReadonlySet<string>,
): Promise<StoodUp> {
  const { run } = up;
  using ledger = Ledger.open(config.ledger, { step: faultStep(config.fault, "supervisor", run, config.ledger) });
  const reaper = keepReaper(reaperProgram(config, run), (pid) => ledger.reaperStarted(run, identityOf(pid)));
  const drivers = openDrivers(config);
  try {
    const theirs = ledger.standing(run).filter(({ node }) => node !== undefined && goes.has(node));
    const resources = new Set(theirs.map(({ kind, name }) => `${kind} ${name}`));
    const stands = up.lease.stands.map((stand) => without(stand, environment, goes, resources));
    await withdrawNames(ledger, config, run, [...goes]);
    const ended = await settle(up, { ...up.lease, stands }, { ledger, drivers });
    if (ended === undefined) throw beingChanged(run);
    if (ended.error !== undefined) console.error(`assay: ${ended.error.message}`);
    if (ended.leaked.length > 0) return ExitCode.leak;
    if (ended.error !== undefined) return ExitCode.couldNotAsk;
    return ledger.run(run) as KeptRun;
  } finally {
    reaper.dismiss();
    for (const driver of drivers) await driver.close();
  }
}

function without(
  stand: KeptStand,
  environment: Environment,
  goes: ReadonlySet<string>,
  theirs: ReadonlySet<string>,
): KeptStand {
  const nodes = stand.nodes.filter(({ node }) => !goes.has(node));
  const there = Object.entries(environment.nodes).filter(([name]) => nodes.some(({ node }) => node === name));
  return {
    ...stand,
    nodes,
    resources: stand.resources.filter((each) => !theirs.has(each)),
    claims: lastingTakes({ nodes: Object.fromEntries(there), networks: environment.networks }),
  };
}

/** What stood and what was made, in the order of declaration. */
function together(environment: Environment, base: KeptStand, made: KeptStand): KeptStand {
  const order = Object.keys(environment.nodes);
  return {
    ...made,
    nodes: [...base.nodes, ...made.nodes].sort((a, b) => order.indexOf(a.node) - order.indexOf(b.node)),
    resources: [...base.resources, ...made.resources],
  };
}
