// Decides whose a node's storage is: what a server changes in its data must be the environment's alone. Pure.
import type { Environment, NodeDeclaration } from "../model/environment.ts";

/**
 * Where the data of what runs in a node, or shares its network, could be somebody else's: a directory of this machine, or what
 * an NFS server exports, that it may write to.
 * `undefined` where all of it goes with the environment.
 * @example sharedStorage(environment, "mongo") // "/data/db"
 */
export function sharedStorage(environment: Environment, node: string): string | undefined {
  const nodes = environment.nodes as Readonly<Record<string, NodeDeclaration>>;
  const holder = (name: string): string => {
    const declared = nodes[name];
    return declared?.kind === "container" && declared.networkFrom !== undefined ? holder(declared.networkFrom) : name;
  };
  const members = Object.keys(nodes).filter((name) => holder(name) === holder(node));
  const looked = new Set<string>();
  const bound = (name: string): string | undefined => {
    const declared = nodes[name];
    // What a machine's own engine binds is the machine's.
    if (declared?.kind !== "container" || declared.on !== undefined || looked.has(name)) return undefined;
    looked.add(name);
    const [target] =
      Object.entries(declared.mounts).find(
        ([, each]) =>
          !each.readOnly &&
          (each.mount === "bind" || (each.mount === "volume" && environment.volumes[each.volume]?.nfs !== undefined)),
      ) ?? [];
    return (
      target ??
      first(
        declared.volumesFrom.map((other) => (typeof other === "string" ? other : other.node)),
        bound,
      )
    );
  };
  return first(members, bound);
}

function first(names: readonly string[], find: (name: string) => string | undefined): string | undefined {
  for (const name of names) {
    const found = find(name);
    if (found !== undefined) return found;
  }
  return undefined;
}
