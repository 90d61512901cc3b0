// Decides what `assay doctor` looks at, and when a host can run containers.
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { bindingFinding } from "./binding.ts";
import { probeCgroups } from "./cgroups.ts";
import { askEngine, type EngineGet, engineFinding, engineGet, otherEngineFinding } from "./engine.ts";
import { kvmDeviceFindings } from "./kvm-device.ts";
import { probeLibvirt } from "./libvirt-answer.ts";
import { machineFindings } from "./machine-findings.ts";
import { partitionFinding } from "./partition.ts";
import { readSelinux, selinuxFinding } from "./selinux.ts";
import { socketFindings } from "./socket.ts";
import { diskFinding, probeMemory } from "./space.ts";
import { missingTools, toolFindings } from "./tools.ts";
import { userFinding } from "./user.ts";
import { probeVirtualisation } from "./virtualisation.ts";

/** What examining needs to know of the surroundings. */
export interface Surroundings {
  /** `PATH` */
  readonly path: string;
  /** Which engine runs the host's containers. */
  readonly engine: "docker" | "podman";
  /** That engine's address; `undefined`: docker's usual socket. */
  readonly dockerHost: string | undefined;
  /** How an engine is asked that is neither on a socket nor on plain TCP. */
  readonly engineGet?: EngineGet | undefined;
  /** Where podman listens, whichever engine is chosen. */
  readonly podmanHost: string;
  readonly libvirtUri: string;
  /** Where Assay's own files lie; need not exist. */
  readonly state: string;
  /** Where the disks of virtual machines lie; need not exist. */
  readonly disks: string;
  /** The project's `node_modules`. */
  readonly modules: string;
  /** Effective user id. */
  readonly uid: number;
}

/** Everything that is asked of this host, in the order it is told. Never rejects; changes nothing. */
export async function examineHost(surroundings: Surroundings): Promise<readonly Finding[]> {
  const { path, engine: kind, dockerHost, podmanHost, libvirtUri, state, modules, uid } = surroundings;
  const get = surroundings.engineGet ?? engineGet;
  const [engine, podman, info, libvirt, machines, virtualisation] = await Promise.all([
    askEngine(dockerHost, undefined, get),
    // It is slower to answer than docker.
    kind === "podman" ? undefined : askEngine(podmanHost, 10_000),
    get(dockerHost, "/info").catch(() => undefined) as Promise<EngineInfo | undefined>,
    probeLibvirt(path, libvirtUri),
    machineFindings(surroundings),
    probeVirtualisation(surroundings),
  ]);
  const missing = missingTools(path);
  const root = info?.DockerRootDir;
  return [
    engineFinding(engine, kind),
    ...socketFindings(dockerHost, kind),
    ...(podman === undefined ? [] : [otherEngineFinding(podman)]),
    ...toolFindings(missing),
    userFinding(uid),
    probeCgroups(),
    // Without nft its own line says all.
    ...(missing.some(({ name }) => name === "nft") ? [] : [partitionFinding()]),
    diskFinding("disk for Assay", state),
    // A remote engine's disk is not this machine's.
    ...(root === undefined || /^(tcp|http|ssh)/.test(dockerHost ?? "")
      ? []
      : [diskFinding("disk for the engine", root)]),
    probeMemory(),
    probeSelinux(info?.SecurityOptions),
    libvirt,
    ...machines,
    virtualisation,
    ...kvmDeviceFindings(surroundings),
    bindingFinding(modules, path),
  ];
}

interface EngineInfo {
  readonly DockerRootDir?: string;
  readonly SecurityOptions?: readonly string[];
}

function probeSelinux(engine: readonly string[] | undefined): Finding {
  try {
    return selinuxFinding(readSelinux(engine));
  } catch (error) {
    return { what: "SELinux", needed: false, can: "unknown", detail: messageOf(error), cause: "it could not be read" };
  }
}

/** Whether container specs can be run: everything needed is there. */
export function canRunContainers(findings: readonly Finding[]): boolean {
  return findings.every(({ needed, can }) => !needed || can === "yes");
}
