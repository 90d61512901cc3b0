// Decides what a podman service needs so that containers can be run on it, and when setup keeps its hands off.
import { join } from "node:path";
import { apiAtLeast, oldestApi } from "../model/engine-api.ts";
import { mountCgroups } from "./cgroups.ts";
import type { EngineAnswer } from "./engine.ts";
import type { Blocked, Part, Step } from "./plan.ts";
import type { Tool } from "./tools.ts";

/** Looked at where `ASSAY_ENGINE=podman` asks for it. */
export interface PodmanFacts {
  readonly engine: EngineAnswer;
  /** Its address; `unix:///run/podman/podman.sock` unless `CONTAINER_HOST` says otherwise. */
  readonly address: string;
  /** Path of podman's program. */
  readonly program: string | undefined;
  /** Of `podmanTools`. */
  readonly missing: readonly Tool[];
  readonly cgroups: "v1" | "v2" | "hybrid" | "none";
  /** This process may raise resource limits, as podman's own defaults do. */
  readonly mayRaiseLimits: boolean;
  /** Where podman's settings go and its output, when it is started by hand. */
  readonly state: string;
}

/** What podman needs beside itself, all of it by its Debian package; it recommends them, and installs are without recommendations. */
export const podmanTools: readonly Tool[] = [
  { name: "runc", package: "runc", use: "start podman's containers" },
  { name: "/usr/lib/podman/netavark", package: "netavark", use: "give podman's containers networks" },
  {
    name: "/usr/lib/podman/aardvark-dns",
    package: "aardvark-dns",
    use: "let podman's containers find each other by name",
  },
  { name: "iptables", package: "iptables", use: "publish ports of podman's containers" },
  { name: "/usr/libexec/podman/catatonit", package: "catatonit", use: "give podman's containers an init" },
];

/** Packages and steps, or what stands in the way. */
export function planPodman(facts: PodmanFacts, systemd: boolean): Part | Blocked {
  const { engine, address, program, missing } = facts;
  if (engine.state === "answers" && apiAtLeast(engine.api, oldestApi)) return { packages: [], steps: [] };
  if (engine.state !== "absent")
    return {
      seen:
        engine.state === "answers"
          ? `podman at ${address} speaks API ${engine.api}, Assay needs ${oldestApi}`
          : `${address}: ${engine.seen}`,
      hint: "look at that service; setup does not touch what runs",
    };
  if (!address.startsWith("unix:///"))
    return {
      seen: `no podman answers at CONTAINER_HOST=${address}`,
      hint: "start it there, or unset CONTAINER_HOST so that setup may start one of this machine",
    };
  if (facts.cgroups === "none")
    return {
      seen: "no cgroups are mounted, and no engine starts containers without",
      hint: `try: ${mountCgroups}`,
    };
  // On a version 2 tree podman's own dependency, crun, will do.
  const wanted = missing.filter((tool) => tool.name !== "runc" || facts.cgroups !== "v2");
  const packages = [...(program === undefined ? ["podman"] : []), ...wanted.map((tool) => tool.package)];
  return { packages, steps: systemd && address === usual ? [bySystemd] : byHand(facts) };
}

const usual = "unix:///run/podman/podman.sock";

const bySystemd: Step = {
  kind: "command",
  title: "start podman's service",
  command: ["systemctl", "start", "podman.socket"],
  beside: true,
};

function byHand({ program, address, state, ...facts }: PodmanFacts): readonly Step[] {
  const settings = podmanSettings(state);
  const text = podmanSettingsText(facts);
  return [
    {
      kind: "command",
      title: "write down how podman is to run without systemd",
      command: ["sh", "-c", 'printf %s "$1" >"$2"', "sh", text, settings],
    },
    {
      kind: "daemon",
      daemon: "podman",
      title: "start podman's service by hand, as no systemd runs here",
      commands: [["env", `CONTAINERS_CONF=${settings}`, program ?? "podman", "system", "service", "--time=0", address]],
    },
  ];
}

/** Whether a process of this proc(5) status has CAP_SYS_RESOURCE. */
export function mayRaiseLimits(status: string): boolean {
  const rights = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return ((rights >> 24n) & 1n) === 1n;
}

/** The settings of a podman that setup started. */
function podmanSettings(state: string): string {
  return join(state, "podman.conf");
}

/** Where the output of a podman that setup started goes. */
export function podmanLog(state: string): string {
  return join(state, "podman.log");
}

/**
 * Settings in containers.conf(5)'s form, for a machine without systemd. Networks by netavark are said because podman takes the
 * older CNI where images are there already and nobody has said so.
 */
export function podmanSettingsText(facts: Pick<PodmanFacts, "cgroups" | "mayRaiseLimits">): string {
  const limits = facts.mayRaiseLimits
    ? []
    : ["[containers]", 'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]'];
  // crun, podman's first choice, refuses a version 2 tree beside controllers of version 1.
  const runtime = facts.cgroups === "v2" ? [] : ['runtime = "runc"'];
  return [
    ...limits,
    "[engine]",
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    ...runtime,
    "[network]",
    'network_backend = "netavark"',
    "",
  ].join("\n");
}
