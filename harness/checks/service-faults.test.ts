// Decides that no check on a service turns "I could not ask" into an answer: each is asked where nobody listens, where another protocol is
// spoken, where nothing is said, and of a node that is gone. Only sentences about reachability may say no, and only where nobody listens.
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { messageOf, ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { redact, secret } from "../model/secret.ts";
import { amqp } from "./amqp.ts";
import { celery } from "./celery.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";

const password = secret("faults' password", "correct-horse");
const user = "ops";

interface Sentences {
  readonly answers?: Check<Node>;
  readonly accepts?: Check<Node>;
  readonly others: readonly Check<Node>[];
}

const services: Readonly<Record<string, (port: number) => Sentences>> = {
  amqp(port) {
    const said = amqp({ port, user, password, management: { port } });
    const queue = said.queue("celery");
    return {
      answers: said.answers(),
      accepts: said.accepts(),
      others: [
        queue.exists(),
        queue.isDurable(),
        queue.isAutoDelete(),
        queue.isExclusive(),
        queue.hasDepth(0),
        queue.hasConsumers(0),
        queue.isBoundTo("a"),
        said.queues().include(["celery"]),
        said.queues().areOnly([]),
        said.carries("celery"),
      ],
    };
  },
  celery(port) {
    const said = celery({ port, user, password });
    const worker = said.worker("celery@*");
    return {
      others: [worker.answersPing(), worker.hasTask("a"), worker.consumes("a"), said.executes("a"), said.beats()],
    };
  },
  postgres(port) {
    const said = postgres({ port, user, password });
    return {
      answers: said.answers(),
      accepts: said.accepts(),
      others: [
        said.hasVersion(">=1"),
        said.database("a").exists(),
        said.role("a").isSuperuser(),
        said.table("a").hasRows(0),
        said.table("a").exists(),
        said.extension("a").isInstalled(),
        said.setting("a").is(""),
        said.query("SELECT 1").gives([]),
      ],
    };
  },
  redis(port) {
    const said = redis({ port, password });
    return {
      answers: said.answers(),
      accepts: said.accepts(),
      others: [
        said.hasVersion(">=1"),
        said.hasRole("slave"),
        said.key("a").exists(),
        said.key("a").is(""),
        said.key("a").expires(),
        said.config("a").is(""),
        said.dbSize(0),
      ],
    };
  },
};

const host = hostNode();
const open: (Server | ReturnType<typeof createHttpServer>)[] = [];
const sockets = new Set<Socket>();
async function listen(server: Server | ReturnType<typeof createHttpServer>): Promise<number> {
  open.push(server);
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

let http: number;
let hangsUp: number;
let nobody: number;
beforeAll(async () => {
  http = await listen(createHttpServer((_, response) => response.end("hello")));
  hangsUp = await listen(
    createServer((socket) => socket.on("error", () => undefined).once("data", () => socket.end())),
  );
  const gone = createServer();
  nobody = await listen(gone);
  await new Promise((resolve) => gone.close(resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of open) server.close();
  await host.close();
});

async function rejection(check: Check<Node>, node: Node = host): Promise<Error> {
  const answered = await check.observe(node).then(
    (seen) => ({ seen }),
    (error: Error) => error,
  );
  if (!(answered instanceof Error)) throw new Error(`"${check.title}" answered ${JSON.stringify(answered.seen)}`);
  return answered;
}

describe.each(Object.entries(services))("%s", (_, sentences) => {
  test("where nobody listens it does not answer, and lets nobody in; nothing else is said", async () => {
    const { answers, accepts, others } = sentences(nobody);
    for (const check of [answers, accepts].filter((each) => each !== undefined)) {
      const judgement = check.judge(await check.observe(host));
      expect(judgement).toMatchObject({ met: false, seen: expect.stringContaining(String(nobody)) });
    }
    for (const check of others) {
      const error = await rejection(check);
      expect(error, check.title).toBeInstanceOf(ObservationError);
      expect(error, check.title).toMatchObject({ code: "service-unreachable", node: "host", hint: expect.any(String) });
    }
  });

  test("a server of another protocol is told as such, with what it said", async () => {
    const { answers, accepts, others } = sentences(http);
    for (const check of [answers, accepts, ...others].filter((each) => each !== undefined)) {
      const error = await rejection(check);
      expect(error, check.title).toMatchObject({
        code: "other-protocol",
        seen: expect.stringContaining(`port ${http} is no`),
      });
    }
  });

  test("a server that ends the connection has not answered", async () => {
    const { answers, accepts, others } = sentences(hangsUp);
    for (const check of [answers, accepts, ...others].filter((each) => each !== undefined))
      expect(await rejection(check), check.title).toMatchObject({
        code: expect.stringMatching(/^(other-protocol|service-unreachable)$/),
      });
  });

  test("of a node that is gone nothing is said", async () => {
    const gone = hostNode();
    await gone.close();
    const { answers, accepts, others } = sentences(nobody);
    for (const check of [answers, accepts, ...others].filter((each) => each !== undefined))
      expect(await rejection(check, gone), check.title).toMatchObject({ outcome: "errored" });
  });

  test("a password is in no title, no command and no message", async () => {
    for (const port of [nobody, http]) {
      const { answers, accepts, others } = sentences(port);
      for (const check of [answers, accepts, ...others].filter((each) => each !== undefined)) {
        const message = await check.observe(host).then(
          (seen) => JSON.stringify([seen, check.judge(seen)]),
          (error: unknown) => `${messageOf(error)} ${JSON.stringify(error)} ${messageOf((error as Error).cause)}`,
        );
        const said = `${check.title} ${check.command} ${message}`;
        expect(redact(said)).toBe(said);
        expect(said).not.toContain("correct-horse");
      }
    }
  });
});

test("what cannot be asked is refused where it is written", () => {
  for (const bad of [
    () => amqp({ port: 0 }),
    () => redis({ port: 70_000 }),
    () => postgres({ user: "" }),
    () => redis({ database: -1 }),
    () => amqp({ user, password: "correct-horse" as never }),
    () => celery({ user, password: "correct-horse" as never }),
    () => amqp().queue(""),
    () => amqp().queues().include([]),
    () => postgres({ user }).table("a.b.c"),
    () => postgres({ user }).hasVersion("fifteen"),
    () => celery({ user }).worker(""),
  ])
    expect(bad).toThrow(
      expect.objectContaining({ code: "bad-subject", at: expect.stringContaining("service-faults.test.ts") }),
    );
});
