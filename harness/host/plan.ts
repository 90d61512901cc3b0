// Decides what has to be done so that this machine can run container specs: a pure function of what was found.
import { join } from "node:path";
import { sayCommand } from "../model/exec.ts";
import { mountCgroups } from "./cgroups.ts";
import { apiAtLeast, type EngineAnswer, oldestApi } from "./engine.ts";
import type { Tool } from "./tools.ts";

/** What setup looks at; quick to learn. */
export interface SetupFacts {
  readonly uid: number;
  readonly engine: EngineAnswer;
  /** `DOCKER_HOST`, where it is set. */
  readonly dockerHost: string | undefined;
  /** Path of dockerd's program. */
  readonly dockerd: string | undefined;
  /** Pid of a dockerd that lives, whether it answers or not. */
  readonly dockerdPid: number | undefined;
  /** PID 1 is systemd. */
  readonly systemd: boolean;
  readonly aptGet: boolean;
  readonly missing: readonly Tool[];
  /** The kernel confines programs by AppArmor, and the parser that an engine then needs is not there. */
  readonly appArmorParserMissing: boolean;
  /** Some cgroup hierarchy is mounted. */
  readonly cgroups: boolean;
}

export type Step =
  | {
      readonly kind: "command";
      /** What a reader is told before it is done. */
      readonly title: string;
      readonly command: readonly [string, ...string[]];
      /** Its failure alone stops nothing: the next step shows whether it mattered. */
      readonly mayFail?: true;
    }
  /** Start dockerd by hand and wait until it answers. */
  | { readonly kind: "daemon"; readonly title: string; readonly command: readonly [string, ...string[]] }
  /** A dockerd was started by somebody: wait until it answers. */
  | { readonly kind: "wait"; readonly title: string; readonly pid: number };

/** Steps to do, none when all is there; or why setup cannot help, with the next step for the reader. */
export type Plan =
  | { readonly steps: readonly Step[]; readonly blocked?: never }
  | { readonly steps?: never; readonly blocked: { readonly seen: string; readonly hint: string } };

/** Another package installation may be going on, as at a machine's first boot: wait for it, up to 10 minutes. */
const patient = ["-o", "DPkg::Lock::Timeout=600"] as const;

/** By itself apt takes lists that cannot be fetched for a warning, and the install then fails with other words. */
const strict = ["-o", "APT::Update::Error-Mode=any"] as const;

/** The plan for what was found. The user is not looked at: a plan is also what somebody without root is shown. */
export function planSetup(facts: SetupFacts): Plan {
  const { engine, dockerHost, dockerd, dockerdPid, systemd, missing } = facts;
  if (engine.state === "denied")
    return blocked(
      `${engine.at}: permission denied`,
      "become root, or: sudo usermod -aG docker $USER, then log in again",
    );
  if (engine.state === "unclear")
    return blocked(`${engine.at}: ${engine.seen}`, "docker version shows more; setup does not touch what runs");
  if (engine.state === "answers" && !apiAtLeast(engine.api, oldestApi))
    return blocked(
      `the engine at ${engine.at} speaks API ${engine.api}, Assay needs ${oldestApi}`,
      "upgrade it; setup does not touch what runs",
    );
  if (engine.state === "absent" && dockerHost !== undefined && dockerHost !== "")
    return blocked(
      `no engine answers at DOCKER_HOST=${dockerHost}`,
      "start that engine, or unset DOCKER_HOST so that setup may start one of this machine",
    );
  const engineWanted = engine.state === "absent";
  if (engineWanted && !facts.cgroups)
    return blocked("no cgroups are mounted, and no engine starts containers without", `try: ${mountCgroups}`);
  const packages = [
    ...(engineWanted && dockerd === undefined ? ["docker.io"] : []),
    ...(engineWanted && facts.appArmorParserMissing ? ["apparmor"] : []),
    ...missing.map((tool) => tool.package),
  ];
  if (packages.length > 0 && !facts.aptGet)
    return blocked(
      `there is no apt-get here to install ${packages.join(", ")} with`,
      "install what these Debian packages bring by this system's own means, start dockerd, then try again",
    );
  return {
    steps: [
      ...(packages.length > 0 ? install(packages) : []),
      ...(engineWanted ? [bringUp(dockerd, dockerdPid, systemd)] : []),
    ],
  };
}

function blocked(seen: string, hint: string): Plan {
  return { blocked: { seen, hint } };
}

function install(packages: readonly string[]): readonly Step[] {
  const apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...patient] as const;
  return [
    { kind: "command", title: "fetch the package lists", command: [...apt, ...strict, "update"], mayFail: true },
    {
      kind: "command",
      title: `install ${packages.join(", ")}`,
      command: [...apt, "install", "--yes", "--no-install-recommends", ...packages],
    },
  ];
}

function bringUp(dockerd: string | undefined, pid: number | undefined, systemd: boolean): Step {
  if (pid !== undefined) return { kind: "wait", title: `wait for the dockerd that runs as pid ${pid}`, pid };
  if (systemd) return { kind: "command", title: "start the engine", command: ["systemctl", "start", "docker"] };
  return {
    kind: "daemon",
    title: "start the engine by hand, as no systemd runs here",
    command: [dockerd ?? "dockerd"],
  };
}

/** Where the output of a dockerd that setup started goes. */
export function dockerdLog(state: string): string {
  return join(state, "dockerd.log");
}

/** A step as a person would type it. `log` is where a daemon's output goes. */
export function sayStep(step: Step, log: string): string {
  if (step.kind === "wait") return "docker version";
  const words = sayCommand(step.command);
  return step.kind === "daemon" ? `sh -c 'setsid ${words} >>${log} 2>&1 &'` : words;
}
