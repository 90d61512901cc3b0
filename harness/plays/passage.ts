// Decides how ansible on this machine reaches nodes: requests over a unix socket in a private directory, each run by the node's own
// transport. Nothing listens on a network and no key is needed; who hangs up has what it started on the node killed.
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { messageOf, TransportError } from "../model/errors.ts";
import type { ExecOptions, ExecResult } from "../model/exec.ts";
import type { Node } from "../model/node.ts";

/** What `ansible/connection/assay.py` asks, and the callback's greeting, after which lines follow. */
type Request =
  | { readonly op: "tell" }
  | (To & { readonly op: "exec"; readonly command: string })
  | (To & { readonly op: "put" | "fetch"; readonly path: string });

interface To {
  readonly host: string;
  readonly user: string;
  /** Bytes that follow the line. */
  readonly size?: number;
}

/** The way from ansible to nodes. */
export interface Passage {
  readonly socket: string;
  /** Lines that the callback told, so far. */
  readonly told: readonly string[];
  /** Hosts whose commands did not get an answer, and why. */
  readonly lost: ReadonlyMap<string, unknown>;
  /** Hosts that have no Python. */
  readonly withoutPython: ReadonlySet<string>;
  /** Hears what is still under way, then listens no more. */
  close(): Promise<void>;
}

/** A socket's address holds no more bytes. */
const longestPath = 107;

/** Opens it in a directory that only this user may enter. */
export async function openPassage(
  directory: string,
  nodes: ReadonlyMap<string, Node>,
  timeoutMs: number,
): Promise<Passage> {
  const path = join(directory, "nodes");
  if (Buffer.byteLength(path) > longestPath)
    throw new TransportError({
      code: "path-too-long",
      phase: "exec",
      seen: `${path} is too long for a socket`,
      hint: "choose a shorter directory by ASSAY_STATE",
    });
  const told: string[] = [];
  const lost = new Map<string, unknown>();
  const withoutPython = new Set<string>();
  const answer = async (
    request: Exclude<Request, { op: "tell" }>,
    content: Buffer | undefined,
    signal: AbortSignal,
  ) => {
    const { host } = request;
    const node = nodes.get(host);
    if (node === undefined) return failure(`${host} is in no group of the inventory`);
    try {
      const result = await ask(node, request, { content, signal, timeoutMs });
      if (result.status === 127 && /python3?: (command )?not found|python3'?: No such file/i.test(result.stderr))
        withoutPython.add(host);
      const { status, stdoutBytes: out, stderrBytes: err } = result;
      const head = JSON.stringify({ status, out: out.length, err: err.length });
      return Buffer.concat([Buffer.from(`${head}\n`), out, err]);
    } catch (error) {
      lost.set(host, error);
      return failure(messageOf(error));
    }
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // a worker that was killed; its request is given up below
    const over = new AbortController();
    socket.once("close", () => over.abort());
    hear(socket, {
      line: (line) => told.push(line),
      request: (request, content) =>
        void answer(request, content, over.signal).then((bytes) => {
          if (!over.signal.aborted) socket.end(bytes);
        }),
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    socket: path,
    told,
    lost,
    withoutPython,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function failure(error: string): Buffer {
  return Buffer.from(`${JSON.stringify({ error })}\n`);
}

function ask(
  node: Node,
  request: Exclude<Request, { op: "tell" }>,
  { content, ...limits }: { content: Buffer | undefined; signal: AbortSignal; timeoutMs: number },
): Promise<ExecResult> {
  // By its number where there may be no such name.
  const user = request.user === "root" ? "0" : request.user;
  const options: ExecOptions = { ...limits, user, ...(content === undefined ? {} : { stdin: content }) };
  if (request.op === "exec") return node.exec({ shell: request.command }, options);
  if (request.op === "put") return node.exec(["/bin/sh", "-c", 'cat >"$1"', "sh", request.path], options);
  return node.exec(["cat", request.path], options);
}

/** Takes a connection's first line; then what it is followed by: bytes of a request, or further lines. */
function hear(
  socket: Socket,
  to: {
    line(text: string): void;
    request(request: Exclude<Request, { op: "tell" }>, content: Buffer | undefined): void;
  },
): void {
  let rest: Buffer[] = [];
  let size = 0;
  let head: Request | undefined;
  socket.on("data", (chunk: Buffer) => {
    rest.push(chunk);
    size += chunk.length;
    while (head === undefined || head.op === "tell") {
      if (!chunk.includes(10)) return;
      const all = Buffer.concat(rest);
      const end = all.indexOf(10);
      if (end === -1) return;
      const line = all.toString("utf8", 0, end);
      rest = [all.subarray(end + 1)];
      size = all.length - end - 1;
      if (head === undefined) {
        head = requestIn(line);
        if (head === undefined) return void socket.destroy();
      } else to.line(line);
    }
    if (size < (head.size ?? 0)) return;
    to.request(head, head.size === undefined ? undefined : Buffer.concat(rest));
    socket.removeAllListeners("data").resume();
  });
}

/** `undefined` for what is no request: something else has found the socket. */
function requestIn(line: string): Request | undefined {
  try {
    return JSON.parse(line) as Request;
  } catch {
    return undefined;
  }
}
