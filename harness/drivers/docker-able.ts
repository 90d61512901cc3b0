// Decides which declarations an engine cannot keep, so that they are refused before anything is made rather than left out in silence.
import type Docker from "dockerode";
import type { ContainerDeclaration } from "../model/container.ts";
import { ProvisionError } from "../model/errors.ts";
import type { VolumeDeclaration } from "../model/volume.ts";
import { spokenBy } from "./docker-dialect.ts";
import { engineError } from "./docker-engine.ts";

/**
 * Rejects with `engine-cannot` for the first thing of a declaration that the engine would not do as declared. What every engine can do
 * costs no question.
 */
export async function mustBeAble(
  docker: Docker,
  node: string,
  declaration: ContainerDeclaration,
  volumes: Readonly<Record<string, VolumeDeclaration>>,
): Promise<void> {
  const wanted = [...mountsIn(declaration, volumes), ...limitsIn(declaration)];
  if (wanted.length === 0) return;
  const failed = (error: unknown) => Promise.reject(engineError(error, "declare", node));
  const { name } = await spokenBy(docker).catch(failed);
  if (name === "docker") return;
  const limits = wanted.some(({ heeded }) => heeded !== undefined)
    ? await podmanLimits(docker).catch(failed)
    : { controllers: [], rootless: false };
  for (const { seen, hint, heeded } of wanted)
    if (heeded?.(limits) !== true)
      throw new ProvisionError({ code: "engine-cannot", phase: "declare", node, seen: `${name} ${seen}`, hint });
}

interface Wanted {
  /** What podman does instead. */
  readonly seen: string;
  readonly hint: string;
  /** Absent: it never can. */
  readonly heeded?: (limits: PodmanLimits) => boolean;
}

interface PodmanLimits {
  readonly controllers: readonly string[];
  readonly rootless: boolean;
}

function mountsIn(
  { mounts }: ContainerDeclaration,
  volumes: Readonly<Record<string, VolumeDeclaration>>,
): readonly Wanted[] {
  return Object.entries(mounts).flatMap(([target, mount]): Wanted[] => {
    if (mount.mount === "tmpfs" && ((mount.uid ?? 0) !== 0 || (mount.gid ?? 0) !== 0))
      return [
        {
          seen: `makes a tmpfs root's alone, and the one at ${target} is declared another user's`,
          hint: "declare a mode that lets that user in, or scratch({ owner })",
        },
      ];
    if (mount.mount === "volume" && volumes[mount.volume]?.nfs !== undefined)
      return [
        {
          seen: `mounts what a server exports in another way than Assay asks for, and volume ${mount.volume} is declared one`,
          hint: "mount it on the machine, and declare bind()",
        },
      ];
    if (mount.mount === "volume" && mount.noCopy)
      return [
        {
          seen: `puts into an empty volume what the image has there, and the one at ${target} is declared noCopy`,
          hint: "use scratch(), or a directory that the image does not have",
        },
      ];
    return [];
  });
}

function limitsIn({ memory, cpus, pids, ulimits }: ContainerDeclaration): readonly Wanted[] {
  const hint =
    "run podman as root, or without root on a machine with version 2 control groups that are delegated to it";
  const by = (option: string, controller: string): Wanted => ({
    seen: `has no control group for ${option} here, and would start the container without that limit`,
    hint,
    heeded: ({ controllers }) => controllers.includes(controller),
  });
  return [
    ...(memory === undefined ? [] : [by("memory", "memory")]),
    ...(cpus === undefined ? [] : [by("cpus", "cpu")]),
    ...(pids === undefined ? [] : [by("pids", "pids")]),
    ...(Object.keys(ulimits ?? {}).length === 0
      ? []
      : [
          {
            seen: "without root does not heed ulimits",
            hint: "run podman as root, or leave ulimits out",
            heeded: ({ rootless }: PodmanLimits) => !rootless,
          },
        ]),
  ];
}

/** By podman's own API: its docker-compatible one says that all limits are heeded where none is. */
function podmanLimits(docker: Docker): Promise<PodmanLimits> {
  return new Promise((resolve, reject) => {
    const options = { path: "/v4.0.0/libpod/info", method: "GET", statusCodes: { 200: true, 500: "server error" } };
    docker.modem.dial(options, (error: Error | null, answer: unknown) => {
      if (error !== null) return reject(error);
      const { host } = answer as {
        readonly host: {
          readonly cgroupControllers: string[] | null;
          readonly security: { readonly rootless: boolean };
        };
      };
      resolve({ controllers: host.cgroupControllers ?? [], rootless: host.security.rootless });
    });
  });
}
