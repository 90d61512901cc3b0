// Decides when a daemon that is to be brought up by hand is left alone instead: when somebody else has done it meanwhile.

import { join } from "node:path";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { answered, startDockerd, startEngine } from "./dockerd.ts";
import { askEngine, defaultSocket } from "./engine.ts";
import { knockAtLibvirt } from "./libvirt.ts";
import { libvirtAnswered, startLibvirt } from "./libvirtd.ts";
import type { Command, Daemon } from "./plan.ts";
import { dockerdLog } from "./plan-docker.ts";
import { podmanLog } from "./plan-podman.ts";
import { livingProcess, textOf } from "./processes.ts";

const before = "its package has started it already";

/**
 * Starts a daemon and waits until it answers; one that a package started when it was installed is not started again. Answers
 * what is told of it; rejects with a `ProvisionError` and the daemon's last words.
 */
export function bringUp(daemon: Daemon, commands: readonly Command[], state: string): Promise<string> {
  if (daemon === "libvirt") return bringUpLibvirt(commands);
  const [command] = commands;
  if (command === undefined) throw new TypeError(`no command starts ${daemon}`);
  return daemon === "docker" ? bringUpDockerd(command[0], state) : bringUpPodman(command, state);
}

/** The service's address is the last word of its command. */
async function bringUpPodman(command: Command, state: string): Promise<string> {
  const address = command.at(-1) ?? "";
  if ((await askEngine(address)).state === "answers") return before;
  const log = podmanLog(state);
  const socket = address.replace(/^unix:\/\//, "");
  return `as pid ${await startEngine(command, { log, pid: join(state, "podman.pid"), socket })}, output in ${log}`;
}

async function bringUpDockerd(program: string, state: string): Promise<string> {
  if ((await askEngine(undefined)).state === "answers") return before;
  const pid = livingProcess("dockerd");
  if (pid === undefined) return `as pid ${await startDockerd(program, state)}, output in ${dockerdLog(state)}`;
  await waitForDockerd(pid);
  return before;
}

async function bringUpLibvirt(commands: readonly Command[]): Promise<string> {
  if ((await knockAtLibvirt()).listens !== undefined) return before;
  try {
    await startLibvirt(commands);
  } catch (error) {
    // Of two that start at once one fails, for want of the other's pid file: then the other's answer is as good.
    if ((await knockAtLibvirt()).listens === undefined) throw error;
    await libvirtAnswered(60_000);
    return "somebody else has just started it";
  }
  return `as pid ${textOf("/run/libvirtd.pid")?.trim() ?? "unknown"}, output in /var/log/libvirt`;
}

/** Waits until a dockerd that somebody else started answers; rejects with a `ProvisionError` after a minute. */
export async function waitForDockerd(pid: number): Promise<void> {
  try {
    await answered(defaultSocket, 60_000);
  } catch (cause) {
    throw new ProvisionError({
      code: "engine-not-started",
      phase: "setup",
      seen: `a dockerd runs as pid ${pid}, but there is ${messageOf(cause)}`,
      hint: "look at its log; setup does not touch what runs",
      cause,
    });
  }
}
