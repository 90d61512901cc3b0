// Decides how a process is started in a container: one engine exec with its streams attached.
import { PassThrough } from "node:stream";
import type Docker from "dockerode";
import { messageOf, TransportError } from "../model/errors.ts";
import { killTreeScript } from "./kill-tree.ts";
import { missingProgram } from "./live-shell.ts";
import { ShellTransport } from "./shell-transport.ts";
import type { Channel, Opener, OpenOptions, Transport } from "./transport.ts";

/** The transport of a container on a docker engine, local or remote. */
export function dockerExecTransport(container: Docker.Container, node: string): Transport {
  return new ShellTransport(new ExecOpener(container, node));
}

class ExecOpener implements Opener {
  readonly node: string;
  readonly administrator = "0";
  readonly #container: Docker.Container;

  constructor(container: Docker.Container, node: string) {
    this.#container = container;
    this.node = node;
  }

  async open(argv: readonly [string, ...string[]], options: OpenOptions): Promise<Channel> {
    const failed = (error: unknown) =>
      new TransportError({
        code: missingProgram.test(messageOf(error)) ? "no-such-file" : "cannot-start",
        phase: "exec",
        node: this.node,
        seen: `the engine could not start "${argv[0]}": ${messageOf(error)}`,
        cause: error,
      });
    const exec = await this.#container
      .exec({
        Cmd: [...argv],
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        ...(options.user === undefined ? {} : { User: options.user }),
        ...(options.cwd === undefined ? {} : { WorkingDir: options.cwd }),
        ...(options.env === undefined
          ? {}
          : { Env: Object.entries(options.env).map(([key, value]) => `${key}=${value}`) }),
      })
      .catch((error: unknown) => Promise.reject(failed(error)));
    const stream = await exec
      .start({ hijack: true, stdin: true })
      .catch((error: unknown) => Promise.reject(failed(error)));
    const stdout = new PassThrough({ highWaterMark: 1 << 20 });
    const stderr = new PassThrough({ highWaterMark: 1 << 20 });
    this.#container.modem.demuxStream(stream, stdout, stderr);
    const ended = new Promise<number | undefined>((resolve) => {
      const finish = () => {
        stdout.end();
        stderr.end();
        exec.inspect().then(
          (facts) => resolve(facts.ExitCode ?? undefined),
          () => resolve(undefined),
        );
      };
      stream.once("end", finish);
      stream.once("close", finish);
      stream.once("error", finish);
    });
    return { stdin: stream, stdout, stderr, ended, destroy: () => stream.destroy() };
  }

  async killTree(pid: number): Promise<void> {
    try {
      const channel = await this.open(["/bin/sh", "-c", killTreeScript, "sh", String(pid)], { user: "0" });
      channel.stdin.end();
      channel.stdout.resume();
      channel.stderr.resume();
      await channel.ended;
    } catch {
      // The container is gone or stopped, and the process with it.
    }
  }
}
