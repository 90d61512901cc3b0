// Decides how a running QEMU is spoken to: QMP over a unix socket of ours alone. A command is sent once; an answer, an event or the
// end of QEMU is what follows. Knows no libvirt, asks nothing again and again.
import { createConnection, type Socket } from "node:net";
import { messageOf, ProvisionError } from "../model/errors.ts";

export interface QmpEvent {
  /** `RESET`, `SHUTDOWN`, `GUEST_PANICKED`, `JOB_STATUS_CHANGE`, … */
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch, by QEMU's clock. */
  readonly at: number;
}

export interface QmpCall {
  /** Default 60 000: QEMU's main loop stands still while it loads a big memory. */
  readonly timeoutMs?: number;
}

type Arguments = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: ProvisionError) => void;
}

/**
 * A monitor that answered its greeting. All methods may be called concurrently. Rejections are `ProvisionError`s: `qmp-refused` with
 * QEMU's words, `qmp-lost` when QEMU ended before the answer, `deadline`.
 */
export class Qmp {
  /** QEMU's version: `7.2.22`. */
  readonly version: string;
  /** Resolves when the socket has closed: QEMU is gone, or `close` was called. Never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #path: string;
  readonly #waiting: Map<number, Waiting>;
  readonly #listeners: Set<(event: QmpEvent) => void>;
  #next = 1;

  /** Made by `connectQmp`. */
  constructor(socket: Socket, path: string, version: string) {
    this.#socket = socket;
    this.#path = path;
    this.version = version;
    this.#waiting = new Map();
    this.#listeners = new Set();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(this.#lost());
      this.#waiting.clear();
      resolve();
    });
  }

  /** What QEMU says; given by `connectQmp`. */
  hear(message: Message): void {
    if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
      const event = { event: message.event, data: message.data ?? {}, at: seconds * 1000 + microseconds / 1000 };
      for (const listener of [...this.#listeners]) listener(event);
      return;
    }
    const waiting = this.#waiting.get(message.id ?? 0);
    this.#waiting.delete(message.id ?? 0);
    if (message.error === undefined) waiting?.resolve(message.return);
    else waiting?.reject(refused(message.error.desc));
  }

  /** Whether QEMU can still be asked. */
  get open(): boolean {
    return this.#socket.writable;
  }

  /**
   * Runs one command and gives what it returns.
   * @example await qmp.execute("query-status") // { status: "running", … }
   */
  async execute(command: string, options: Arguments = {}, { timeoutMs = 60_000 }: QmpCall = {}): Promise<unknown> {
    if (!this.#socket.writable) throw this.#lost();
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      reject(slow(`QEMU gave no answer to ${command} within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: options, id })}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells every event from now on. The answer ends that. A listener must not throw. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next event that is meant. Listens from the call on. Rejects with `qmp-lost`, or the reason of `signal`. */
  async nextEvent(meant: (event: QmpEvent) => boolean, signal?: AbortSignal): Promise<QmpEvent> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<QmpEvent>();
    const off = this.onEvent((event) => {
      if (meant(event)) resolve(event);
    });
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    // Heard by the socket itself: many waits on the one promise `closed` would pile up on it.
    const lost = () => reject(this.#lost());
    this.#socket.once("close", lost);
    if (this.#socket.closed) lost();
    try {
      return await promise;
    } finally {
      off();
      signal?.removeEventListener("abort", abort);
      this.#socket.off("close", lost);
    }
  }

  /** Stops the guest's processors. Idempotent. */
  async stop(): Promise<void> {
    await this.execute("stop");
  }

  /** Lets the guest's processors run on. Idempotent. */
  async cont(): Promise<void> {
    await this.execute("cont");
  }

  /** Writes the screen as PNG; QEMU makes the file. Rejects for a machine without a screen. */
  async screendump(file: string): Promise<void> {
    await this.execute("screendump", { filename: file, format: "png" });
  }

  /** Ends the connection; QEMU runs on. Idempotent. */
  close(): void {
    this.#socket.destroy();
  }

  #lost(): ProvisionError {
    return new ProvisionError({
      code: "qmp-lost",
      phase: "exec",
      seen: `QEMU at ${this.#path} is gone`,
      hint: "its log and the machine's console, in the evidence, may say why",
    });
  }
}

interface Message {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
  readonly QMP?: { readonly version: { readonly qemu: Readonly<Record<"major" | "minor" | "micro", number>> } };
}

/**
 * Connects to a QMP socket and says what every monitor must be told first. One at a time is served: a second one waits for its
 * greeting until the first has gone, and is rejected here with `qmp-silent`; `qmp-unreachable` when nobody listens.
 * @example const qmp = await connectQmp("/run/machine/qmp"); await qmp.cont();
 */
export async function connectQmp(path: string, { timeoutMs = 30_000 }: QmpCall = {}): Promise<Qmp> {
  const socket = createConnection(path);
  const { promise, resolve, reject } = Promise.withResolvers<Qmp>();
  let qmp: Qmp | undefined;
  const timer = setTimeout(() => reject(silent(path, `no greeting within ${timeoutMs / 1000} s`)), timeoutMs);
  socket.on("error", (error) => reject(unreachable(path, error)));
  socket.on("close", () => reject(silent(path, "it closed before its greeting")));
  readLines(socket, (line) => {
    const message = readMessage(line);
    if (message === undefined) return socket.destroy();
    if (qmp !== undefined) return qmp.hear(message);
    if (message.QMP === undefined) return reject(silent(path, `it is no QMP monitor: ${line.slice(0, 80)}`));
    const { major, minor, micro } = message.QMP.version.qemu;
    const greeted = new Qmp(socket, path, `${major}.${minor}.${micro}`);
    qmp = greeted;
    greeted.execute("qmp_capabilities").then(() => resolve(greeted), reject);
  });
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function readLines(socket: Socket, heard: (line: string) => void): void {
  let parts: string[] = [];
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    const [first = "", ...more] = chunk.split("\n");
    parts.push(first);
    for (const next of more) {
      const line = parts.join("").trim();
      parts = [next];
      if (line !== "") heard(line);
    }
  });
}

/** `undefined` for what is no JSON: whoever says that is no QEMU. */
function readMessage(line: string): Message | undefined {
  try {
    return JSON.parse(line) as Message;
  } catch {
    return undefined;
  }
}

function refused(words: string): ProvisionError {
  return new ProvisionError({ code: "qmp-refused", phase: "exec", seen: `QEMU refused: ${words.replace(/\.$/, "")}` });
}

function slow(seen: string): ProvisionError {
  return new ProvisionError({ code: "deadline", phase: "exec", seen, hint: "the host may be short of memory or disk" });
}

function silent(path: string, seen: string): ProvisionError {
  return new ProvisionError({
    code: "qmp-silent",
    phase: "connect",
    seen: `${path}: ${seen}`,
    hint: "a monitor serves one client at a time: end the other one",
  });
}

function unreachable(path: string, cause: unknown): ProvisionError {
  return new ProvisionError({
    code: "qmp-unreachable",
    phase: "connect",
    seen: `no QEMU listens at ${path} (${messageOf(cause)})`,
    hint: "its log says why it ended: /var/log/libvirt/qemu/",
    cause,
  });
}
