// Decides which sentences can be said about a Celery application: its workers, what they know and consume, and whether a task is executed.
import { type Duration, durationMs } from "../model/duration.ts";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { brokerPort } from "./amqp-091.ts";
import { isNamed } from "./amqp-queues.ts";
import { type CeleryOptions, converse, replyMs } from "./celery-client.ts";
import { readActiveQueues, readRegistered } from "./celery-messages.ts";
import { type Executed, execute, type Heard, hearTask } from "./celery-task.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { requireService } from "./service-client.ts";

/** How a task is sent. */
export interface TaskOptions {
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /** Default `celery`. */
  readonly queue?: string;
  /** Sent to this exchange by the queue's name; default: to the queue itself. */
  readonly exchange?: string;
  /** How long it may take; default `"10s"`. */
  readonly within?: Duration;
}

type Replied = Readonly<Record<string, unknown>>;

/**
 * A Celery application, asked through its broker on the node (AMQP 0-9-1, JSON) as its workers are: by commands, tasks and events. The
 * node is the broker's. All that a question declares is one exclusive queue, which goes with it. A broker that could not be asked, and a
 * worker that gives no answer to what it was asked, reject; only `answersPing` takes a worker's silence for a no.
 *
 * @example await expect(broker).toMeet(celery({ user: "pulp", password }).worker("reserved_*").answersPing(), { within: "30s" });
 * @example await expect(broker).toMeet(celery({ user: "pulp", password }).executes("pulp.tasks.publish", { args: ["zoo"], queue: "celery" }));
 * @example await expect(broker).toMeet(celery({ user: "pulp", password, tls: { ca: "/etc/ssl/studio-ca.pem" } }).worker("*").answersPing());
 */
export function celery(options: CeleryOptions) {
  const port = brokerPort(options);
  requireService(port, options.password, options.tls);
  const subject = port === brokerPort({ tls: options.tls }) ? "celery" : `celery on port ${port}`;
  return {
    /** A worker by its whole name, `celery@host`; `*` stands for any characters, and then the first to answer counts. */
    worker: (name: string) => workerOf(options, subject, name),
    /** Sends the task, each time that it is asked, and is met when it succeeded; tells the traceback when it failed. */
    executes(
      task: string,
      { args = [], kwargs = {}, queue = "celery", exchange = "", within = "10s" }: TaskOptions = {},
    ) {
      requireSubject(task !== "", "no task was named", 'write its whole name, as in "pulp.tasks.publish"');
      const withinMs = durationMs(within);
      return about<Node, Executed>({
        subject,
        command: `celery call ${task} --args=${JSON.stringify(args)} --queue=${queue}`,
        async observe(node) {
          const executed = await converse(node, options, (talk) =>
            execute(talk, { task, args, kwargs, exchange, key: queue, withinMs }),
          );
          if (executed.state === "untold") throw silent(`what came of ${task}`, executed.seen);
          return executed;
        },
      })(`executes ${sayWord(task)}`, (seen) => verdict(seen.state === "succeeded", "task-succeeded", seen.seen));
    },
    /**
     * Tasks are sent while the question waits, which is what a beat is for. Whoever sends one counts: name a task that only the beat
     * sends. `within`: how long it waits; default `"15s"`.
     */
    beats({ task, within = "15s" }: { readonly task?: string; readonly within?: Duration } = {}) {
      const withinMs = durationMs(within);
      return about<Node, Heard>({
        subject,
        command: "celery events --dump",
        async observe(node) {
          const heard = await converse(node, options, (talk) => hearTask(talk, task, withinMs));
          if (heard.fired === undefined && heard.workers.length === 0)
            throw silent("whether tasks are sent", `no event in ${withinMs / 1000} s, and no worker answers commands`);
          return heard;
        },
      })(`beats${task === undefined ? "" : ` ${sayWord(task)}`}`, ({ fired, others }) =>
        verdict(
          fired !== undefined,
          task === undefined ? "a task that is sent" : `${task} is sent`,
          fired === undefined
            ? `not in ${withinMs / 1000} s; heard: ${others.join(", ") || "nothing"}`
            : `${fired.type} ${fired.name ?? ""}`,
        ),
      );
    },
  };
}

function silent(what: string, seen: string): ObservationError {
  return new ObservationError({
    code: "worker-silent",
    phase: "observe",
    seen: `${what} cannot be seen: ${seen}`,
    hint: `see the workers' logs, or wait for them: toMeet(…, { within: "20s" })`,
  });
}

function workerOf(options: CeleryOptions, subject: string, name: string) {
  requireSubject(
    name !== "",
    "no worker was named",
    'write its name, as in "celery@host"; * stands for any characters',
  );
  const several = name.includes("*");
  /** Replies to a command, until a worker of that name replied. */
  const replied = (method: string) => (node: Node) =>
    converse(node, options, async (talk) => {
      const replies = await talk.command(method, {}, several ? undefined : [name]);
      return replies.until((all) => Object.keys(all).some((worker) => isNamed(name, worker)));
    });
  const told = (method: string, read: (answer: unknown) => readonly string[] | undefined) => async (node: Node) => {
    const all = await replied(method)(node);
    const [worker, answer] = Object.entries(all).find(([each]) => isNamed(name, each)) ?? [];
    if (worker === undefined) throw silent(`worker ${name}`, sayOthers(all));
    const list = read(answer);
    if (list === undefined)
      throw silent(`worker ${name}`, `it answers ${JSON.stringify(answer)?.slice(0, 200)} to ${method}`);
    return list;
  };
  const words = `${subject}: worker ${sayWord(name)}`;
  const inspect = (what: string) => `celery inspect ${what}${several ? "" : ` -d ${name}`}`;
  const say = (seen: readonly string[]) => seen.join(", ") || "none";
  const listed = (method: string, read: (answer: unknown) => readonly string[] | undefined) =>
    about<Node, readonly string[]>({ subject: words, command: inspect(method), observe: told(method, read) });
  return {
    /** Within 5 s. */
    answersPing: () =>
      about<Node, Replied>({ subject: words, command: inspect("ping"), observe: replied("ping") })(
        "answers ping",
        (seen) =>
          verdict(
            Object.keys(seen).some((worker) => isNamed(name, worker)),
            "pong",
            sayOthers(seen),
          ),
      ),
    /** Has it registered under this name. */
    hasTask: (task: string) =>
      listed("registered", readRegistered)(`has task ${sayWord(task)}`, (seen) =>
        verdict(seen.includes(task), task, say(seen)),
      ),
    /** Takes tasks from it now. */
    consumes: (queue: string) =>
      listed("active_queues", readActiveQueues)(`consumes ${sayWord(queue)}`, (seen) =>
        verdict(
          seen.some((each) => isNamed(queue, each)),
          queue,
          say(seen),
        ),
      ),
  };
}

const sayOthers = (seen: Replied) =>
  Object.keys(seen).length === 0
    ? `no worker answered in ${replyMs / 1000} s`
    : `${Object.keys(seen).sort().join(", ")} answered`;
