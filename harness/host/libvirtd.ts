// Decides how libvirt's daemons are started by hand where no init system does it, and when they count as up: when they answer.
import { spawn } from "node:child_process";
import { ProvisionError } from "../model/errors.ts";
import { sayCommand } from "../model/exec.ts";
import { lastLines } from "./dockerd.ts";
import { askLibvirt } from "./libvirt-answer.ts";
import type { Command } from "./plan.ts";

const log = "/var/log/libvirt/libvirtd.log";

/**
 * Runs the commands one after another. With `-d` each puts its daemon into a session of its own, with no stream of ours, and
 * ends when the daemon listens, or with its complaint; then libvirt is asked, which waits until it serves. Rejects with a
 * `ProvisionError` (code `engine-not-started`) that has the last words.
 */
export async function startLibvirt(commands: readonly Command[], timeoutMs = 60_000): Promise<void> {
  for (const command of commands) {
    const complaint = await run(command, timeoutMs);
    if (complaint !== undefined) throw notUp(command, complaint);
  }
  const last = commands.at(-1);
  if (last === undefined) return;
  try {
    await libvirtAnswered(timeoutMs);
  } catch (cause) {
    throw notUp(last, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function notUp(command: Command, seen: string, cause?: unknown): ProvisionError {
  return new ProvisionError({
    code: "engine-not-started",
    phase: "setup",
    seen: `${sayCommand(command)} was started and is not up: ${seen}`,
    hint: `its log is ${log}; mend what it names, then try: ${command.filter((word) => word !== "-d").join(" ")}`,
    cause,
  });
}

/** Waits until this machine's libvirt answers; rejects when it has not after `timeoutMs`, or refuses. */
export async function libvirtAnswered(timeoutMs: number): Promise<void> {
  const answer = await askLibvirt("virsh", "qemu:///system", timeoutMs);
  if (answer.state !== "answers") throw new Error(`no answer at qemu:///system: ${answer.seen}`);
}

/** `undefined` when it ended with 0, else its last words. */
function run([program, ...words]: Command, timeoutMs: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const child = spawn(program, words, {
    cwd: "/",
    // The daemon gives its own surroundings to what it starts: none of this process's are its business.
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
    timeout: timeoutMs,
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.on("error", (error) => resolve(error.message));
  // A daemon that should keep the stream after all is not waited for; one that failed has closed it.
  child.on("exit", (status) => {
    if (status === 0) resolve(undefined);
  });
  child.on("close", (status, signal) => {
    const [last = "none"] = lastLines(complaint, 1);
    resolve(`it ended with ${status ?? signal}; its last words: ${last}`);
  });
  return promise.finally(() => child.stderr.destroy());
}
