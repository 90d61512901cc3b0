// Decides what came of a task, and whether tasks are sent at all, by what workers tell: results of the backend `rpc://` and events. Events
// of tasks are turned on while the question is asked, as `celery events` does, and off again where they were off.
import { randomUUID } from "node:crypto";
import type { Conversation } from "./celery-client.ts";
import { type CeleryEvent, sayTraceback } from "./celery-messages.ts";

/** How a task ended, or how far it came. */
export type Executed =
  | { readonly state: "succeeded"; readonly seen: string }
  | { readonly state: "failed"; readonly seen: string }
  /** Nobody tells: it may have been executed. */
  | { readonly state: "untold"; readonly seen: string };

export interface Execution {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly exchange: string;
  readonly key: string;
  readonly withinMs: number;
}

/** Sends a task and waits for what workers tell of it. */
export async function execute(talk: Conversation, execution: Execution): Promise<Executed> {
  const { task, args, kwargs, exchange, key, withinMs } = execution;
  const id = randomUUID();
  const trace: string[] = [];
  const { promise, resolve } = Promise.withResolvers<Executed>();
  const listening = await listen(talk, (event) => {
    if (event.task !== id) return;
    trace.push(`${event.type} by ${event.by}`);
    const ended = endOf(event);
    if (ended !== undefined) resolve(ended);
  });
  try {
    void talk.result(id).then(({ status, traceback }) =>
      resolve({
        state: status === "SUCCESS" ? "succeeded" : "failed",
        seen: traceback === undefined ? status : `${status}: ${sayTraceback(traceback)}`,
      }),
    );
    const routed = await talk.send({ id, task, args, kwargs }, { exchange, key }, withinMs);
    if (!routed)
      return {
        state: "failed",
        seen: `the broker has no queue for it: it was sent to ${exchange || "the default exchange"} by ${key}`,
      };
    const late = setTimeout(() => resolve(tooLate(trace, listening.workers(), withinMs)), withinMs);
    const ended = await promise;
    clearTimeout(late);
    return ended;
  } finally {
    await listening.stop();
  }
}

function endOf({ type, by, exception, traceback }: CeleryEvent): Executed | undefined {
  if (type === "task-succeeded") return { state: "succeeded", seen: `succeeded on ${by}` };
  if (type === "task-failed")
    return {
      state: "failed",
      seen: `failed on ${by}: ${traceback === undefined ? exception : sayTraceback(traceback)}`,
    };
  if (type === "task-rejected" || type === "task-revoked")
    return { state: "failed", seen: `${type.replace("task-", "")} by ${by}` };
  return undefined;
}

function tooLate(trace: readonly string[], workers: readonly string[], withinMs: number): Executed {
  const after = `${withinMs / 1000} s`;
  if (trace.length > 0) return { state: "failed", seen: `not done after ${after}: ${trace.join(", ")}` };
  // Those that are there tell of what they have done.
  if (workers.length > 0)
    return { state: "failed", seen: `no worker has told of it after ${after}; there are ${workers.join(", ")}` };
  return { state: "untold", seen: `it was sent, and after ${after} nobody had told of it; no worker answers commands` };
}

interface Listening {
  /** Those that answered that they tell of their tasks. */
  workers(): readonly string[];
  stop(): Promise<void>;
}

/** Events of tasks from now on. */
async function listen(talk: Conversation, heard: (event: CeleryEvent) => void): Promise<Listening> {
  await talk.hear(heard);
  const turnedOn = await talk.command("enable_events", {});
  await turnedOn.until((all) => Object.keys(all).length > 0);
  return {
    workers: () => Object.keys(turnedOn.all).sort(),
    async stop() {
      const ours = Object.entries(turnedOn.all)
        .filter(([, reply]) => (reply as { ok?: unknown } | null)?.ok === "task events enabled")
        .map(([worker]) => worker);
      if (ours.length > 0)
        await (await talk.command("disable_events", {}, ours)).until((all) => Object.keys(all).length === ours.length);
    },
  };
}

/** What was heard of tasks that somebody sends. */
export interface Heard {
  readonly fired: CeleryEvent | undefined;
  /** Types of events and names of tasks meanwhile. */
  readonly others: readonly string[];
  readonly workers: readonly string[];
}

/** Waits until a task of this name, any where none is named, is sent or received. */
export async function hearTask(talk: Conversation, task: string | undefined, withinMs: number): Promise<Heard> {
  const others = new Set<string>();
  const { promise, resolve } = Promise.withResolvers<CeleryEvent | undefined>();
  const listening = await listen(talk, (event) => {
    const { type, name } = event;
    if ((type === "task-sent" || type === "task-received") && (task === undefined || name === task)) resolve(event);
    else others.add(name ?? type);
  });
  try {
    const late = setTimeout(() => resolve(undefined), withinMs);
    const fired = await promise;
    clearTimeout(late);
    return { fired, others: [...others], workers: listening.workers() };
  } finally {
    await listening.stop();
  }
}
