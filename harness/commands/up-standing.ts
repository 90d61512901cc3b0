// Decides what is up under a name beside what is declared now: what would have to be done, and whether it can be done to what stands.
import type { Config } from "../config.ts";
import { enginesOf } from "../engines.ts";
import { changesOf } from "../lifecycle/changes.ts";
import { type Declared, declaredNow } from "../lifecycle/declared.ts";
import { takeInventory } from "../lifecycle/inventory.ts";
import { ownership } from "../lifecycle/lease.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { notInPlace, type Plan, type PlanFacts, planChanges, standingOf } from "../lifecycle/plan.ts";
import { isCutOff, settle } from "../lifecycle/settle.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import { oneLine } from "../reporting/escape.ts";
import { Store } from "../store/store.ts";
import { dataDifference } from "../store/why.ts";
import { declarationOf, lookupOf, upOf } from "./by-hand.ts";
import { type KeptRun, keeps } from "./kept-runs.ts";
import { engineFacts, openDrivers } from "./surroundings.ts";

/** What is to be done. */
export interface Examined {
  readonly plan: Plan;
  /** Absent where nothing is up under the name. */
  readonly up?: KeptRun;
  /** Why all of it has to be made anew: throws that. Absent where it need not. */
  readonly refuse?: (asked: string) => never;
}

/** Touches nothing but what a change that was cut off left. Rejects where an engine cannot be asked. */
export async function examine(config: Config, environment: Environment): Promise<Examined> {
  using ledger = Ledger.open(config.ledger);
  const drivers = openDrivers(config);
  try {
    await settled(ledger, config, environment.name, drivers);
    const known = upOf(ledger, config, environment.name);
    if (known === undefined) return { plan: planChanges(undefined, outlineOf(environment)) };
    const { up, declaration } = known;
    const [now, lost] = await Promise.all([
      declared(config, environment),
      missingFrom(up, environment, { ledger, drivers }),
    ]);
    const facts = now.facts as PlanFacts;
    const stands = standingOf(
      declaration.facts as PlanFacts,
      up.lease.stands.flatMap(({ nodes }) => nodes.map(({ node }) => node)),
    );
    const plan = planChanges(stands, facts);
    const { name, at } = environment;
    const hint = (asked: string) => `${asked} --replace takes it down and stands it up anew`;
    if (lost.length > 0) {
      const seen = `it is up as run ${up.run}, and not whole any more: ${lost.join(", ")}`;
      const refuse = (asked: string): never => {
        throw new ProvisionError({ code: "not-whole", phase: "ready", node: name, seen, hint: hint(asked) });
      };
      return { plan: anew(plan, stands, facts), up, refuse };
    }
    const why = notInPlace(plan, stands, facts);
    if (why.length === 0) return { plan, up };
    const changes = dataDifference(stands, facts).map((line) => `\n  ${oneLine(line)}`);
    const seen = `${name} is up as run ${up.run}, and was declared otherwise then:${changes.join("")}\nNot to be changed as it stands: ${why.map(oneLine).join("; ")}\n`;
    const refuse = (asked: string): never => {
      throw new DeclarationError({ code: "declared-otherwise", at, seen, hint: hint(asked) });
    };
    return { plan: anew(plan, stands, facts), up, refuse };
  } finally {
    for (const driver of drivers) await driver.close();
  }
}

/** Names and kinds alone: nothing stands that they would be compared with. */
function outlineOf({ nodes, networks, volumes }: Environment): PlanFacts {
  const standing = Object.entries<NodeDeclaration>(nodes).filter(([, { kind }]) => kind !== "image");
  return { nodes: Object.fromEntries(standing.map(([name, { kind }]) => [name, { kind }])), networks, volumes };
}

/** The plan where all that stands is taken down first. */
function anew(plan: Plan, stands: PlanFacts, now: PlanFacts): Plan {
  const others = planChanges(stands).changes.flatMap(({ kind, name }) => {
    const known = plan.changes.some((change) => change.kind === kind && change.name === name);
    return known || kind === "image" ? [] : [{ action: "replace" as const, kind, name, because: [] }];
  });
  const order = planChanges(undefined, now).changes.map(({ kind, name }) => `${kind} ${name}`);
  const place = ({ kind, name }: { kind: string; name: string }) => order.indexOf(`${kind} ${name}`);
  return { changes: [...plan.changes, ...others].sort((a, b) => place(a) - place(b)), unchanged: 0 };
}

/** For how long somebody else who changes it is waited for: a change that takes longer is told. */
const patienceMs = 60_000;
/** Nobody writes down that a process was killed. */
const livenessMs = 1_000;

/** Nobody is changing what is up under the name, and nothing is left of a change that was cut off. */
async function settled(
  ledger: Ledger,
  config: Config,
  environment: string,
  drivers: ReturnType<typeof openDrivers>,
): Promise<void> {
  const began = performance.now();
  using changes = changesOf(ledger.file, livenessMs);
  for (;;) {
    const changed = changes.next();
    const row = ledger
      .runs()
      .filter((each): each is KeptRun => each.lease?.digest !== undefined && each.endedAt === undefined)
      .filter((each) => keeps(each, environment) && declarationOf(config, each.run)?.project === config.project)
      .find((each) => ownership(each) === "alive" || isCutOff(each));
    if (row === undefined) return;
    if (isCutOff(row)) {
      const ended = await settle(row, row.lease, { ledger, drivers });
      if (ended?.error !== undefined) throw ended.error;
      continue;
    }
    if (performance.now() - began > patienceMs)
      throw new ProvisionError({
        code: "goes-up",
        phase: "create",
        node: environment,
        seen: `process ${row.identity.split(" ")[3]} is changing it (run ${row.run})`,
        hint: "assay list shows it; try again when that has ended",
      });
    await changed;
  }
}

async function declared(config: Config, environment: Environment): Promise<Declared> {
  const store = new Store({ directory: config.store, disks: config.disks, budget: config.storeBudget });
  const engines = enginesOf(engineFacts(config));
  try {
    return await declaredNow(
      environment,
      lookupOf(store, () => engines.docker()),
    );
  } finally {
    await engines.close();
  }
}
/** What of the stand-up is gone, or has ended and was not meant to. Rejects where an engine cannot be asked. */
async function missingFrom(
  { run, lease }: KeptRun,
  environment: Environment,
  views: { readonly ledger: Ledger; readonly drivers: ReturnType<typeof openDrivers> },
): Promise<readonly string[]> {
  const { items, unasked } = await takeInventory(views, run);
  const used = views.ledger.driversOf(run);
  const [silent] = unasked.filter(({ driver }) => used.includes(driver));
  if (silent !== undefined) throw silent.error;
  const found = new Map(
    items.flatMap((item) => (item.found === undefined ? [] : [[`${item.kind} ${item.name}`, item.found]])),
  );
  return lease.stands.flatMap(({ nodes, resources }) =>
    resources.flatMap((resource) => {
      const seen = found.get(resource);
      // A directory is in no engine's list, and may be another machine's.
      if (seen === undefined) return resource.startsWith("directory ") ? [] : [`${resource} is gone`];
      const { node = "" } = nodes.find(({ name }) => name === seen.name) ?? {};
      const declared: NodeDeclaration | undefined = environment.nodes[node];
      const ends = declared?.kind === "container" && (declared.ready.exited ?? declared.ready.started) !== undefined;
      return node === "" || ends || seen.state === undefined || seen.state === "running"
        ? []
        : [`${node} is ${seen.state}`];
    }),
  );
}
