// Decides how each daemon is brought up by hand, and when it counts as up: when it answers.
import { messageOf, ProvisionError } from "../model/errors.ts";
import { answered, startDockerd } from "./dockerd.ts";
import { askEngine, defaultSocket } from "./engine.ts";
import { knockAtLibvirt } from "./libvirt.ts";
import { libvirtAnswered, startLibvirt } from "./libvirtd.ts";
import type { Command, Daemon } from "./plan.ts";
import { dockerdLog } from "./plan-docker.ts";
import { livingProcess } from "./processes.ts";

interface ByHand {
  readonly name: string;
  /** Runs and is used already. */
  up(): Promise<boolean>;
  /** Rejects with a `ProvisionError` and the daemon's last words when it does not come up. Answers what is told of it. */
  start(commands: readonly Command[], state: string): Promise<string>;
  /** Rejects when it has not answered in time. */
  answered(timeoutMs: number): Promise<void>;
}

const byHand: Record<Daemon, ByHand> = {
  docker: {
    name: "dockerd",
    up: async () => (await askEngine(undefined)).state === "answers",
    start: async ([command], state) =>
      `as pid ${await startDockerd(command?.[0] ?? "dockerd", state)}, output in ${dockerdLog(state)}`,
    answered: (timeoutMs) => answered(defaultSocket, timeoutMs),
  },
  libvirt: {
    name: "libvirtd",
    up: async () => (await knockAtLibvirt()).listens !== undefined,
    start: async (commands) => {
      await startLibvirt(commands);
      return `as pid ${livingProcess("libvirtd") ?? "unknown"}, output in /var/log/libvirt`;
    },
    answered: libvirtAnswered,
  },
};

/** A package may have started the daemon when it was installed: what runs is not started again. Answers what is told. */
export async function bringUp(daemon: Daemon, commands: readonly Command[], state: string): Promise<string> {
  const { name, up, start } = byHand[daemon];
  const pid = livingProcess(name);
  if (await up()) return "its package has started it already";
  if (pid === undefined) return start(commands, state);
  await waitFor(daemon, pid);
  return `as pid ${pid}, by its package`;
}

/** Waits until a daemon that somebody else started answers; rejects with a `ProvisionError` after a minute. */
export async function waitFor(daemon: Daemon, pid: number): Promise<void> {
  const { name, answered } = byHand[daemon];
  try {
    await answered(60_000);
  } catch (cause) {
    throw new ProvisionError({
      code: "engine-not-started",
      phase: "setup",
      seen: `a ${name} runs as pid ${pid}, but there is ${messageOf(cause)}`,
      hint: "look at its log; setup does not touch what runs",
      cause,
    });
  }
}
