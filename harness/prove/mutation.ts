// Decides what a mutation is: one change of a node, of its environment or of what its image says of itself, derived from what a spec
// observed. Data and shell text; refuses to run anything.
import type { Environment } from "../model/environment.ts";
import type { ImageFacts } from "../model/image.ts";
import type { Node } from "../model/node.ts";
import type { MutationKind } from "../model/proof.ts";

/** What a spec asked of a node, and what it was told. */
export interface Observation {
  /** Names it in the recording. */
  readonly key: string;
  readonly node: string;
  readonly of: Node["kind"];
  /** The probe's name; `command`, `image` and `mount source` for what nodes are asked by their own methods. */
  readonly probe: string;
  readonly subject: unknown;
  /** The first answer: before a test changed it itself. Absent where it could not be asked. */
  readonly answer?: unknown;
  /** Members of the answer that judges read: `gid`, `config.cmd`. Empty where an answer has no members. */
  readonly facets: ReadonlySet<string>;
  /** Titles of the checks that asked. */
  readonly titles: readonly string[];
}

/** How a change is made. */
export type Change =
  /** By a script in the node, which is undone: see `script.ts`. */
  | { readonly way: "script"; readonly script: Script }
  /** By the service's own protocol, over a stream that the node opens. */
  | { readonly way: "service"; readonly service: ServiceChange }
  /** By another declaration, of which a fresh environment is stood up. */
  | { readonly way: "declaration"; readonly change: (environment: Environment) => Environment }
  /** By another answer of the engine about the image: its record cannot be changed for one container alone. */
  | { readonly way: "image"; readonly facet: string; readonly change: (facts: ImageFacts) => ImageFacts };

export interface Script {
  /**
   * Absolute paths that change; kept before, brought back after. Refused where one lies on what others have, too. A directory's own owner
   * and mode are kept, with `whole` all that is in it.
   */
  readonly paths: readonly string[];
  readonly whole?: true;
  /** Shell text that prints more paths, each with a NUL behind it, which come after `paths`; `"$@"` are `args`. It looks and changes nothing. */
  readonly find?: string;
  /** Shell text; `"$@"` are the paths and then `args`. `$kept/0` is the first path as it was. */
  readonly change: string;
  readonly args?: readonly string[];
  /** Shell text for what paths do not bring back; `"$@"` as in `change`. */
  readonly undo?: string;
  /** Shell text that prints what is there beside the paths, in words that differ when it does; `"$@"` are `args`. */
  readonly look?: string;
  /** It cannot be undone: it is made in a clone of its own. */
  readonly final?: true;
}

/** What is changed in a service: its data, as a rule. All of it rejects with the reason where it cannot be done. */
export interface ServiceChange {
  /** What is there, in words that differ when it does. */
  look(node: Node): Promise<string>;
  /** Makes it, or changes nothing and rejects. What it answers brings back what was there. */
  make(node: Node): Promise<() => Promise<void>>;
  readonly final?: true;
}

export interface Mutation {
  /** `soe: give /etc/hosts to another user` */
  readonly id: string;
  readonly node: string;
  readonly kind: MutationKind;
  readonly change: Change;
  /** Keys of the observations it was derived from. */
  readonly from: readonly string[];
  /** Titles of the checks that are to notice it, where others look at the same and need not: these are not held to be always met. */
  readonly titles?: readonly string[];
}

/** A mutation before it is known what it was derived from; with `not`, one that does not apply, and why. */
export type Made = Omit<Mutation, "from"> | { readonly id: string; readonly not: string };

/** Makes mutations of one observation. */
export type Operator = (seen: Observation, environment: Environment) => readonly Made[];

/** @example byScript(seen, "file", "take /a away", { paths: ["/a"], change: 'rm -rf -- "$1"' }) */
export function byScript(seen: Observation, kind: MutationKind, what: string, script: Script): Omit<Mutation, "from"> {
  return { id: `${seen.node}: ${what}`, node: seen.node, kind, change: { way: "script", script } };
}

/** @example byService(seen, "database", "empty the table a", emptied(options, "a")) */
export function byService(seen: Observation, kind: MutationKind, what: string, service: ServiceChange): Made {
  return { id: `${seen.node}: ${what}`, node: seen.node, kind, change: { way: "service", service } };
}

/** It does not apply here: told with the reason, and never counted. */
export function notHere(seen: Observation, what: string, why: string): Made {
  return { id: `${seen.node}: ${what}`, not: why };
}

/** Whether it takes a clone of its own: another declaration, or what cannot be undone. */
export function needsOwnClone({ change }: Mutation): boolean {
  return (
    change.way === "declaration" ||
    (change.way === "script" && change.script.final === true) ||
    (change.way === "service" && change.service.final === true)
  );
}

/** One of each id, from all that it was derived from. */
export function joined(mutations: readonly Mutation[]): readonly Mutation[] {
  const byId = new Map<string, Mutation>();
  for (const each of mutations) {
    const known = byId.get(each.id);
    byId.set(each.id, known === undefined ? each : { ...known, from: [...new Set([...known.from, ...each.from])] });
  }
  return [...byId.values()];
}
