// Decides how a process is started in a container: one engine exec with its streams attached.
import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import type Docker from "dockerode";
import { messageOf, TransportError } from "../model/errors.ts";
import { killMarkedScript, markVariable } from "./kill-marked.ts";
import { killTreeScript } from "./kill-tree.ts";
import { missingProgram } from "./live-shell.ts";
import { ShellTransport } from "./shell-transport.ts";
import type { Channel, Opener, OpenOptions, ProbingShell, Transport } from "./transport.ts";

/** How a container is looked into: by its own shell, or, where `probing` is given, by one brought along. */
export type ExecShell = Pick<Opener, "probing" | "shellHint">;

/**
 * The transport of a container on a docker engine, local or remote. `cut`: what becomes of a program whose connection is cut,
 * see `Dialect`; where it stays, it is ended by us.
 */
export function dockerExecTransport(
  container: Docker.Container,
  node: string,
  cut: "ends" | "stays" = "ends",
  shell: ExecShell = {},
): Transport {
  return new ShellTransport(new ExecOpener(container, node, cut, shell));
}

/** Starts processes in one container. */
export class ExecOpener implements Opener {
  readonly node: string;
  readonly administrator = "0";
  readonly probing: ProbingShell | undefined;
  readonly shellHint: string | undefined;
  readonly drains: boolean;
  readonly #container: Docker.Container;
  readonly #marks: boolean;

  constructor(container: Docker.Container, node: string, cut: "ends" | "stays", shell: ExecShell = {}) {
    this.#container = container;
    this.node = node;
    this.probing = shell.probing;
    this.shellHint = shell.shellHint;
    this.drains = cut === "stays";
    // Without a shell of the image's nobody tells the pid of what runs.
    this.#marks = cut === "stays" || shell.probing !== undefined;
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
    // A shell ends with its input.
    const ends = argv[0] === "/bin/sh" && argv.length === 1;
    const mark = this.#marks && !ends && argv !== this.probing?.argv ? randomBytes(12).toString("hex") : undefined;
    const env = { ...options.env, ...(mark === undefined ? {} : { [markVariable]: mark }) };
    const exec = await this.#container
      .exec({
        Cmd: [...argv],
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        ...(options.user === undefined ? {} : { User: options.user }),
        ...(options.cwd === undefined ? {} : { WorkingDir: options.cwd }),
        ...(Object.keys(env).length === 0 ? {} : { Env: Object.entries(env).map(([key, value]) => `${key}=${value}`) }),
      })
      .catch((error: unknown) => Promise.reject(failed(error)));
    const stream = await exec
      .start({ hijack: true, stdin: true })
      .catch((error: unknown) => Promise.reject(failed(error)));
    const stdout = new PassThrough({ highWaterMark: 1 << 20 });
    const stderr = new PassThrough({ highWaterMark: 1 << 20 });
    this.#container.modem.demuxStream(stream, stdout, stderr);
    let running = true;
    stream.once("end", () => {
      running = false;
    });
    const ended = new Promise<number | undefined>((resolve) => {
      const finish = () => {
        stdout.end();
        stderr.end();
        exec.inspect().then(
          (facts) => resolve(statusIn(facts)),
          () => resolve(undefined),
        );
      };
      stream.once("end", finish);
      stream.once("close", finish);
      stream.once("error", finish);
    });
    const destroy = () => {
      if (running && mark !== undefined) {
        // Nobody reads meanwhile, so that it waits instead of printing at full speed into nothing.
        stream.pause();
        void this.#killMarked(mark).then(() => stream.destroy());
      } else stream.destroy();
      running = false;
    };
    return { stdin: stream, stdout, stderr, ended, destroy };
  }

  killTree(pid: number): Promise<void> {
    return this.#administer(killTreeScript, String(pid));
  }

  #killMarked(mark: string): Promise<void> {
    return this.#administer(killMarkedScript, mark);
  }

  /** Runs a script to its end. Never rejects. */
  async #administer(script: string, word: string): Promise<void> {
    try {
      const shell: readonly [string, ...string[]] = this.probing?.argv ?? ["/bin/sh"];
      const channel = await this.open([...shell, "-c", script, "sh", word], { user: "0" });
      channel.stdin.end();
      channel.stdout.resume();
      channel.stderr.resume();
      await channel.ended;
    } catch {
      // The container is gone or stopped, and the process with it.
    }
  }
}

/** Of a program that has ended; podman calls the status of one that still runs 0. */
export function statusIn({ Running, ExitCode }: Docker.ExecInspectInfo): number | undefined {
  return Running ? undefined : (ExitCode ?? undefined);
}
