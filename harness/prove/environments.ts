// Decides which changes of an environment a spec ought to notice that uses it: a mount that is cut, a name, variable, user or right that is
// not as declared, a program that is not started. Pure; each gives another declaration.
import { isAddressText } from "../model/address-text.ts";
import type { ContainerDeclaration, Mount } from "../model/container.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { isSecret, secret } from "../model/secret.ts";
import type { Mutation, Observation } from "./mutation.ts";

type Made = Omit<Mutation, "from">;

/** How long a node that was changed may take to get ready: what it waits for may never come. */
const mostReadyMs = 5_000;

/** Of a container that a spec touches: what of its declaration is not the default. `seen`: all that was asked of it. */
export function ofDeclaration(
  node: string,
  declared: ContainerDeclaration,
  seen: readonly Observation[],
): readonly Mutation[] {
  const all = seen.map(({ key }) => key);
  const made = (kind: Mutation["kind"], what: string, change: Partial<ContainerDeclaration>, from = all): Mutation => ({
    id: `${node}: ${what}`,
    node,
    kind,
    change: { way: "declaration", change: (environment) => redeclared(environment, node, change) },
    from,
  });
  const looksAt = (target: string) => seen.filter((each) => isBelow(pathOf(each), target)).map(({ key }) => key);
  const looksExactlyAt = (target: string) =>
    seen.some((each) => each.probe !== "mount source" && pathOf(each) === target);
  const dropped = (name: string): Partial<ContainerDeclaration> => ({ [name]: undefined });
  const { mounts, networks } = declared;
  const byRoot = declared.user === undefined || /^(0|root)(:|$)/.test(declared.user);
  const aliased = Array.isArray(networks)
    ? []
    : Object.entries(networks).filter(([, { aliases }]) => aliases.length > 0);
  return [
    ...Object.entries(mounts).flatMap(([target, mount]) => {
      const from = looksAt(target);
      if (from.length === 0) return [];
      const with_ = (other: Mount | undefined) => ({ mounts: without({ ...mounts, [target]: other }) });
      return [
        made("mount", `cut the mount ${target}`, with_(undefined), from),
        ...otherwise(mount, looksExactlyAt(target), byRoot).map(([what, other]) =>
          made("mount", `${what} ${target}`, with_(other), from),
        ),
      ];
    }),
    ...declared.volumesFrom.flatMap((each) => {
      const { node: other, readOnly } = typeof each === "string" ? { node: each, readOnly: false } : each;
      const rest = declared.volumesFrom.filter((one) => one !== each);
      return [
        made("mount", `cut the storage of ${other}`, { volumesFrom: rest }),
        ...(readOnly
          ? [
              made("mount", `let it write to the storage of ${other}`, {
                volumesFrom: [...rest, { node: other, readOnly: false }],
              }),
            ]
          : []),
      ];
    }),
    ...(declared.hostname === undefined
      ? []
      : [made("environment", "give it no host name of its own", dropped("hostname"))]),
    ...(declared.dns.length === 0 ? [] : [made("environment", "give it no name servers of its own", { dns: [] })]),
    ...(declared.dnsSearch.length === 0 ? [] : [made("environment", "give it no search domains", { dnsSearch: [] })]),
    ...(declared.dnsOptions.length === 0
      ? []
      : [made("environment", "give it no resolver options", { dnsOptions: [] })]),
    ...(Object.keys(declared.hosts).length === 0
      ? []
      : [made("environment", "give it no hosts of its own", { hosts: {} })]),
    ...aliased.map(([network, { aliases }]) =>
      made("environment", `take the aliases ${aliases.join(", ")} from it`, {
        networks: { ...networks, [network]: { aliases: [] } },
      }),
    ),
    ...(declared.user === undefined
      ? []
      : [made("environment", "run it as another user", { user: otherUser(declared.user) })]),
    ...Object.entries(declared.env).map(([name, value]) =>
      made("environment", `give the variable ${name} another value`, {
        env: {
          ...declared.env,
          [name]: isSecret(value) ? secret(`another ${name}`, "another-value-0910") : "another-value-0910",
        },
      }),
    ),
    ...(declared.idle === true || declared.ready.exited !== undefined
      ? []
      : [
          made("service", "do not start its program", {
            idle: true,
            command: undefined,
            entrypoint: undefined,
            health: undefined,
            ready: { within: mostReadyMs },
          }),
        ]),
  ];
}

function otherUser(user: string): string {
  return user === "54321:54321" ? "0:0" : "54321:54321";
}

/** The same mount with another right, owner or size, where it declares one and somebody looks at the mount itself, or would have to heed it. */
function otherwise(
  mount: Mount,
  lookedAt: boolean,
  byRoot: boolean,
): readonly (readonly [what: string, mount: Mount])[] {
  const flipped: readonly (readonly [string, Mount])[] = mount.readOnly
    ? [["allow to write to", { ...mount, readOnly: false }]]
    : [];
  if (mount.mount === "tmpfs" && lookedAt)
    return [
      ...flipped,
      ...(mount.size === undefined ? [] : [["give another size to", { ...mount, size: mount.size * 4 }] as const]),
      ...(mount.mode === undefined ? [] : [["give another mode to", { ...mount, mode: mount.mode ^ 0o022 }] as const]),
      [
        "put on disk what is to be memory at",
        { mount: "scratch", owner: { uid: 0, gid: 0 }, mode: 0o1777, readOnly: false },
      ],
    ];
  // To root a mode is nothing, and the user that an image names is not in the declaration.
  if (mount.mount === "scratch" && mount.shared === undefined && (lookedAt || !byRoot))
    return [
      ...flipped,
      ...(mount.owner.uid === 0 ? [] : [["give to root", { ...mount, owner: { uid: 0, gid: 0 } }] as const]),
      otherMode(mount),
    ];
  return flipped;
}

/** A mode under which somebody else than its owner may write who might not, or the other way round; its owner where that is not root. */
function otherMode(mount: Extract<Mount, { mount: "scratch" }>): readonly [what: string, mount: Mount] {
  const { mode, owner } = mount;
  if (owner.uid !== 0 && (mode & 0o200) !== 0)
    return ["forbid its owner to write to", { ...mount, mode: mode & ~0o222 }];
  return (mode & 0o002) === 0
    ? ["allow everybody to write to", { ...mount, mode: mode | 0o022 }]
    : ["allow its owner alone to write to", { ...mount, mode: mode & ~0o022 }];
}

function without<Value>(record: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Record<string, Value>;
}

/**
 * The same environment with these nodes and those that they need alone; `undefined` where that is none less, or cannot be told: with machines,
 * groups, playbooks, addresses of others.
 */
export function partOf(environment: Environment, wanted: readonly string[]): Environment | undefined {
  const nodes = environment.nodes as Readonly<Record<string, NodeDeclaration>>;
  const plain = Object.values(nodes).every(
    (each) =>
      each.kind === "container" &&
      each.on === undefined &&
      !Object.values(each.env).some((value) => isAddressText(value)),
  );
  if (!plain || environment.plays.length > 0 || Object.keys(environment.groups).length > 0) return undefined;
  const kept = new Set<string>();
  const keep = (name: string) => {
    const each = nodes[name];
    if (each?.kind !== "container" || kept.has(name)) return;
    kept.add(name);
    const others = [...each.volumesFrom, ...each.after, each.networkFrom].flatMap((other) => other ?? []);
    for (const other of others) keep(typeof other === "string" ? other : other.node);
  };
  for (const name of wanted) keep(name);
  if (kept.size === Object.keys(nodes).length) return undefined;
  const part = Object.fromEntries(Object.entries(nodes).filter(([name]) => kept.has(name)));
  return { ...environment, nodes: part as typeof environment.nodes };
}

function redeclared(environment: Environment, node: string, change: Partial<ContainerDeclaration>): Environment {
  const nodes = environment.nodes as Readonly<Record<string, NodeDeclaration>>;
  const quick = Object.entries(nodes).map(([name, each]) => {
    const other = name === node ? { ...each, ...change } : each;
    if (other.kind !== "container") return [name, other] as const;
    return [
      name,
      { ...other, ready: { ...other.ready, within: Math.min(other.ready?.within ?? mostReadyMs, mostReadyMs) } },
    ] as const;
  });
  return { ...environment, nodes: Object.fromEntries(quick) as typeof environment.nodes };
}

/** The path that an observation is about; empty where it is about none. */
function pathOf({ probe, subject }: Observation): string {
  return ["stat", "contents", "mountinfo", "mount source", "stat -f"].includes(probe) ? String(subject) : "";
}

function isBelow(path: string, target: string): boolean {
  return path === target || path.startsWith(`${target.replace(/\/+$/, "")}/`);
}

/** Of what an image declares: each member that somebody reads is another one. */
export function ofImage(seen: Observation): readonly Made[] {
  const made = (what: string, place: readonly string[], other: (old: unknown) => unknown): readonly Made[] => [
    {
      id: `${seen.node}: let its image ${what}`,
      node: seen.node,
      kind: "image",
      change: {
        way: "image",
        facet: place.join("/"),
        change: (facts) => put(facts as unknown as Record<string, unknown>, place, other) as unknown as typeof facts,
      },
    },
  ];
  const words = (old: unknown) => [...(old as readonly string[]), "assay-prove"];
  return [...seen.facets].flatMap((facet) => {
    if (facet === "tags") return made("have another tag", ["tags"], () => ["assay-prove:other"]);
    if (facet === "architecture") return made("be of another architecture", ["architecture"], () => "s390x");
    const [, member = "", name = ""] = /^config\/(\w+)(?:\/(.+))?$/.exec(facet) ?? [];
    if (name !== "")
      return made(`have another ${member} ${name}`, ["config", member, name], () => "another-value-0910");
    // That a port is among those that are exposed, one more does not make untrue.
    if (["expose", "volumes"].includes(member))
      return made(`have another ${member}`, ["config", member], (old) =>
        (old as readonly string[]).length === 0 ? ["assay-prove"] : [],
      );
    if (["cmd", "entrypoint"].includes(member)) return made(`have another ${member}`, ["config", member], words);
    if (["user", "workdir", "stopSignal"].includes(member))
      return made(`have another ${member}`, ["config", member], () => "/assay-prove");
    return [];
  });
}

function put(
  record: Readonly<Record<string, unknown>>,
  [first = "", ...rest]: readonly string[],
  other: (old: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  const old = record[first];
  return {
    ...record,
    [first]: rest.length === 0 ? other(old) : put((old ?? {}) as Readonly<Record<string, unknown>>, rest, other),
  };
}
