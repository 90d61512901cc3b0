// Decides when a studio's names are on its name server, and how they get there: by nsupdate, in the server's own node. Nothing of this is in
// the ledger: the zone lies in a node of the environment and goes with it, whoever removes that.
import type { Driver, Standing } from "../drivers/driver.ts";
import { type Environment, type NodeDeclaration, networkNames } from "../model/environment.ts";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";
import type { Command, ExecOptions, ExecResult } from "../model/exec.ts";
import type { ContainerNode, Node, VmNode } from "../model/node.ts";
import { namesOn, type Publication } from "../model/publication.ts";
import { redact } from "../model/secret.ts";
import { type Change, type NodeNames, readRefusal, updatesFor } from "./dns-update.ts";

/** A node that is on a network, as far as its names need it; a live container or machine is one. */
export interface Named {
  readonly title: string;
  /** A `DeclarationError` (code `no-address`) where it has none. */
  address(network: string): string;
  exec(
    command: Command,
    options: Pick<ExecOptions, "stdin" | "timeoutMs">,
  ): Promise<Pick<ExecResult, "status" | "stdout" | "stderr">>;
}

/** By their names in the environment. */
export type NamedNodes = ReadonlyMap<string, Named>;

/** Networks whose names are published, each with where. */
function publishedNetworks(environment: Environment) {
  return Object.entries(environment.networks).flatMap(([network, { domain, publish }]) =>
    publish === undefined || domain === undefined ? [] : [{ network, domain, publish }],
  );
}

/**
 * What nodes are called on the networks that are published, as they are now. A node that has ended has no address, and nothing is
 * published of it: keep what this gave where names are to be withdrawn of nodes that may have ended by then.
 */
export function namesOf(
  environment: Environment,
  nodes: NamedNodes,
  which: readonly string[] = Object.keys(environment.nodes),
): readonly NodeNames[] {
  return publishedNetworks(environment).flatMap(({ network, domain }) =>
    which.flatMap((node): NodeNames[] => {
      const declaration: NodeDeclaration | undefined = environment.nodes[node];
      const live = nodes.get(node);
      if (declaration === undefined || live === undefined || !networkNames(declaration).includes(network)) return [];
      const address = addressOf(live, network);
      const [first, ...others] = namesOn(network, node, declaration, domain);
      return first === undefined || address === undefined
        ? []
        : [{ node, network, names: [first, ...others], address }];
    }),
  );
}

function addressOf(node: Named, network: string): string | undefined {
  try {
    return node.address(network);
  } catch (error) {
    if (error instanceof DeclarationError && error.code === "no-address") return undefined;
    throw error;
  }
}

/**
 * Makes names known on their name servers, or takes them back: what was there under a name before goes when it is published, and only
 * what was published goes when it is withdrawn. The servers are among `nodes`. Idempotent. Rejects with a `ProvisionError`:
 * `no-nsupdate`, `no-answer`, `no-zone`, `update-refused`, `update-failed`.
 */
export async function changeNames(
  change: Change,
  environment: Environment,
  nodes: NamedNodes,
  names: readonly NodeNames[],
): Promise<void> {
  await Promise.all(
    publishedNetworks(environment).map(async ({ network, domain, publish }) => {
      const own = names.filter((each) => each.network === network);
      if (own.length > 0) await send(change, own, { node: nodes.get(publish.server), network, domain, publish });
    }),
  );
}

/** The names of one stand-up, from when it is ready until before it goes. */
export class StandingNames {
  readonly #environment: Environment;
  readonly #nodes: ReadonlyMap<string, Node>;
  /** Servers that stood before this stand-up, which made other nodes of the same environment. */
  readonly #servers = new Map<string, Node>();
  #names: readonly NodeNames[] = [];

  constructor(environment: Environment, nodes: ReadonlyMap<string, Node>) {
    this.#environment = environment;
    this.#nodes = nodes;
  }

  /** Keeps what the nodes are called as they are now; whether that is to be published anywhere. */
  look(): boolean {
    this.#names = namesOf(this.#environment, onNetworks(this.#nodes));
    return this.#names.length > 0;
  }

  /** Connects to a server that is none of the stand-up's own nodes. */
  async publish(standing: Standing, drivers: readonly Pick<Driver, "plan" | "connect">[]): Promise<void> {
    for (const { network, publish } of publishedNetworks(this.#environment))
      if (!this.#nodes.has(publish.server) && this.#names.some((each) => each.network === network))
        this.#servers.set(publish.server, await connected(publish.server, standing, drivers));
    await this.#change("publish");
  }

  /** Never stands in the way of removal: the names go with their server at the latest. What could not be withdrawn is said. */
  withdraw(say: (why: string) => void): Promise<void> {
    return this.#change("withdraw").catch((error: unknown) => say(messageOf(error)));
  }

  #change(change: Change): Promise<void> {
    const nodes = onNetworks(new Map([...this.#servers, ...this.#nodes]));
    return changeNames(change, this.#environment, nodes, this.#names);
  }
}

async function connected(
  node: string,
  standing: Standing,
  drivers: readonly Pick<Driver, "plan" | "connect">[],
): Promise<Node> {
  for (const driver of drivers) {
    const resource = driver.plan(standing).find((each) => each.node === node && each.kind !== "directory");
    if (resource !== undefined) return driver.connect(resource, standing);
  }
  throw new ProvisionError({ code: "not-there", phase: "ready", node, seen: "no engine has it" });
}

/** Those that are on networks are containers and machines, which have addresses. */
function onNetworks(nodes: ReadonlyMap<string, Node>): NamedNodes {
  return nodes as ReadonlyMap<string, Node & Named>;
}

/** Names on one server, by hand. */
export interface Published {
  /** Puts nodes' names there again. */
  publish(...nodes: readonly (ContainerNode | VmNode)[]): Promise<void>;
  /** Takes nodes' names away, of all of the environment's networks that this server has the names of; the nodes stay. */
  withdraw(...nodes: readonly (ContainerNode | VmNode)[]): Promise<void>;
}

/**
 * The names that an environment publishes on `server`, one of its nodes, to be changed while it is up: as before a machine is taken away.
 * Both verbs are idempotent, and reject with a `ProvisionError`: `no-nsupdate`, `no-answer`, `no-zone`, `update-refused`, `update-failed`.
 * @example await published(studioDns, names).withdraw(dev);
 */
export function published(environment: Environment, server: ContainerNode | VmNode): Published {
  const change = (what: Change, nodes: readonly (ContainerNode | VmNode)[]) => {
    const live = new Map([...nodes, server].map((node) => [node.name, node]));
    const served = publishedNetworks(environment).filter(({ publish }) => publish.server === server.name);
    const names = namesOf(
      environment,
      live,
      nodes.map(({ name }) => name),
    );
    return changeNames(
      what,
      environment,
      live,
      names.filter((each) => served.some(({ network }) => network === each.network)),
    );
  };
  return { publish: (...nodes) => change("publish", nodes), withdraw: (...nodes) => change("withdraw", nodes) };
}

/** nsupdate's own patience with a silent server; the deadline of the command is for a silent node. */
const patience = { seconds: 10, timeoutMs: 20_000 };

async function send(
  what: Change,
  names: readonly NodeNames[],
  {
    node,
    network,
    domain,
    publish,
  }: { node: Named | undefined; network: string; domain: string; publish: Publication },
): Promise<void> {
  if (node === undefined)
    throw new ProvisionError({ code: "update-failed", phase: "ready", node: publish.server, seen: "it is not there" });
  const server = node.address(network);
  await Promise.all(
    updatesFor(what, names, { server, domain, publish }).map(async ({ about, script }) => {
      const ended = await node.exec(["nsupdate", "-t", String(patience.seconds)], {
        stdin: script,
        timeoutMs: patience.timeoutMs,
      });
      if (ended.status === 0) return;
      const { code, seen, hint } = readRefusal(ended, about, publish.key.name);
      throw new ProvisionError({
        code,
        phase: what === "publish" ? "ready" : "destroy",
        node: node.title,
        seen: `names of network "${network}" could not be ${what === "publish" ? "published" : "withdrawn"}: ${redact(seen)}`,
        hint,
      });
    }),
  );
}
