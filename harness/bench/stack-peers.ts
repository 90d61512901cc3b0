// Decides how the same stack is had without Assay: by a shell script of `docker` as compose orders it, and by testcontainers. Both are
// made from what the engine tells of the containers that Assay made: the same images, variables, mounts, limits and names.
import type Docker from "dockerode";
import type { StartedTestContainer } from "testcontainers";
import { type Environment, quoteWord } from "../index.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import { identityOf } from "../model/identity.ts";

/** A container as the engine has it, and what its declaration says of its start. */
export interface Part {
  readonly name: string;
  readonly declared: ContainerDeclaration;
  readonly facts: Docker.ContainerInspectInfo;
}

const label = { run: "dev.assay.run", owner: "dev.assay.owner" } as const;
/** Of everything that a peer makes; removed by it. */
export const peerLabels = () => ({ [label.run]: "bench", [label.owner]: identityOf() });
const prefix = "bench-stack";

/** Volumes that the peers make, by the engine's name of those that Assay made. An image's own volumes are the engine's to make. */
function volumesOf(parts: readonly Part[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { facts } of parts)
    for (const mount of facts.Mounts)
      if (mount.Type === "volume" && mount.Name !== undefined && !names.has(mount.Name))
        names.set(mount.Name, `${prefix}-volume-${names.size}`);
  return names;
}

/** What a container is waited for by, with the answer asked again and again: as compose's users do. */
function readyScript({ name, declared }: Part): string {
  const { log, port } = declared.ready;
  const container = `${prefix}-${name}`;
  if (log !== undefined) return `docker logs ${container} 2>&1 | grep -qP ${quoteWord(log.source)}`;
  if (port !== undefined) return `docker exec ${container} bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}' 2>/dev/null`;
  return "true";
}

/**
 * Who brings about what Assay asks of a node before another is started: the beat migrates the database, the manager makes its queue at the
 * broker. Of a service compose and testcontainers know only whether it is ready, so that they wait for who does it.
 */
const broughtAboutBy: Readonly<Record<string, string>> = { database: "beat", broker: "manager" };

/** Who has to be ready first, so that the same is true of the others as with Assay. */
function beforeOf({ declared }: Part): readonly string[] {
  const awaited = declared.awaits.map(({ node }) => node);
  return [
    ...new Set([
      ...declared.after.map((name) => (awaited.includes(name) ? (broughtAboutBy[name] ?? name) : name)),
      ...declared.volumesFrom.map((from) => (typeof from === "string" ? from : from.node)),
    ]),
  ];
}

/**
 * A bash script that stands the stack up: each part begins when those it needs are ready; parts beside each other at the same time. It asks
 * `every` so many seconds; where programs begin slowly, seldom enough that its asking is not what is measured.
 */
export function upScript(parts: readonly Part[], every = 0.1): string {
  const volumes = volumesOf(parts);
  const labels = Object.entries(peerLabels()).map(([key, value]) => `--label ${quoteWord(`${key}=${value}`)}`);
  const lines = parts.map((part) => {
    const { name, facts } = part;
    const { Config, HostConfig, Mounts } = facts;
    const words = [
      ...["--name", `${prefix}-${name}`, "--network", `${prefix}-net`, "--network-alias", name],
      ...(Config.Hostname === "" ? [] : ["--hostname", Config.Hostname]),
      ...(HostConfig.Memory ? ["--memory", String(HostConfig.Memory)] : []),
      ...(Config.Env ?? []).flatMap((each) => ["--env", each]),
      ...Mounts.flatMap((mount) =>
        mount.Type === "volume" ? ["--volume", `${volumes.get(mount.Name ?? "")}:${mount.Destination}`] : [],
      ),
    ];
    const waits = beforeOf(part).map((other) => `until [ -e "$dir/${other}" ]; do sleep ${every}; done`);
    return `{ ${[
      ...waits,
      `docker run --detach ${labels.join(" ")} ${words.map(quoteWord).join(" ")} ${quoteWord(facts.Image)} >/dev/null`,
      `until ${readyScript(part)}; do sleep ${every}; done`,
      `touch "$dir/${name}"`,
    ].join("; ")}; } &`;
  });
  return [
    "set -eu",
    "dir=$(mktemp -d); trap 'rm -rf \"$dir\"' EXIT",
    `docker network create ${labels.join(" ")} ${prefix}-net >/dev/null`,
    ...lines,
    "wait",
  ].join("\n");
}

/** Removes all of it: gone is success. */
export function downScript(parts: readonly Part[]): string {
  const names = parts.map(({ name }) => `${prefix}-${name}`).join(" ");
  const volumes = [...volumesOf(parts).values()].join(" ");
  return [
    `docker rm --force --volumes ${names} >/dev/null 2>&1 || true`,
    `docker network rm ${prefix}-net >/dev/null 2>&1 || true`,
    `docker volume rm --force ${volumes} >/dev/null 2>&1 || true`,
  ].join("\n");
}

/** The same by testcontainers, with its own ways to wait. The network is there already. Resolves with what runs. */
export async function byTestcontainers(parts: readonly Part[]): Promise<readonly StartedTestContainer[]> {
  // Not before what Assay's own process takes was measured.
  const { GenericContainer, Wait } = await import("testcontainers");
  const volumes = volumesOf(parts);
  const started = new Map<string, Promise<StartedTestContainer>>();
  const start = (name: string): Promise<StartedTestContainer> => {
    const known = started.get(name) ?? one(parts.find((part) => part.name === name) as Part);
    started.set(name, known);
    return known;
  };
  const one = async (part: Part): Promise<StartedTestContainer> => {
    await Promise.all(beforeOf(part).map(start));
    const { name, declared, facts } = part;
    const { log, port } = declared.ready;
    const env = Object.fromEntries(
      (facts.Config.Env ?? []).map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]),
    );
    let wanted = new GenericContainer(facts.Config.Image)
      .withName(`${prefix}-${name}`)
      .withNetworkMode(`${prefix}-net`)
      .withNetworkAliases(name)
      .withEnvironment(env)
      .withLabels(peerLabels())
      .withStartupTimeout(120_000)
      .withBindMounts(
        facts.Mounts.flatMap((mount) =>
          mount.Type === "volume" ? [{ source: volumes.get(mount.Name ?? "") ?? "", target: mount.Destination }] : [],
        ),
      );
    if (log !== undefined) wanted = wanted.withWaitStrategy(Wait.forLogMessage(new RegExp(log.source, "m")));
    else if (port !== undefined) wanted = wanted.withExposedPorts(port).withWaitStrategy(Wait.forListeningPorts());
    return wanted.start();
  };
  return Promise.all(parts.map(({ name }) => start(name)));
}

/** Those of an environment, in an order in which each comes after what it needs. */
export function partsOf(
  environment: Environment,
  order: readonly string[],
  facts: ReadonlyMap<string, Docker.ContainerInspectInfo>,
): readonly Part[] {
  return order.flatMap((name) => {
    const declared = environment.nodes[name];
    const seen = facts.get(name);
    return declared?.kind === "container" && seen !== undefined ? [{ name, declared, facts: seen }] : [];
  });
}
