// Decides what the docker engine needs so that containers can be run, and when setup keeps its hands off.
import { join } from "node:path";
import { apiAtLeast, oldestApi } from "../model/engine-api.ts";
import { mountCgroups } from "./cgroups.ts";
import { type EngineAnswer, letIn } from "./engine.ts";
import type { Blocked, Part, Step } from "./plan.ts";

export interface DockerFacts {
  readonly engine: EngineAnswer;
  /** `DOCKER_HOST`, where it is set. */
  readonly dockerHost: string | undefined;
  /** Path of dockerd's program. */
  readonly program: string | undefined;
  /** Pid of a dockerd that lives, whether it answers or not. */
  readonly pid: number | undefined;
  /** The kernel confines programs by AppArmor, and the parser that an engine then needs is not there. */
  readonly appArmorParserMissing: boolean;
  /** Some cgroup hierarchy is mounted. */
  readonly cgroups: boolean;
}

/** Packages and steps, or what stands in the way. */
export function planDocker(facts: DockerFacts, systemd: boolean): Part | Blocked {
  const { engine, dockerHost, program } = facts;
  if (engine.state === "denied")
    return {
      seen: `${engine.at}: permission denied`,
      hint: letIn.docker,
    };
  if (engine.state === "unclear")
    return {
      seen: `${engine.at}: ${engine.seen}`,
      hint: "docker version shows more; setup does not touch what runs",
    };
  if (engine.state === "answers" && !apiAtLeast(engine.api, oldestApi))
    return {
      seen: `the engine at ${engine.at} speaks API ${engine.api}, Assay needs ${oldestApi}`,
      hint: "upgrade it; setup does not touch what runs",
    };
  if (engine.state === "answers") return { packages: [], steps: [] };
  if (dockerHost !== undefined && dockerHost !== "")
    return {
      seen: `no engine answers at DOCKER_HOST=${dockerHost}`,
      hint: "start that engine, or unset DOCKER_HOST so that setup may start one of this machine",
    };
  if (!facts.cgroups)
    return {
      seen: "no cgroups are mounted, and no engine starts containers without",
      hint: `try: ${mountCgroups}`,
    };
  return {
    packages: [...(program === undefined ? ["docker.io"] : []), ...(facts.appArmorParserMissing ? ["apparmor"] : [])],
    steps: [bringUp(facts, systemd)],
  };
}

function bringUp({ program, pid }: DockerFacts, systemd: boolean): Step {
  if (pid !== undefined)
    return { kind: "wait", title: `wait for the dockerd that runs as pid ${pid}`, pid, beside: true };
  if (systemd)
    return { kind: "command", title: "start the engine", command: ["systemctl", "start", "docker"], beside: true };
  const title = "start the engine by hand, as no systemd runs here";
  return { kind: "daemon", daemon: "docker", title, commands: [[program ?? "dockerd"]], beside: true };
}

/** Where the output of a dockerd that setup started goes. */
export function dockerdLog(state: string): string {
  return join(state, "dockerd.log");
}
