// Decides how several machines are declared as one: how many they are, what each is called, and what else depends on its number. Data,
// until an environment makes a machine of each number.
import { z } from "zod";
import type { Edge } from "./edge.ts";
import { DeclarationError } from "./errors.ts";
import { readOptions } from "./options.ts";
import type { VmDeclaration, VmOptions } from "./vm.ts";

/** A value, or one for each machine by its number. Numbers begin at 1. */
export type Numbered<Value> = Value | ((number: number) => Value);

/** What one machine's options are, and what makes several of them. */
export interface VmGroupOptions extends Omit<VmOptions, "networks" | "hostname"> {
  /** How many; none is well too. `assay up --count` may ask for others. */
  readonly count: number;
  /** Each machine's name in the environment. */
  readonly name: (number: number) => string;
  readonly hostname?: Numbered<string>;
  readonly networks?:
    | string[]
    | Record<string, { readonly mac?: Numbered<string>; readonly address?: Numbered<string> }>;
}

/** Machines that are alike; a test gets an array of their nodes. */
export interface VmGroup {
  readonly kind: "vms";
  readonly count: number;
  readonly nameOf: (number: number) => string;
  readonly machineOf: (number: number) => VmDeclaration;
  readonly at: string | undefined;
}

const counted = z.strictObject({
  count: z.int().min(0).max(200),
  name: z.custom<(number: number) => string>((value) => typeof value === "function", "expected a function of a number"),
});

/** A group of what `one` makes of one machine's options. Wrong options are refused here, by those of the first machine. */
export function groupOf(
  { count, name, ...rest }: VmGroupOptions,
  one: (options: VmOptions) => VmDeclaration,
  at: string | undefined,
): VmGroup {
  const read = readOptions("vm", counted, { count, name });
  const machineOf = (number: number) => ({ ...one(numbered(rest, number)), at });
  machineOf(1);
  return { kind: "vms", count: read.count, nameOf: read.name, machineOf, at };
}

function numbered({ networks, hostname, ...alike }: Omit<VmGroupOptions, "count" | "name">, number: number): VmOptions {
  const of = <Value>(value: Numbered<Value> | undefined) =>
    typeof value === "function" ? (value as (number: number) => Value)(number) : value;
  const seats =
    networks === undefined || Array.isArray(networks)
      ? networks
      : Object.fromEntries(
          Object.entries(networks).map(([network, { mac, address, ...more }]) => [
            network,
            { ...more, ...defined("mac", of(mac)), ...defined("address", of(address)) },
          ]),
        );
  return { ...alike, ...defined("hostname", of(hostname)), ...defined("networks", seats) } as VmOptions;
}

function defined<Name extends string, Value>(name: Name, value: Value | undefined): { [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}

/** A node's declaration, or a group's. */
export type Declared<Declaration> = Declaration | VmGroup;

/** What `declared` comes to: each machine of a group under its own name, and the names of each group. */
export function expanded<Declaration extends { readonly after: readonly string[]; readonly awaits: readonly Edge[] }>(
  environment: string,
  declared: Readonly<Record<string, Declared<Declaration>>>,
): {
  readonly nodes: Readonly<Record<string, Declaration | VmDeclaration>>;
  readonly groups: Readonly<Record<string, readonly string[]>>;
} {
  const isGroup = (each: Declared<Declaration>): each is VmGroup => "kind" in each && each.kind === "vms";
  const groups: Record<string, readonly string[]> = {};
  const nodes = new Map<string, Declaration | VmDeclaration>();
  const add = (name: string, node: Declaration | VmDeclaration, at: string | undefined) => {
    if (nodes.has(name) || (name in declared && isGroup(declared[name] as Declared<Declaration>)))
      throw new DeclarationError({ code: "name-twice", at, seen: `${environment}: two nodes are called "${name}"` });
    nodes.set(name, node);
  };
  for (const [name, each] of Object.entries(declared)) {
    if (!isGroup(each)) {
      add(name, each, (each as { readonly at?: string }).at);
      continue;
    }
    const numbers = Array.from({ length: each.count }, (_, index) => index + 1);
    groups[name] = numbers.map((number) => each.nameOf(number));
    for (const number of numbers) add(each.nameOf(number), each.machineOf(number), each.at);
  }
  // Who waits for a group waits for each of it.
  const waiting = (node: Declaration | VmDeclaration) =>
    node.after.some((name) => name in groups)
      ? {
          ...node,
          after: node.after.flatMap((name) => groups[name] ?? [name]),
          awaits: node.awaits.flatMap((edge) =>
            (groups[edge.node] ?? [edge.node]).map((name) => ({ ...edge, node: name })),
          ),
        }
      : node;
  return { nodes: Object.fromEntries([...nodes].map(([name, node]) => [name, waiting(node)])), groups };
}

/** The group with another number of machines. */
export function withCount(group: VmGroup, count: number): VmGroup {
  const { count: read } = readOptions("count", counted.pick({ count: true }), { count });
  return { ...group, count: read };
}
