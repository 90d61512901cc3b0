// Decides how an engine is started by hand where no init system does it, and when it counts as up: when it answers.
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  watch,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { sayCommand } from "../model/exec.ts";
import { askEngine, defaultSocket } from "./engine.ts";
import type { Command } from "./plan.ts";
import { dockerdLog } from "./plan-docker.ts";

/** The last lines of a text that are not empty; a line that was overwritten by carriage returns counts as its last state. */
export function lastLines(text: string, count: number): readonly string[] {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, "").replace(/^.*\r/, ""));
  return lines.filter((line) => line.trim() !== "").slice(-count);
}

/**
 * Starts dockerd in a session of its own, so that it outlives this process, and waits until it answers. Its output goes
 * to `dockerdLog`, its pid to `dockerd.pid` beside it. Rejects with a `ProvisionError` (code `engine-not-started`) and its
 * last words when it ends first, or does not answer in time; then it is ended.
 */
export function startDockerd(
  program: string,
  state: string,
  { socket = defaultSocket, timeoutMs = 60_000 }: { readonly socket?: string; readonly timeoutMs?: number } = {},
): Promise<number> {
  return startEngine([program], { log: dockerdLog(state), pid: join(state, "dockerd.pid"), socket, timeoutMs });
}

/** Where an engine that is started by hand leaves its output and its pid, and where it answers. */
export interface EngineFiles {
  readonly log: string;
  readonly pid: string;
  readonly socket: string;
  readonly timeoutMs?: number;
}

/** Any engine, in the way of `startDockerd`. */
export async function startEngine(
  command: Command,
  { log, pid, socket, timeoutMs = 60_000 }: EngineFiles,
): Promise<number> {
  for (const file of [log, socket]) mkdirSync(dirname(file), { recursive: true });
  const [program, ...words] = command;
  const output = openSync(log, "a");
  const before = statSync(log).size;
  const child = spawn(program, words, { detached: true, cwd: "/", stdio: ["ignore", output, output] });
  closeSync(output);
  if (child.pid !== undefined) writeFileSync(pid, `${child.pid}\n`);
  const { promise, reject } = Promise.withResolvers<never>();
  child.on("error", (error) => reject(error));
  child.on("exit", (status, signal) => reject(new Error(`it ended with ${status ?? signal}`)));
  try {
    await Promise.race([promise, answered(socket, timeoutMs, [log])]);
  } catch (cause) {
    child.kill("SIGTERM");
    const [words = "none"] = lastLines(readFileSync(log).subarray(before).toString("utf8"), 1);
    throw new ProvisionError({
      code: "engine-not-started",
      phase: "setup",
      seen: `${sayCommand(command)} was started and is not up: ${messageOf(cause)}; its last words: ${words}`,
      hint: `the whole log is ${log}; mend what it names, then try: setsid ${sayCommand(command)}`,
      cause,
    });
  }
  child.removeAllListeners();
  child.unref();
  return child.pid ?? 0;
}

/**
 * Waits until an engine answers at a socket. Asks when something happens in the socket's directory or to a file of
 * `watched`; rejects when it has not answered after `timeoutMs`.
 */
export async function answered(socket: string, timeoutMs: number, watched: readonly string[] = []): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [asking, again, over] = [false, false, false];
  let pending: NodeJS.Timeout | undefined;
  const ask = async (): Promise<void> => {
    again = asking;
    if (asking) return;
    asking = true;
    clearTimeout(pending);
    const { state } = await askEngine(`unix://${socket}`, timeoutMs);
    asking = false;
    if (state === "answers") resolve();
    else if (again) await ask();
    // The file appears when the socket is bound; that it listens, a moment later, is an event nobody tells.
    else if (!over && existsSync(socket)) pending = setTimeout(() => void ask(), 20);
  };
  const watchers = [dirname(socket), ...watched]
    .filter((path) => existsSync(path))
    .map((path): FSWatcher => watch(path, () => void ask()));
  const timer = setTimeout(() => reject(new Error(`no answer at ${socket} within ${timeoutMs} ms`)), timeoutMs);
  // It may have answered before the watching began.
  void ask();
  try {
    await promise;
  } finally {
    over = true;
    clearTimeout(timer);
    clearTimeout(pending);
    for (const watcher of watchers) watcher.close();
  }
}
