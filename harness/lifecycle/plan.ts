// Decides what is to be done so that what stands becomes what is declared: what is created, replaced, destroyed, and what is left as it is.
// Pure, of two declarations as data (see `declaredNow`). Refuses to touch anything, and to ask.
import { writtenSize } from "../model/duration.ts";
import { dataDifference } from "../store/why.ts";

export type ThingKind = "network" | "volume" | "vm" | "container" | "image";

/** One thing that changes. */
export interface Change {
  readonly action: "create" | "replace" | "destroy";
  readonly kind: ThingKind;
  readonly name: string;
  /** What differs, of one that is replaced: `memory 256m → 512m`. */
  readonly because: readonly string[];
}

export interface Plan {
  /** In the order in which they are told: networks and volumes first, then nodes, each by name. */
  readonly changes: readonly Change[];
  readonly unchanged: number;
}

/** What an environment was, or is, declared to be: the facts of `declaredNow`. */
export interface PlanFacts {
  readonly nodes: Readonly<Record<string, NodeFacts>>;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
  readonly plays?: readonly unknown[];
}

interface NodeFacts {
  readonly kind: "vm" | "container" | "image";
  readonly networks?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly [option: string]: unknown;
}

const nothing: PlanFacts = { nodes: {} };

/**
 * What brings `stands` to `now`; either absent where nothing stands, or is to. A node on a network that is replaced goes with it. What a node
 * waits for counts for its start alone: another `after` changes nothing that stands.
 *
 * @example
 * planChanges(stood.facts, now.facts).changes // [{ action: "create", kind: "vm", name: "dev-003", because: [] }]
 */
export function planChanges(stands: PlanFacts = nothing, now: PlanFacts = nothing): Plan {
  const shared = (["network", "volume"] as const).flatMap((kind) =>
    compared(stands[`${kind}s`] ?? {}, now[`${kind}s`] ?? {}, () => kind),
  );
  const anew = shared.filter(({ change, kind }) => kind === "network" && change?.action === "replace");
  const nodes = compared(withoutWaiting(stands.nodes), withoutWaiting(now.nodes), ({ kind }) => kind).map((each) => {
    const lost = anew.find(({ name }) => networksOf(stands.nodes[each.name]).includes(name));
    if (each.change !== undefined || lost === undefined) return each;
    const because = [`its network ${lost.name} is replaced`];
    return { ...each, change: { action: "replace" as const, kind: each.kind, name: each.name, because } };
  });
  const all = [...shared, ...nodes];
  return {
    changes: all.flatMap(({ change }) => change ?? []),
    unchanged: all.filter(({ change }) => change === undefined).length,
  };
}

/** `stands` with what is there of it alone: nodes by name, images at rest as they are. */
export function standingOf(facts: PlanFacts, nodes: readonly string[]): PlanFacts {
  const there = Object.entries(facts.nodes).filter(([name, { kind }]) => kind === "image" || nodes.includes(name));
  return { ...facts, nodes: Object.fromEntries(there) };
}

/**
 * Why the changes cannot be made to what stands, one line each; empty where they can: machines come and go, and nothing else. A network
 * that gets its first machine or loses its last one becomes another engine's.
 */
export function notInPlace({ changes }: Plan, stands: PlanFacts, now: PlanFacts): readonly string[] {
  const others = changes
    .filter(({ action, kind }) => action === "replace" || kind !== "vm")
    .map(({ action, kind, name, because }) => [`${kind} ${name}`, said[action], ...because].join(" "));
  const plays = (facts: PlanFacts) => ({ plays: facts.plays ?? [] });
  const played =
    dataDifference(plays(stands), plays(now)).length === 0
      ? []
      : ["its playbooks, or whom they are applied to, are others"];
  const turned = Object.keys(now.networks ?? {})
    .filter((network) => network in (stands.networks ?? {}) && hasMachine(network, stands) !== hasMachine(network, now))
    .map((network) => `network ${network} ${hasMachine(network, now) ? "gets its first" : "loses its last"} machine`);
  return [...others, ...turned, ...played];
}

const said = { create: "is new", destroy: "is no longer declared", replace: "is another:" } as const;

function hasMachine(network: string, { nodes }: PlanFacts): boolean {
  return Object.values(nodes).some((node) => node.kind === "vm" && networksOf(node).includes(network));
}

function networksOf(node: NodeFacts | undefined): readonly string[] {
  const { networks = [] } = node ?? {};
  return Array.isArray(networks) ? networks : Object.keys(networks);
}

interface Compared {
  readonly kind: ThingKind;
  readonly name: string;
  readonly change?: Change;
}

function compared<Facts>(
  before: Readonly<Record<string, Facts>>,
  after: Readonly<Record<string, Facts>>,
  kindOf: (facts: Facts) => ThingKind,
): readonly Compared[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().map((name) => {
    const [was, is] = [before[name], after[name]];
    const kind = kindOf((is ?? was) as Facts);
    const change = (action: Change["action"], because: readonly string[] = []) => ({
      kind,
      name,
      change: { action, kind, name, because },
    });
    if (was === undefined) return change("create");
    if (is === undefined) return change("destroy");
    const because = dataDifference(readable(was), readable(is)).map((line) => line.replace(": ", " "));
    return because.length === 0 ? { kind, name } : change("replace", because);
  });
}

function withoutWaiting(nodes: PlanFacts["nodes"]): PlanFacts["nodes"] {
  return Object.fromEntries(Object.entries(nodes).map(([name, { after: _, ...node }]) => [name, node]));
}

/** As it was written: sizes with their units. */
function readable(value: unknown, key = ""): unknown {
  if (typeof value === "number" && (key === "memory" || key === "size")) return writtenSize(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([each, item]) => [each, readable(item, each)]));
}
