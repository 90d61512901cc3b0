// Decides what has to be done so that this machine can run containers and virtual machines: a pure function of what was found.
import { quoteWord } from "../model/check.ts";
import { sayCommand } from "../model/exec.ts";
import { type DockerFacts, planDocker } from "./plan-docker.ts";
import { type LibvirtSetupFacts, planLibvirt } from "./plan-libvirt.ts";
import { type PodmanFacts, planPodman } from "./plan-podman.ts";
import type { Tool } from "./tools.ts";

/** What setup looks at; quick to learn. */
export interface SetupFacts {
  readonly uid: number;
  /** PID 1 is systemd. */
  readonly systemd: boolean;
  readonly aptGet: boolean;
  /** Of the tools that containers need. */
  readonly missing: readonly Tool[];
  readonly docker: DockerFacts;
  /** Where podman is the engine: then docker need not be there. */
  readonly podman?: PodmanFacts;
  readonly libvirt: LibvirtSetupFacts;
}

export type Command = readonly [string, ...string[]];

export type Daemon = "docker" | "podman" | "libvirt";

export type Step = (
  | {
      readonly kind: "command";
      readonly command: Command;
      /** Its failure alone stops nothing: the next step shows whether it mattered. */
      readonly mayFail?: true;
    }
  /** Start a daemon by hand, by these commands one after another, and wait until it answers. */
  | { readonly kind: "daemon"; readonly daemon: Daemon; readonly commands: readonly Command[] }
  /** Somebody else started dockerd: wait until it answers. */
  | { readonly kind: "wait"; readonly pid: number }
) & {
  /** What a reader is told before it is done. */
  readonly title: string;
  /** May be done at the same time as its neighbours that say so too. */
  readonly beside?: true;
};

/** Steps to do, none when all is there; or why setup cannot help, with the next step for the reader. */
export type Plan =
  | { readonly steps: readonly Step[]; readonly blocked?: never }
  | { readonly steps?: never; readonly blocked: Blocked };

export interface Blocked {
  readonly seen: string;
  readonly hint: string;
}

/** What one engine's part of a plan is: packages first, with those of the others; then steps of its own. */
export interface Part {
  readonly packages: readonly string[];
  readonly steps: readonly Step[];
}

/** Another package installation may be going on, as at a machine's first boot: wait for it, up to 10 minutes. */
const patient = ["-o", "DPkg::Lock::Timeout=600"] as const;

/** By itself apt takes lists that cannot be fetched for a warning, and the install then fails with other words. */
const strict = ["-o", "APT::Update::Error-Mode=any"] as const;

/** The plan for what was found. The user is not looked at: a plan is also what somebody without root is shown. */
export function planSetup(facts: SetupFacts): Plan {
  const engine =
    facts.podman === undefined ? planDocker(facts.docker, facts.systemd) : planPodman(facts.podman, facts.systemd);
  if ("seen" in engine) return { blocked: engine };
  const needed = [...engine.packages, ...facts.missing.map((tool) => tool.package)];
  if (needed.length > 0 && !facts.aptGet)
    return {
      blocked: {
        seen: `there is no apt-get here to install ${needed.join(", ")} with`,
        hint: "install what these Debian packages bring by this system's own means, start the engine, then try again",
      },
    };
  const libvirt = planLibvirt(facts.libvirt, facts);
  const packages = [...new Set([...needed, ...libvirt.packages])];
  return { steps: [...(packages.length > 0 ? install(packages) : []), ...engine.steps, ...libvirt.steps] };
}

function install(packages: readonly string[]): readonly Step[] {
  const apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...patient] as const;
  return [
    { kind: "command", title: "fetch the package lists", command: [...apt, ...strict, "update"], mayFail: true },
    {
      kind: "command",
      title: `install ${packages.join(", ")}`,
      // What somebody installed stays: rather an error than another init system in its place.
      command: [...apt, "install", "--yes", "--no-install-recommends", "--no-remove", ...packages],
    },
  ];
}

/** A step as a person would type it. `log` is where the output of an engine goes; libvirt's daemons have logs of their own. */
export function sayStep(step: Step, log: string): string {
  switch (step.kind) {
    case "wait":
      return "docker version";
    case "command":
      return sayCommand(step.command);
    case "daemon":
      if (step.daemon === "libvirt") return step.commands.map(sayCommand).join(" && ");
      return `sh -c ${quoteWord(`setsid ${step.commands.map(sayCommand).join("; ")} >>${sayCommand([log])} 2>&1 &`)}`;
  }
}
