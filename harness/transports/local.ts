// Decides how this machine itself is reached: processes of our own, each in its own process group.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { promisify } from "node:util";
import { messageOf, TransportError } from "../model/errors.ts";
import { ShellTransport } from "./shell-transport.ts";
import type { Channel, Opener, OpenOptions, Transport } from "./transport.ts";
import { tunnelFromHere } from "./tunnel.ts";

/** The transport of the `host` node. Another user than our own needs root, and `setpriv` of util-linux. */
export function localTransport(): Transport {
  return new ShellTransport(localOpener);
}

/** Starts processes of this machine. */
export const localOpener: Opener = {
  node: "host",
  administrator: undefined,
  async open(argv, options) {
    const [program, ...args] = await asUser(withVariables(argv, options.env), options.user);
    const child = spawn(program, args, {
      cwd: options.cwd,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    try {
      await once(child, "spawn");
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      throw new TransportError({
        code: missing ? "no-such-file" : "cannot-start",
        phase: "exec",
        node: "host",
        seen: messageOf(error),
        cause: error,
      });
    }
    // What a killed leader leaves behind would hold its streams open, and nobody would learn of its end.
    child.once("exit", (_code, signal) => {
      if (signal !== null) killGroup(child.pid);
    });
    const ended = new Promise<number | undefined>((resolve) => {
      child.once("close", (code, signal) =>
        resolve(code ?? (signal === null ? undefined : 128 + constants.signals[signal])),
      );
    });
    const channel: Channel = {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      ended,
      destroy: () => killGroup(child.pid),
    };
    return channel;
  },
  connect: (end) => tunnelFromHere("host", end),
  async killTree(pid) {
    killGroup(pid);
  },
};

/** Each process leads its own group, so that its children go with it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined || pid <= 1) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Gone, or another user's by now, as with sudo: whoever asked is told of its deadline all the same.
    if (!["ESRCH", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

async function asUser(
  argv: readonly [string, ...string[]],
  user: string | undefined,
): Promise<readonly [string, ...string[]]> {
  if (user === undefined) return argv;
  const [uid, gid] = user.split(":");
  const groups =
    gid === undefined ? [`--regid=${await groupOf(user)}`, "--init-groups"] : [`--regid=${gid}`, "--clear-groups"];
  return ["setpriv", `--reuid=${uid}`, ...groups, "--", ...argv];
}

/** The number of a user's own group: setpriv knows none but by its name or number. */
async function groupOf(user: string): Promise<string> {
  try {
    return (await promisify(execFile)("id", ["-g", "--", user])).stdout.trim();
  } catch (error) {
    const seen = String((error as { stderr?: unknown }).stderr ?? "").trim() || messageOf(error);
    throw new TransportError({ code: "cannot-start", phase: "exec", node: "host", seen, cause: error });
  }
}

function withVariables(argv: readonly [string, ...string[]], env: OpenOptions["env"]): readonly [string, ...string[]] {
  return env === undefined ? argv : ["env", ...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...argv];
}
