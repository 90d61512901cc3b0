// Decides how many commands share one shell that stays: each is framed by a marker on both of its output streams.
// Refuses to send anything twice: when the shell is lost, what was under way is rejected as unknown.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { TransportError } from "../model/errors.ts";
import { type MarkedPart, MarkedStream, markerCommand } from "./marked-stream.ts";
import type { Channel, Opener, OpenOptions, ProbingShell } from "./transport.ts";

/** Most bytes that one command may print on one stream. */
export const outputLimit = 256 * 1024 * 1024;

/** What waits for a shell and has no deadline of its own gives it up then: a stopped node's shells say nothing, and do not end either. */
const mostAnswerMs = 120_000;

/** Bytes of a shell's last words, on each stream. */
const mostWords = 2_000;

/** How engines and kernels say that a program is not there. */
export const missingProgram = /no such file|not found in \$PATH|ENOENT/i;

export interface FrameResult {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

interface Frame {
  readonly number: number;
  out?: MarkedPart;
  err?: MarkedPart;
  readonly resolve: (result: FrameResult) => void;
  readonly reject: (error: Error) => void;
}

/** One `/bin/sh` at the other end of a channel. Frames sent together are run one after the other, in one round trip. */
export class LiveShell {
  readonly #opener: Opener;
  readonly #options: OpenOptions;
  readonly channel: Channel;
  readonly #token = randomBytes(16).toString("hex");
  readonly #frames: Frame[] = [];
  #number = 0;
  #closed: TransportError | undefined;
  #lastWords = "";
  #status: number | undefined;
  /** The shell's pid on the node. */
  pid = 0;

  private constructor(opener: Opener, options: OpenOptions, channel: Channel) {
    this.#opener = opener;
    this.#options = options;
    this.channel = channel;
    const overflow = () => void this.kill(outputTooBig(opener.node));
    const out = new MarkedStream(channel.stdout, this.#token, outputLimit, {
      part: (part) => this.#take("out", part),
      overflow,
    });
    const err = new MarkedStream(channel.stderr, this.#token, outputLimit, {
      part: (part) => this.#take("err", part),
      overflow,
    });
    channel.stdin.on("error", () => undefined); // told by `ended`
    void channel.ended.then((status) => {
      const last =
        Buffer.concat([out.last(mostWords), err.last(mostWords)])
          .toString("utf8")
          .trim()
          .split("\n")
          .at(-1) ?? "";
      this.#lastWords = last;
      this.#status = status;
      const how = status === undefined ? "was lost" : `ended with status ${status}`;
      this.#close(
        this.#error(
          "shell-closed",
          `the shell ${how} while a command ran, whose status is therefore unknown${last === "" ? "" : ` (its last words: ${last})`}`,
        ),
      );
    });
  }

  /**
   * Starts a shell and waits for its first answer. Rejects with a `TransportError` when there is no usable `/bin/sh`, or `probing`; `no-answer`
   * when it says nothing for `mostMs` after it was started.
   */
  static async open(
    opener: Opener,
    options: OpenOptions,
    probing?: ProbingShell,
    mostMs = mostAnswerMs,
  ): Promise<LiveShell> {
    const channel = await opener.open(probing?.argv ?? ["/bin/sh"], options);
    const shell = new LiveShell(opener, options, channel);
    if (probing !== undefined) channel.stdin.write(`${probing.prelude}\n`);
    const [hello] = shell.send(["echo $$"]); // in a subshell, too, `$$` is the shell's own pid
    const answer = await shell.#within(mostMs, hello as Promise<FrameResult>).catch((error: TransportError) => {
      // An engine tells that there is no shell on the shell's own output, and then ends it.
      if (error.code !== "shell-closed") throw error;
      throw new TransportError({
        // Some lose the words on the way, and tell the status of a program that is not there.
        code: missingProgram.test(error.seen) || shell.#status === 127 ? "no-such-file" : "cannot-start",
        phase: "exec",
        node: opener.node,
        seen: `no shell could be started: ${shell.#lastWords || error.seen}`,
        cause: error,
      });
    });
    shell.pid = Number(answer.stdout.toString("latin1").trim());
    return shell;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get idle(): boolean {
    return this.#frames.length === 0;
  }

  /**
   * Sends scripts in one write; each runs in a subshell of its own with standard input empty. Each promise resolves with
   * any exit status.
   */
  send(scripts: readonly string[]): Promise<FrameResult>[] {
    if (this.#closed !== undefined) return scripts.map(() => Promise.reject(this.#closed));
    let text = "";
    const answers = scripts.map((script) => {
      this.#number += 1;
      const number = this.#number;
      const mark = markerCommand(this.#token, number, '"$_assay"');
      text += `(\n${script}\n) </dev/null\n_assay=$?; ${mark}; ${mark} >&2\n`;
      return new Promise<FrameResult>((resolve, reject) => this.#frames.push({ number, resolve, reject }));
    });
    this.channel.stdin.write(text);
    return answers;
  }

  /** Ends the shell and everything that was started from it; then what is under way is rejected with `reason`. */
  async kill(reason: TransportError): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    if (this.pid > 0) await killTreeSoon(this.#opener, this.pid, this.#options);
    this.#rejectAll(reason);
    this.channel.destroy();
  }

  /**
   * Throws away whatever the shell said before now. Built-ins alone, so that it costs no process: a node that was brought
   * back to an earlier moment has its shells as they were then, and what they said since may still be on its way. A shell that
   * does not answer for `mostMs` is given up: the next command opens another.
   */
  async fence(mostMs = mostAnswerMs): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#number += 1;
    const number = this.#number;
    const mark = markerCommand(this.#token, number, "0");
    const passed = new Promise<FrameResult>((resolve, reject) => this.#frames.push({ number, resolve, reject }));
    this.channel.stdin.write(`${mark}; ${mark} >&2\n`);
    await this.#within(mostMs, passed).catch(() => undefined); // a shell that has ended is not taken again
  }

  /** Rejects what is under way with `reason`, and leaves alone what runs at the other end. */
  abandon(reason: TransportError): void {
    if (this.#closed !== undefined) return;
    this.#close(reason);
    this.channel.destroy();
  }

  /** Ends an idle shell. */
  end(): void {
    this.#close(this.#error("closed", "the connection was closed"));
    this.channel.stdin.end();
    this.channel.destroy();
  }

  /** The answer; what does not come in time is abandoned, and the shell with it. */
  async #within<Answer>(mostMs: number, coming: Promise<Answer>): Promise<Answer> {
    const late = setTimeout(() => {
      const seen = `a shell that was started said nothing for ${mostMs} ms`;
      this.abandon(this.#error("no-answer", seen, "the node stands still or is too busy: see what runs on it"));
    }, mostMs);
    try {
      return await coming;
    } finally {
      clearTimeout(late);
    }
  }

  #take(stream: "out" | "err", part: MarkedPart): void {
    const frame = this.#frames.find((each) => each.number === part.number);
    if (frame === undefined) return;
    frame[stream] = part;
    if (frame.out === undefined || frame.err === undefined) return;
    this.#frames.splice(this.#frames.indexOf(frame), 1);
    frame.resolve({ status: frame.out.status, stdout: frame.out.bytes, stderr: frame.err.bytes });
  }

  #close(reason: TransportError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#rejectAll(reason);
  }

  #rejectAll(reason: TransportError): void {
    for (const frame of this.#frames.splice(0)) frame.reject(reason);
  }

  #error(code: string, seen: string, hint?: string): TransportError {
    return new TransportError({
      code,
      phase: "exec",
      node: this.#opener.node,
      seen,
      hint,
    });
  }
}

/** Of whatever prints more than `outputLimit`; it is killed. */
export function outputTooBig(node: string): TransportError {
  return new TransportError({
    code: "output-too-big",
    phase: "exec",
    node,
    seen: `a command printed more than ${outputLimit} bytes`,
    hint: "write to a file on the node and copy it",
  });
}

/** A node that does not answer does not kill either: whoever waits for a deadline is told all the same. */
const mostKillMs = 5_000;

/** Kills a process with its descendants; gives up on a node that does not say that it has. Never rejects. */
export async function killTreeSoon(opener: Opener, pid: number, options: OpenOptions): Promise<void> {
  const over = new AbortController();
  const late = pause(mostKillMs, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([opener.killTree(pid, options), late]);
  over.abort();
}
