// Decides whether what is up under a name is what is declared now, and whole; and what is to be done where it is not.
import type { Config } from "../config.ts";
import { enginesOf } from "../engines.ts";
import { type Declared, declaredNow } from "../lifecycle/declared.ts";
import { takeInventory } from "../lifecycle/inventory.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import { oneLine } from "../reporting/escape.ts";
import { Store } from "../store/store.ts";
import { dataDifference } from "../store/why.ts";
import { lookupOf, upOf } from "./by-hand.ts";
import { takeDown } from "./down.ts";
import type { KeptRun } from "./kept-runs.ts";
import { engineFacts, openDrivers, placesOf } from "./surroundings.ts";

/** What is up as it is declared now. What is up otherwise is an error, or is taken down where that is asked for. */
export async function whatStands(
  config: Config,
  environment: Environment,
  replace: boolean,
  /** The command line without `--replace`. */
  asked: string,
): Promise<KeptRun | undefined> {
  using ledger = Ledger.open(config.ledger);
  const known = upOf(ledger, config, environment.name);
  if (known === undefined) return undefined;
  const { up, declaration } = known;
  const drivers = openDrivers(config);
  try {
    const [now, lost] = await Promise.all([
      declared(config, environment),
      missingFrom(up, environment, { ledger, drivers }),
    ]);
    if (now.digest === declaration.digest && lost.length === 0) return up;
    if (replace) {
      const { error } = await takeDown(up.run, { ledger, drivers, places: placesOf(config) });
      if (error !== undefined) throw error;
      return undefined;
    }
    const hint = `${asked} --replace takes it down and stands it up anew`;
    const { name } = environment;
    if (lost.length > 0)
      throw new ProvisionError({
        code: "not-whole",
        phase: "ready",
        node: name,
        seen: `it is up as run ${up.run}, and not whole any more: ${lost.join(", ")}`,
        hint,
      });
    const changes = dataDifference(declaration.facts, now.facts).map((line) => `\n  ${oneLine(line)}`);
    throw new DeclarationError({
      code: "declared-otherwise",
      at: environment.at,
      seen: `${name} is up as run ${up.run}, and was declared otherwise then:${changes.join("")}\n`,
      hint,
    });
  } finally {
    for (const driver of drivers) await driver.close();
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
      const ends = declared?.kind === "container" && declared.ready.exited === true;
      return node === "" || ends || seen.state === undefined || seen.state === "running"
        ? []
        : [`${node} is ${seen.state}`];
    }),
  );
}
