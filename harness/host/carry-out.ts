// Decides how the steps of a plan are done: one after another, each said first, and the first that fails ends it with its words.
import { spawn } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { sayMs } from "../model/duration.ts";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { sayCommand } from "../model/exec.ts";
import { answered, lastLines, startDockerd } from "./dockerd.ts";
import { askEngine, defaultSocket } from "./engine.ts";
import { livingDockerd } from "./learn.ts";
import { dockerdLog, type Step } from "./plan.ts";

export interface Telling {
  /** A line that stays. */
  say(line: string): void;
  /** The newest line of a running command's output; on a terminal it may be shown until the next. */
  now(line: string): void;
}

/**
 * Does the steps in order. Rejects with a `ProvisionError` (codes `step-failed`, `engine-not-started`) that names the exact
 * command and its last lines. `state` is where the logs go: all output of the commands is kept in `setup.log` there.
 */
export async function carryOut(steps: readonly Step[], state: string, tell: Telling): Promise<void> {
  const log = join(state, "setup.log");
  mkdirSync(state, { recursive: true });
  for (const step of steps) {
    const started = performance.now();
    tell.say(`${step.title}${step.kind === "command" ? `: ${sayCommand(step.command)}` : ""}`);
    if (step.kind === "daemon") await bringUp(step.command[0], state, tell);
    else if (step.kind === "wait") await waitFor(step.pid);
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
      if (status !== 0) {
        tell.say(`  ended with ${status}; the next step will show whether that matters`);
        continue;
      }
    }
    tell.say(`  done in ${sayMs(performance.now() - started)}`);
  }
}

/** A package may have started the engine when it was installed: what runs is not started again. */
async function bringUp(program: string, state: string, tell: Telling): Promise<void> {
  const pid = livingDockerd();
  if ((await askEngine(undefined)).state === "answers") return tell.say("  its package has started it already");
  if (pid !== undefined) return waitFor(pid);
  tell.say(`  as pid ${await startDockerd(program, state)}, output in ${dockerdLog(state)}`);
}

async function waitFor(pid: number): Promise<void> {
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
