// Decides how the steps of a plan are done: one after another, or side by side where the plan says so, each said first; the
// first that fails ends it with its words.
import { spawn } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { sayMs } from "../model/duration.ts";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { sayCommand } from "../model/exec.ts";
import { bringUp, waitForDockerd } from "./bring-up.ts";
import { lastLines } from "./dockerd.ts";
import type { Step } from "./plan.ts";

export interface Telling {
  /** A line that stays. */
  say(line: string): void;
  /** The newest line of a running command's output; on a terminal it may be shown until the next. */
  now(line: string): void;
}

/**
 * Does the steps in order, neighbours that are `beside` at the same time. Rejects with a `ProvisionError` (codes
 * `step-failed`, `engine-not-started`) that names the exact command and its last lines; of several that failed side by side,
 * with the first in the plan's order, once all have ended. `state` is where the logs go: all output of the commands is kept
 * in `setup.log` there.
 */
export async function carryOut(steps: readonly Step[], state: string, tell: Telling): Promise<void> {
  mkdirSync(state, { recursive: true, mode: 0o711 });
  for (const group of groups(steps)) {
    const done = await Promise.allSettled(group.map((step, place) => carryOutStep(step, place, state, tell)));
    for (const each of done) if (each.status === "rejected") throw each.reason;
  }
}

/** Neighbours that may be done at the same time, together. */
function groups(steps: readonly Step[]): readonly (readonly Step[])[] {
  const all: Step[][] = [];
  for (const step of steps) {
    const last = all.at(-1);
    if (step.beside === true && last?.[0]?.beside === true) last.push(step);
    else all.push([step]);
  }
  return all;
}

/** `place`: steps side by side write to logs of their own, so that each can tell its own last lines. */
async function carryOutStep(step: Step, place: number, state: string, tell: Telling): Promise<void> {
  const log = join(state, place === 0 ? "setup.log" : `setup.${place + 1}.log`);
  const started = performance.now();
  const command = step.kind === "command" ? `: ${sayCommand(step.command)}` : "";
  tell.say(`${step.title}${command}`);
  const done = () =>
    tell.say(`  ${step.beside === true ? `${step.title}: ` : ""}done in ${sayMs(performance.now() - started)}`);
  if (step.kind === "daemon") tell.say(`  ${await bringUp(step.daemon, step.commands, state)}`);
  else if (step.kind === "wait") await waitForDockerd(step.pid);
  else {
    const { status, lines } = await runPatiently(step.command, log, tell);
    if (status !== 0) for (const line of lines) tell.say(`  ${line}`);
    if (status !== 0 && step.mayFail !== true)
      throw new ProvisionError({
        code: "step-failed",
        phase: "setup",
        seen: `${sayCommand(step.command)} ended with ${status}, as told above and in ${log}`,
        hint: `mend what it names, then try: ${sayCommand(step.command)}`,
      });
    if (status !== 0) return tell.say(`  ended with ${status}; the next step will show whether that matters`);
  }
  done();
}

/**
 * Runs a command; while another process holds apt's lists, waits for that process to end and runs it again. Only `apt-get
 * update` fails so: for everything else apt itself waits.
 */
async function runPatiently(command: readonly [string, ...string[]], log: string, tell: Telling): Promise<Ended> {
  const ended = await run(command, log, tell);
  const holder = ended.status === 0 ? undefined : listsHolder(ended.lines.join("\n"));
  if (holder === undefined) return ended;
  tell.say(`  process ${holder} is fetching the lists: waiting for it`);
  // tail(1) is what ends by itself when a foreign process does.
  await run(["timeout", "600", "tail", `--pid=${holder}`, "--follow", "/dev/null"], log, tell);
  return run(command, log, tell);
}

/** Pid of the process that has apt's lock on the package lists, from apt's complaint. */
export function listsHolder(output: string): number | undefined {
  const pid = /Could not get lock \S*lists\/lock\. It is held by process (\d+)/.exec(output)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

interface Ended {
  readonly status: number | string;
  /** The last lines of both outputs. */
  readonly lines: readonly string[];
}

/** Output goes to a file, not a pipe: a daemon that a package starts keeps it, and a closed pipe would kill that daemon. */
function run(command: readonly string[], log: string, tell: Telling): Promise<Ended> {
  const [program = "", ...words] = command;
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const output = openSync(log, "a");
  const before = fstatSync(output).size;
  const lines = () => lastLines(readFileSync(log).subarray(before).toString("utf8"), 12);
  const watcher = watch(log, () => tell.now(lines().at(-1) ?? ""));
  const child = spawn(program, words, { stdio: ["ignore", output, output] });
  closeSync(output);
  const end = (status: number | string) => {
    watcher.close();
    resolve({ status, lines: lines() });
  };
  child.on("error", (error) => end(messageOf(error)));
  child.on("exit", (status, signal) => end(status ?? signal ?? "nothing"));
  return promise;
}
