// Decides what `assay export` writes of an environment that is kept, for tools that work on hosts: which nodes there are, how each is reached.
import { writeFileSync } from "node:fs";
import { type Config, readConfig } from "../config.ts";
import { engineKind, engineOfKind } from "../drivers/docker-address.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { DeclarationError, ExitCode } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { declarationOf } from "./by-hand.ts";
import { ansibleInventory, exportFormats, type InventoryFacts, type InventoryHost, type Reach } from "./inventory.ts";
import { type FoundNode, type KeptRun, keeps, standingRuns } from "./kept-runs.ts";
import { kubeManifest } from "./kube-export.ts";
import { environmentNamed, findEnvironments } from "./recipes.ts";
import { loginOf } from "./ssh.ts";

/**
 * `assay export kube <environment>`: its declaration, see `kubeManifest`. `assay export ansible <environment or run>`: on standard output, or to `out`, readable by its owner alone. What has no way in is told on
 * standard error, and is no error. A `DeclarationError` (`unknown-format`, `not-kept`, `which-run`) for what cannot be meant.
 */
export async function exportCommand(format: string, word: string, options: { readonly out?: string }): Promise<number> {
  if (!exportFormats.includes(format))
    throw new DeclarationError({
      code: "unknown-format",
      seen: `nothing is exported as "${format}"`,
      hint: `there is ${exportFormats.join(", ")}`,
    });
  const config = readConfig();
  if (format === "kube") {
    const { text, left } = kubeManifest(await environmentNamed(config.project, word));
    write(text, "not in the manifest", left, options.out);
    return ExitCode.met;
  }
  using ledger = Ledger.open(config.ledger);
  const kept = await keptRun(config, ledger, word);
  const { text, left } = ansibleInventory(factsOf(config, ledger, kept));
  write(text, "not in the inventory", left, options.out);
  return ExitCode.met;
}

function write(text: string, what: string, left: readonly string[], out: string | undefined): void {
  for (const line of left) console.error(`${what}: ${line}`);
  if (out === undefined) process.stdout.write(text);
  else writeFileSync(out, text, { mode: 0o600 });
}

async function keptRun(config: Config, ledger: Ledger, word: string): Promise<KeptRun> {
  const all = standingRuns(ledger);
  const meant = all.filter(
    (each) =>
      each.run === word ||
      (keeps(each, word) && (declarationOf(config, each.run)?.project ?? config.project) === config.project),
  );
  const [first, second] = meant;
  if (first !== undefined && second === undefined) return first;
  if (first !== undefined)
    throw new DeclarationError({
      code: "which-run",
      seen: `"${word}" is kept several times`,
      hint: `say which: ${meant.map(({ run }) => run).join(", ")}`,
    });
  const environments = [...(await findEnvironments(config.project)).keys()];
  const guess = nearest(word, [...environments, ...all.map(({ run }) => run)]);
  throw new DeclarationError({
    code: "not-kept",
    seen: `"${word}" is not up`,
    hint: environments.includes(word)
      ? `assay up ${word}`
      : guess === undefined
        ? "assay list shows what stands"
        : `did you mean "${guess}"?`,
  });
}

function factsOf(config: Config, ledger: Ledger, { run, lease }: KeptRun): InventoryFacts {
  const drivers = new Map(ledger.standing(run).map(({ name, driver }) => [name, driver]));
  const several = lease.stands.length > 1;
  const hosts = lease.stands.flatMap((stand) =>
    stand.nodes.map(
      (node): InventoryHost => ({
        // Of one run, two stand-ups of an environment have the same names.
        name: several ? `${stand.scope}-${node.node}` : node.node,
        reach: reachOf(config, { run, stand, node }, drivers.get(node.name)),
      }),
    ),
  );
  const environment = [...new Set(lease.stands.map((stand) => stand.environment))].join(", ");
  return { environment, run, hosts, groups: declarationOf(config, run)?.groups ?? {} };
}

function reachOf(config: Config, found: FoundNode, driver: string | undefined): Reach {
  const { node } = found;
  if (node.kind === "vm") {
    const login = loginOf(config, found);
    return login === undefined
      ? { by: "none", why: 'a machine without ssh of Assay\'s; transport: "ssh" in its declaration gives it one' }
      : { by: "ssh", login };
  }
  if (node.on !== undefined) return { by: "none", why: `a container on the engine in ${node.on}` };
  if (driver === undefined) return { by: "none", why: "the ledger does not know its engine" };
  const { engine, dockerHost } = engineOfKind(driver) ?? { engine: driver, dockerHost: undefined };
  if (engine !== "docker" && engine !== "podman")
    return { by: "none", why: `nothing is known of its engine, ${driver}` };
  // The ledger says whose engine it is; where on this machine that listens, the configuration does.
  const here =
    driver === engineKind({ engine, dockerHost: config.engineHosts[engine] }) ? config.engineHosts[engine] : undefined;
  return { by: engine, container: node.name, address: dockerHost ?? (engine === "docker" ? here : undefined) };
}
