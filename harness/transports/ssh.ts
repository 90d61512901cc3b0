// Decides how processes are started over ssh: as many channels to a connection as the server allows, as many connections as that
// takes. Refuses any server but the one whose key it was given, and touches nothing of the server's configuration.

import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Client, ClientChannel } from "ssh2";
import { quoteWord } from "../model/check.ts";
import { messageOf, TransportError } from "../model/errors.ts";
import type { Secret } from "../model/secret.ts";
import { becomeScript } from "./become.ts";
import { killTreeScript } from "./kill-tree.ts";
import { sshConnect } from "./ssh-connection.ts";
import type { Channel, Opener, OpenerMoments, OpenOptions } from "./transport.ts";

export interface SshGuestOptions {
  /** For messages: `environment/node`. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  /** Who logs in; commands run as this user. Another one than root needs `sudo` without a password to be the administrator. */
  readonly user: string;
  readonly privateKey?: Secret | undefined;
  /** More keys to log in with, tried in order; those that take a passphrase are passed over. */
  readonly identities?: readonly Secret[];
  /** Socket of an agent whose keys are tried last. */
  readonly agent?: string | undefined;
  /** The server's public key, as a line or as its `SHA256:…` fingerprint; or all those that it may have. */
  readonly hostKey: string | readonly string[];
}

/** Channels that OpenSSH grants a connection unless it is told otherwise (`MaxSessions`). */
const usualSessions = 10;
/** Connections at the same time; what is wanted beyond them waits. */
const mostConnections = 4;

interface Line {
  readonly client: Client;
  open: number;
  /** Learned when the server refuses one more. */
  most: number;
}

/**
 * The processes of one machine, over ssh. Connections are made when they are needed, and again after they were lost: a
 * command is never sent a second time.
 *
 * @example
 * const guest = new SshGuest({ node: "soe/vm", host, port: 22, user: "root", privateKey, hostKey });
 * const { bootId } = await guest.greeted();
 * const transport = new ShellTransport(guest);
 */
export class SshGuest implements Opener {
  readonly node: string;
  readonly administrator = "0";
  readonly #options: SshGuestOptions;
  #lines: Line[] = [];
  #connecting: Promise<Line> | undefined;
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: SshGuestOptions) {
    this.node = options.node;
    this.#options = options;
  }

  /**
   * Waits until the server lets us in and tells the boot's id, asking again while nobody answers, until `signal`. Rejects at
   * once for an answer that will not change: `host-key-mismatch`, `login-refused`.
   */
  async greeted(signal?: AbortSignal): Promise<{ readonly bootId: string }> {
    for (let waitMs = 50; ; waitMs = Math.min(waitMs * 1.5, 500)) {
      try {
        await this.#line();
        break;
      } catch (error) {
        if (!(error instanceof TransportError) || error.code !== "unreachable" || signal?.aborted === true) throw error;
        // Nobody tells when a port of another machine opens.
        await pause(waitMs, undefined, { signal }).catch(() => Promise.reject(error));
      }
    }
    const said = await this.#answer(["cat", "/proc/sys/kernel/random/boot_id"]);
    return { bootId: said.trim() };
  }

  async open(argv: readonly [string, ...string[]], options: OpenOptions): Promise<Channel> {
    const text = this.#text(argv, options);
    for (;;) {
      const line = await this.#line();
      line.open += 1;
      try {
        return channelOf(await started(line.client, text), () => this.#left(line));
      } catch (error) {
        const others = line.open - 1;
        this.#left(line);
        const full = /open fail/i.test(messageOf(error)) && others > 0;
        if (!full) throw this.#cannotStart(argv[0], error);
        line.most = Math.min(line.most, others); // nothing was sent: it may be asked again, elsewhere or later
      }
    }
  }

  /**
   * A connection to a unix socket on the machine, as its user may open it. Counts as no channel of `MaxSessions`. Rejects with a
   * `TransportError`: `no-forward` when the server refuses, or when nobody listens there.
   */
  async forward(socket: string): Promise<Duplex> {
    const { client } = await this.#line();
    return new Promise((resolve, reject) =>
      client.openssh_forwardOutStreamLocal(socket, (error, stream) => {
        if (error === undefined) return resolve(stream);
        reject(
          new TransportError({
            code: "no-forward",
            phase: "connect",
            node: this.node,
            seen: `the ssh server does not connect to ${socket}: ${messageOf(error)}`,
            hint: `see that something listens there, that ${this.#options.user} may open it, and that sshd allows AllowStreamLocalForwarding`,
            cause: error,
          }),
        );
      }),
    );
  }

  async killTree(pid: number): Promise<void> {
    await this.#answer(["/bin/sh", "-c", killTreeScript, "sh", String(pid)], this.administrator).catch(() => undefined);
  }

  /** A network connection does not survive that the other end goes back to an earlier moment. */
  readonly moments: OpenerMoments = {
    quiesce: () => undefined,
    hold: () => this.lost(),
    resume: () => undefined,
  };

  /** Rejects what is under way as unknown; the next command connects anew. */
  lost(): void {
    const lines = this.#lines;
    this.#lines = [];
    for (const { client } of lines) client.destroy();
  }

  /** Ends all connections. Idempotent. */
  close(): void {
    this.#closed = true;
    this.lost();
    for (const go of this.#waiting.splice(0)) go();
  }

  /** What a program printed that ended with 0; anything else is no answer. */
  async #answer(argv: readonly [string, ...string[]], user?: string): Promise<string> {
    const channel = await this.open(argv, { user });
    channel.stdin.end();
    channel.stderr.resume();
    let said = "";
    for await (const chunk of channel.stdout) said += String(chunk);
    const status = await channel.ended;
    if (status === 0) return said;
    throw new TransportError({
      code: "shell-closed",
      phase: "exec",
      node: this.node,
      seen: `"${argv[0]}" ${status === undefined ? "was lost with the connection" : `ended with status ${status}`}`,
    });
  }

  /** A connection that has room for one more channel. */
  async #line(): Promise<Line> {
    for (;;) {
      if (this.#closed)
        throw new TransportError({
          code: "closed",
          phase: "exec",
          node: this.node,
          seen: "the node has been torn down",
        });
      const free = this.#lines.find(({ open, most }) => open < most);
      if (free !== undefined) return free;
      if (this.#lines.length < mostConnections) {
        this.#connecting ??= this.#connect().finally(() => {
          this.#connecting = undefined;
        });
        const made = await this.#connecting;
        if (made.open < made.most) return made;
      } else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #connect(): Promise<Line> {
    const client = await sshConnect(this.#options);
    const line: Line = { client, open: 0, most: usualSessions };
    this.#lines.push(line);
    client.once("close", () => {
      this.#lines = this.#lines.filter((each) => each !== line);
      this.#waiting.shift()?.();
    });
    return line;
  }

  #left(line: Line): void {
    line.open -= 1;
    this.#waiting.shift()?.();
  }

  /** One text for the login shell, whichever that is: a POSIX shell gets the rest. */
  #text(argv: readonly [string, ...string[]], { user, cwd, env }: OpenOptions): string {
    const quoted = argv.map(quoteWord).join(" ");
    const before = [
      ...Object.entries(env ?? {}).map(([name, value]) => `export ${name}=${quoteWord(value)}`),
      ...(cwd === undefined ? [] : [`cd -- ${quoteWord(cwd)} || exit 126`]),
    ];
    const own = this.#options.user;
    if (user === undefined || user === own || (user === "0" && own === "root"))
      return before.length === 0
        ? `exec ${quoted}`
        : `exec /bin/sh -c ${quoteWord([...before, `exec ${quoted}`].join("\n"))}`;
    const script = [`session= become=`, becomeScript, `as ${quoteWord(user)}`, ...before, `run ${quoted}`].join("\n");
    const sudo = own === "root" ? "" : "sudo -n -- ";
    return `exec ${sudo}/bin/sh -c ${quoteWord(script)}`;
  }

  #cannotStart(program: string, cause: unknown): TransportError {
    return new TransportError({
      code: "cannot-start",
      phase: "exec",
      node: this.node,
      seen: `the ssh server could not start "${program}": ${messageOf(cause)}`,
      cause,
    });
  }
}

function started(client: Client, text: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error("the connection was lost"));
    client.once("close", lost);
    client.exec(text, (error, channel) => {
      client.removeListener("close", lost);
      if (error) reject(error);
      else resolve(channel);
    });
  });
}

function channelOf(stream: ClientChannel, left: () => void): Channel {
  const ended = new Promise<number | undefined>((resolve) => {
    let status: number | undefined;
    stream.once("exit", (code: number | null, signal?: string) => {
      const number = constants.signals[signal as NodeJS.Signals];
      status = code ?? (number === undefined ? undefined : 128 + number);
    });
    stream.once("close", () => {
      left();
      resolve(status);
    });
  });
  stream.on("error", () => undefined); // told by `ended`
  return {
    stdin: stream,
    stdout: stream,
    stderr: stream.stderr,
    ended,
    destroy: () => stream.destroy(),
  };
}
