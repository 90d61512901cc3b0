// Decides which words of a declaration are told: an environment's picture, and where an image comes from. Data in, data out;
// refuses to tell variables, arguments and contents of files: they may be secrets, and are in the declaration.
import { relative } from "node:path";
import type { Mount } from "../model/container.ts";
import { type Environment, type NodeDeclaration, networkNames } from "../model/environment.ts";
import type { Layout, LayoutNode } from "../model/event.ts";
import type { Recipe } from "../model/recipe.ts";

/** What an environment consists of. */
export function layoutOf({ nodes, networks, volumes }: Environment): Layout {
  return {
    nodes: Object.entries<NodeDeclaration>(nodes).map(([node, declared]) => ({
      node,
      kind: declared.kind,
      image: imageOf(declared),
      ...("on" in declared && declared.on !== undefined ? { on: declared.on } : {}),
      networks: networkNames(declared).map((network) => ({ network, ...addressOn(declared, network) })),
      mounts:
        declared.kind === "container"
          ? Object.entries(declared.mounts).map(([at, mount]) => ({ at, source: sourceOf(mount, volumes) }))
          : [],
      extras: extrasOf(declared),
    })),
    networks: Object.entries(networks).map(([network, { subnet, internal, bridge, routed }]) => {
      const about = [
        ...(subnet === undefined ? [] : [subnet]),
        ...(internal ? ["no way out"] : []),
        ...(routed ? ["routed"] : []),
        ...(bridge === undefined ? [] : [`bridge ${bridge} of the host`]),
      ].join(", ");
      return { network, ...(about === "" ? {} : { about }) };
    }),
  };
}

/** What the event of an image tells of its recipe. */
export function provenanceOf(recipe: Recipe): { from: string; steps: string[]; declaredAt?: string } {
  const { from, steps, at } = recipe;
  return {
    from: baseOf(from),
    steps: steps.map((step) => {
      if (step.step === "ansible") return `ansible ${step.playbook}`;
      // What a command is given may be anything.
      return step.step === "run" ? `run ${step.command[0]}` : `copy ${step.source} to ${step.target}`;
    }),
    ...(at === undefined ? {} : { declaredAt: relative(process.cwd(), at) }),
  };
}

function baseOf(from: Recipe["from"]): string {
  if (from.base === "debian-rootfs") return `debian ${from.suite}, ${from.variant}, by mmdebstrap`;
  if (from.base === "image") return `image ${from.reference}`;
  if (from.base === "recipe") return `recipe ${from.recipe.name} ${from.recipe.version}`;
  if (from.base === "archive")
    return `archive ${from.path}${from.sha256 === undefined ? "" : `, sha256:${from.sha256}`}`;
  return `${from.directory}/${from.file}, built by ${from.builder === "engine" ? "the engine" : from.builder}`;
}

function imageOf({ image }: NodeDeclaration): string {
  if (typeof image === "string") return image;
  if ("kind" in image) return `${image.name}:${image.version}`;
  if ("reference" in image) return image.reference;
  if ("still" in image) return `${image.still} ${image.path}`;
  return String((image as { path?: unknown }).path ?? "a disk");
}

function addressOn(declared: NodeDeclaration, network: string): { address?: string } {
  const joined = declared.networks as Readonly<Record<string, { readonly address?: string | undefined }>>;
  const address = Array.isArray(declared.networks) ? undefined : joined[network]?.address;
  return address === undefined ? {} : { address };
}

function sourceOf(mount: Mount, volumes: Environment["volumes"]): string {
  const readOnly = mount.readOnly ? ", read-only" : "";
  if (mount.mount === "bind") return `host ${mount.source}${readOnly}`;
  if (mount.mount === "tmpfs") return `tmpfs${readOnly}`;
  if (mount.mount === "scratch") return `scratch${mount.shared === undefined ? "" : ` ${mount.shared}`}${readOnly}`;
  const nfs = volumes[mount.volume]?.nfs;
  return `${nfs === undefined ? `volume ${mount.volume}` : `nfs ${nfs.server}:${nfs.path}`}${readOnly}`;
}

function extrasOf(declared: NodeDeclaration): LayoutNode["extras"] {
  if (declared.kind === "vm") return Object.keys(declared.disks).map((disk) => `disk ${disk}`);
  if (declared.kind !== "container") return [];
  const shared = declared.networkFrom === undefined ? [] : [`network of ${declared.networkFrom}`];
  const ports = declared.ports.map((port) =>
    typeof port === "number"
      ? `port ${port}/tcp`
      : `port ${port.container}/${port.protocol} on ${port.address}${port.host === undefined ? "" : `:${port.host}`}`,
  );
  return [...shared, ...ports];
}
