// Decides how setup learns what is there. On the way of every start: files and one question to each engine, no processes.
import { existsSync } from "node:fs";
import { bindingToBuild } from "./binding.ts";
import { cgroupsHere, probeCgroups } from "./cgroups.ts";
import { askEngine } from "./engine.ts";
import type { Surroundings } from "./examine.ts";
import { letIn, shutOut } from "./kvm-device.ts";
import { daemonOf, knock, knockAtLibvirt, libvirtProgram, logDaemon } from "./libvirt.ts";
import { machineTools } from "./machine-tools.ts";
import { passable } from "./passage.ts";
import type { SetupFacts } from "./plan.ts";
import type { DockerFacts } from "./plan-docker.ts";
import type { LibvirtSetupFacts } from "./plan-libvirt.ts";
import { mayRaiseLimits, type PodmanFacts, podmanTools } from "./plan-podman.ts";
import { livingProcess, textOf } from "./processes.ts";
import { findTool, missingTools } from "./tools.ts";

/** What `planSetup` decides by. Takes about 5 ms where both engines run. Never rejects. */
export async function learnSetup(surroundings: Surroundings): Promise<SetupFacts> {
  const [docker, podman, libvirt] = await Promise.all([
    learnDocker(surroundings),
    surroundings.engine === "podman" ? learnPodman(surroundings) : undefined,
    learnLibvirt(surroundings),
  ]);
  return {
    uid: surroundings.uid,
    // sd_booted(3) says that this is how to know.
    systemd: existsSync("/run/systemd/system"),
    aptGet: findTool("apt-get", surroundings.path) !== undefined,
    missing: missingTools(surroundings.path),
    docker,
    ...(podman === undefined ? {} : { podman }),
    libvirt,
  };
}

async function learnDocker({ path, dockerHost, engineGet }: Surroundings): Promise<DockerFacts> {
  const engine = await askEngine(dockerHost, undefined, engineGet);
  return {
    engine,
    dockerHost,
    program: findTool("dockerd", path),
    // Only a silent engine's process is of interest, and looking through /proc takes a while.
    pid: engine.state === "absent" ? livingProcess("dockerd") : undefined,
    cgroups: probeCgroups().can !== "no",
    appArmorParserMissing: confined() && findTool("apparmor_parser", path) === undefined,
  };
}

async function learnPodman({ path, dockerHost: address = "", engineGet, state }: Surroundings): Promise<PodmanFacts> {
  return {
    // Its first answers come late on a busy machine: it looks at its storage for them.
    engine: await askEngine(address, 20_000, engineGet),
    address,
    program: findTool("podman", path),
    missing: missingTools(path, podmanTools),
    cgroups: cgroupsHere(),
    mayRaiseLimits: mayRaiseLimits(textOf("/proc/self/status") ?? ""),
    state,
  };
}

async function learnLibvirt(surroundings: Surroundings): Promise<LibvirtSetupFacts> {
  const { path, libvirtUri, state, disks, modules } = surroundings;
  const [{ listens }, silence] = await Promise.all([knockAtLibvirt(), knock(logDaemon.socket)]);
  const system = daemonOf(libvirtUri) === "system";
  const shut = shutOut(surroundings);
  return {
    system,
    supported: process.arch === "x64",
    listens: listens !== undefined,
    logs: silence === undefined,
    program: libvirtProgram(path),
    missing: missingTools(path, machineTools),
    closed: system ? [state, disks].filter((directory) => !passable(directory)) : [],
    letIn: shut === undefined ? undefined : letIn(shut.wanted),
    binding: bindingToBuild(modules, path),
  };
}

function confined(): boolean {
  return textOf("/sys/module/apparmor/parameters/enabled") === "Y\n";
}
