// Decides what an environment needs of a docker engine, and what scratch directories are called.
import type { ContainerDeclaration, ScratchMount } from "../model/container.ts";
import { carrierOf, networkNames, startOrder, startsAfter, volumeCarrier } from "../model/environment.ts";
import type { BuiltImage } from "../model/image.ts";
import { volumeResource } from "./docker-volume.ts";
import type { PlannedResource, Standing } from "./driver.ts";
import { resourceName } from "./names.ts";

/** Host directory of a scratch mount; no two mounts of an environment have one, unless they name it as shared. */
export function scratchPath(
  standing: Standing,
  node: string,
  target: string,
  { shared }: { shared?: string | undefined } = {},
): string {
  // No node's name begins so.
  if (shared !== undefined) return `${standing.directory}/_shared/${shared}`;
  return `${standing.directory}/${node}/${encodeURIComponent(target.slice(1))}`;
}

/** What the engine mounts: the directory, or the one file of it that is meant. */
export function scratchSource(standing: Standing, node: string, target: string, mount: ScratchMount): string {
  const directory = scratchPath(standing, node, target, mount);
  return mount.file === undefined ? directory : `${directory}/${mount.file}`;
}

/** What the engine calls a declared network. One that machines are on too is libvirt's; the engine's side of it has a name of its own. */
export function networkResource(standing: Standing, network: string): string {
  const carrier = carrierOf(network, standing.environment.nodes);
  return resourceName(standing, `${carrier.kind === "vm" ? "lan" : "net"}_${network}`);
}

/** The declarations of one engine's containers, by node name, in the order in which they may start. */
export function containersOn(standing: Standing, on: string | undefined): ReadonlyMap<string, ContainerDeclaration> {
  const { name, nodes } = standing.environment;
  const found = new Map<string, ContainerDeclaration>();
  for (const node of startOrder(name, nodes)) {
    const declaration = nodes[node];
    if (declaration?.kind === "container" && declaration.on === on) found.set(node, declaration);
  }
  return found;
}

/**
 * Networks, volumes and scratch directories first, then nodes in the order in which they may start: of the host's engine, or of
 * the one on the machine `on`, which then is what all of them need. `engine` is the kind of the host's.
 */
export function planOf(standing: Standing, on?: string, engine = "docker"): readonly PlannedResource[] {
  const { environment } = standing;
  const driver = on === undefined ? engine : "carried";
  const carried = on === undefined ? {} : { carriedBy: on };
  const machine = on === undefined ? [] : [resourceName(standing, on)];
  const networks = Object.keys(environment.networks).flatMap((name): PlannedResource[] => {
    const carrier = carrierOf(name, environment.nodes);
    const shared = carrier.kind === "vm" && carrier.shared;
    const own = on === undefined ? carrier.kind === "host" || shared : carrier.kind === "on" && carrier.vm === on;
    if (!own) return [];
    // The bridge is libvirt's, and has the name that follows from the declared one.
    const needs = shared ? [resourceName(standing, `net_${name}`)] : machine;
    return [{ driver, kind: "network", name: networkResource(standing, name), needs, ...carried }];
  });
  const volumes = Object.keys(environment.volumes)
    .filter((name) => volumeCarrier(name, environment.nodes) === on)
    .map((name) => ({
      driver,
      kind: "volume" as const,
      name: volumeResource(standing, name),
      needs: machine,
      ...carried,
    }));
  const directories: PlannedResource[] = [];
  const nodes: PlannedResource[] = [];
  for (const [node, declaration] of containersOn(standing, on)) {
    const needs = [
      ...networkNames(declaration).map((name) => networkResource(standing, name)),
      ...startsAfter(declaration).map((name) => resourceName(standing, name)),
    ];
    for (const [target, mount] of Object.entries(declaration.mounts)) {
      if (mount.mount === "volume") needs.push(volumeResource(standing, mount.volume));
      if (mount.mount !== "scratch") continue;
      const path = scratchPath(standing, node, target, mount);
      if (!directories.some(({ name }) => name === path))
        directories.push({ driver, kind: "directory", name: path, node, needs: machine, ...carried });
      needs.push(path);
    }
    nodes.push({ driver, kind: "container", name: resourceName(standing, node), node, needs, ...carried });
  }
  return [...networks, ...volumes, ...directories, ...nodes];
}

/** The built images that containers on a machine are made from. */
export function imagesOn(standing: Standing, on: string): readonly BuiltImage[] {
  const tags = Object.values(standing.environment.nodes).flatMap((node) =>
    node.kind === "container" && node.on === on && typeof node.image === "object" && "kind" in node.image
      ? [`${node.image.name}:${node.image.version}`]
      : [],
  );
  return [...new Set(tags)].flatMap((tag) => standing.images.get(tag) ?? []);
}
