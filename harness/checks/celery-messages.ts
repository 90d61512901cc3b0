// Decides what Celery's messages look like: commands to workers and their replies, tasks (protocol 2) and what came of them, events. Pure
// functions. Refuses bodies that are not Celery's JSON.
// Source: https://docs.celeryq.dev/en/stable/internals/protocol.html and …/userguide/monitoring.html#event-reference
import { ObservationError } from "../model/errors.ts";

/** A body that a worker sent cannot be read (code `probe-unreadable`). */
function unreadableBody(what: string, body: Buffer): ObservationError {
  return new ObservationError({
    code: "probe-unreadable",
    phase: "observe",
    seen: `${what} cannot be read: ${JSON.stringify(body.toString("utf8", 0, 200))}`,
    hint: "workers have to write JSON: accept_content and result_serializer of the application",
  });
}

function json(what: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw unreadableBody(what, body);
  }
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A command to all workers, or to those that are named; they answer to a queue of ours. @see kombu.pidbox */
export function commandBody(
  method: string,
  parameters: Fields,
  replyTo: string,
  ticket: string,
  workers?: readonly string[],
): Buffer {
  return Buffer.from(
    JSON.stringify({
      method,
      arguments: parameters,
      destination: workers ?? null,
      pattern: null,
      matcher: null,
      ticket,
      // The default exchange: a worker need not declare one for it.
      reply_to: { exchange: "", routing_key: replyTo },
    }),
  );
}

/** What workers answered, by their names. */
export function readReply(body: Buffer): Readonly<Record<string, unknown>> {
  const reply = json("a worker's reply", body);
  if (!isFields(reply)) throw unreadableBody("a worker's reply", body);
  return reply;
}

/** Something that a worker, or who sends tasks, tells. */
export interface CeleryEvent {
  /** `task-succeeded`, `worker-heartbeat`, … */
  readonly type: string;
  /** The worker's name. */
  readonly by: string;
  readonly task?: string;
  /** The task's name; only some events have it. */
  readonly name?: string;
  readonly exception?: string;
  readonly traceback?: string;
}

/** Events come alone or several at once. */
export function readEvents(body: Buffer): readonly CeleryEvent[] {
  const told = json("an event", body);
  return (Array.isArray(told) ? told : [told]).map((each: unknown) => {
    if (!isFields(each) || typeof each["type"] !== "string") throw unreadableBody("an event", body);
    const text = (key: string) => (typeof each[key] === "string" ? (each[key] as string) : undefined);
    const { uuid, name, exception, traceback } = Object.fromEntries(
      ["uuid", "name", "exception", "traceback"].map((key) => [key, text(key)]),
    );
    return {
      type: each["type"],
      by: text("hostname") ?? "somebody",
      ...(uuid === undefined ? {} : { task: uuid }),
      ...(name === undefined ? {} : { name }),
      ...(exception === undefined ? {} : { exception }),
      ...(traceback === undefined ? {} : { traceback }),
    };
  });
}

export interface TaskCall {
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Fields;
}

/** Headers and body of a task as protocol 2 has it. */
export function taskMessage({ id, task, args, kwargs }: TaskCall): { readonly headers: Fields; readonly body: Buffer } {
  return {
    headers: {
      lang: "py",
      task,
      id,
      root_id: id,
      parent_id: null,
      group: null,
      shadow: null,
      eta: null,
      expires: null,
      retries: 0,
      timelimit: [null, null],
      argsrepr: JSON.stringify(args),
      kwargsrepr: JSON.stringify(kwargs),
      origin: "assay",
      ignore_result: false,
    },
    body: Buffer.from(JSON.stringify([args, kwargs, { callbacks: null, errbacks: null, chain: null, chord: null }])),
  };
}

/** What came of a task, as the backend `rpc://` sends it back. */
export interface TaskResult {
  readonly status: string;
  readonly traceback?: string;
}

export function readResult(body: Buffer): TaskResult {
  const result = json("a task's result", body);
  if (!isFields(result) || typeof result["status"] !== "string") throw unreadableBody("a task's result", body);
  const { status, traceback } = result;
  return { status, ...(typeof traceback === "string" ? { traceback } : {}) };
}

/** Queues that a worker answered to `active_queues`. @example readActiveQueues([{ name: "celery" }]) // ["celery"] */
export function readActiveQueues(answer: unknown): readonly string[] | undefined {
  if (!Array.isArray(answer)) return undefined;
  return answer.map((each) => (isFields(each) ? String(each["name"]) : String(each)));
}

/** Names of tasks that a worker answered to `registered`, without what it adds of their options. */
export function readRegistered(answer: unknown): readonly string[] | undefined {
  if (!Array.isArray(answer)) return undefined;
  return answer.map((each) => String(each).split(" ")[0] ?? "");
}

/** The last lines of a traceback: the exception and where it was raised. */
export function sayTraceback(text: string): string {
  return (
    text
      .trim()
      .split("\n")
      .map((line) => line.trim())
      // Python points at what it means.
      .filter((line) => !/^[~^]+$/.test(line))
      .slice(-3)
      .join(" | ")
  );
}
