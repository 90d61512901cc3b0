// Decides how what a run's processes say reaches its supervisor: lines of JSON over a unix socket, in order, acknowledged.
// Refuses to lose anything silently, and to keep a process waiting for a supervisor that is gone.
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { EventSink, RunEvent } from "../model/event.ts";

/** What fits into sockaddr_un, less the closing NUL. */
const longestPath = 107;
/** One line longer than this is taken for garbage; the largest event is some log lines. */
const longestLine = 64 * 1024 * 1024;

export interface EventListener {
  event(event: RunEvent): void;
  secret(name: string, value: string): void;
  /** A line that is no message: something else wrote to the socket. Never what it said. */
  malformed?(reason: string): void;
}

export interface ListeningSocket {
  readonly path: string;
  /** Stops listening once everything that was sent has been heard; waits at most `drainMs`, default 2 000. Idempotent. */
  close(drainMs?: number): Promise<void>;
}

type Message =
  | { readonly event: RunEvent }
  | { readonly secret: { readonly name: string; readonly value: string } }
  | { readonly flush: number };

/**
 * Where a run's socket lies: in `directory`, or where that is too long for a socket, in a private directory below the
 * temporary one. The same for the same arguments, so that a later process finds what is left.
 */
export function eventSocketPath(directory: string, run: string): string {
  const path = join(directory, `${run}.sock`);
  if (Buffer.byteLength(path) <= longestPath) return path;
  const short = createHash("sha256").update(path).digest("hex").slice(0, 16);
  return join(tmpdir(), `assay-${process.getuid?.() ?? 0}`, `${short}.sock`);
}

/** Listens, with a socket only this user may use. Rejects with a `ProvisionError` when the path cannot be had. */
export async function listenForEvents(path: string, listener: EventListener): Promise<ListeningSocket> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A process that was killed resets its connection; what it said until then has been heard.
    socket.on("error", () => {});
    readLines(socket, (line) => hear(line, socket, listener));
  });
  try {
    privateDirectory(dirname(path));
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
  } catch (error) {
    server.close();
    throw new ProvisionError({
      code: "no-event-socket",
      phase: "setup",
      seen: `cannot listen on ${path}: ${messageOf(error)}`,
      hint: "make sure that the directory belongs to this user and is writable",
      cause: error,
    });
  }
  let closing: Promise<void> | undefined;
  const close = async (drainMs: number) => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const late = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, drainMs);
    await closed;
    clearTimeout(late);
    rmSync(path, { force: true });
  };
  return {
    path,
    close: (drainMs = 2_000) => {
      closing ??= close(drainMs);
      return closing;
    },
  };
}

/**
 * The other end: says events to a supervisor. Never throws and never blocks; when the supervisor is gone, or was never
 * there, everything said is dropped. Does not keep the process alive, except while `flushed` waits.
 */
export function connectEvents(path: string): EventSink & { secret(name: string, value: string): void; close(): void } {
  const socket = connect(path);
  let gone = false;
  let asked = 0;
  const waiting = new Map<number, () => void>();
  socket.unref();
  socket.on("error", () => {});
  socket.once("close", () => {
    gone = true;
    for (const resolve of waiting.values()) resolve();
    waiting.clear();
  });
  readLines(socket, (line) => {
    const { flushed } = JSON.parse(line) as { flushed: number };
    waiting.get(flushed)?.();
    waiting.delete(flushed);
    if (waiting.size === 0) socket.unref();
  });
  const send = (message: Message) => {
    if (gone || socket.writableEnded) return;
    // What is said in one go, each part of a large check for instance, travels in one write.
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(`${JSON.stringify(message)}\n`);
  };
  return {
    say: (event) => send({ event }),
    secret: (name, value) => send({ secret: { name, value } }),
    flushed: () =>
      new Promise((resolve) => {
        if (gone || socket.writableEnded) return resolve();
        asked += 1;
        waiting.set(asked, resolve);
        socket.ref();
        send({ flush: asked });
      }),
    close: () => {
      socket.end();
    },
  };
}

function hear(line: string, socket: Socket, listener: EventListener): void {
  const message = read(line);
  if (message === undefined) listener.malformed?.(`${line.length} characters that are no message`);
  else if ("flush" in message) socket.write(`{"flushed":${message.flush}}\n`);
  else if ("secret" in message) listener.secret(message.secret.name, message.secret.value);
  else listener.event(message.event);
}

function read(line: string): Message | undefined {
  try {
    const value = JSON.parse(line) as Partial<{
      event: RunEvent;
      secret: { name: string; value: string };
      flush: number;
    }>;
    if (typeof value.event?.event === "string" && typeof value.event.at === "number") return { event: value.event };
    if (typeof value.secret?.name === "string" && typeof value.secret.value === "string")
      return { secret: value.secret };
    if (typeof value.flush === "number") return { flush: value.flush };
  } catch {
    // Not JSON: as malformed as JSON of another shape.
  }
  return undefined;
}

/** Calls `line` for each whole line; what follows the last newline was cut off by its writer's end, and is no message. */
function readLines(socket: Socket, line: (text: string) => void): void {
  let pieces: string[] = [];
  let length = 0;
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const parts = chunk.split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      const whole = pieces.join("") + part;
      pieces = [];
      length = 0;
      if (whole !== "") line(whole);
    }
    pieces.push(last);
    length += last.length;
    if (length > longestLine) socket.destroy();
  });
}

/** Below a directory that everybody may write to, only a directory of our own keeps others out. */
function privateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(directory);
  if (uid !== process.getuid?.()) throw new Error(`${directory} belongs to user ${uid}`);
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
}
