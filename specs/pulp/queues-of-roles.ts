// Queues: who makes which, which of them go with who reads them, and what a broker that is restarted has kept.
import { brokerUser, serverName } from "../../environments/pulp.ts";
import { all, amqp, celery, expect, http, logs, not } from "../../harness/index.ts";
import { publishes } from "./messages.ts";
import { type PulpTests, webOf } from "./nodes.ts";

const manager = `resource_manager@${serverName}`;
const worker = `reserved_resource_worker-1@${serverName}`;
const { queue, queues } = amqp(brokerUser);
/** Of the beat, which hears the workers by it. */
const heard = queue("celeryev.*");
const soon = { within: "20s" } as const;

export function queuesOfRoles(test: PulpTests): void {
  test("each role has the queues that are its own, kept or not as they should be", async ({ broker }) => {
    await expect(broker).toMeet(
      all(
        ...["celery", "resource_manager"].flatMap((name) => [
          queue(name).isDurable(),
          not(queue(name).isAutoDelete()),
          queue(name).hasConsumers(1),
        ]),
        ...[manager, worker].flatMap((name) => [
          queue(`${name}.dq`).isAutoDelete(),
          queue(`${name}.celery.pidbox`).isAutoDelete(),
        ]),
        heard.isAutoDelete(),
      ),
      soon,
    );
  });

  test("workers answer, know their tasks, take them from their queues and do them; the beat sends some", async ({
    broker,
  }) => {
    const app = celery(brokerUser);
    await expect(broker).toMeet(
      all(
        app.worker(worker).answersPing(),
        app.worker(worker).hasTask("pulp_standin.tasks.publish"),
        app.worker(worker).consumes("celery"),
        not(app.worker(worker).consumes("resource_manager")),
        app.worker(manager).consumes("resource_manager"),
        not(app.worker("reserved_resource_worker-2@*").answersPing()),
      ),
      soon,
    );
    await expect(broker).toMeet(app.executes("pulp_standin.tasks.note_beat"));
    await expect(broker).toMeet(app.beats({ task: "pulp_standin.tasks.note_beat" }));
  });

  test("queues of a role that stops go with it, those of tasks stay; they come with it again", async ({
    broker,
    beat,
    manager: managing,
    worker: working,
  }) => {
    expect((await working.stop()).status).toBe(0);
    await expect(broker).toMeet(not(queue(`${worker}.dq`).exists()), soon);
    await expect(broker).toMeet(
      all(not(queue(`${worker}.celery.pidbox`).exists()), queue("celery").exists(), queue(`${manager}.dq`).exists()),
    );
    expect((await managing.stop()).status).toBe(0);
    expect((await beat.stop()).status).toBe(0);
    await expect(broker).toMeet(queues().areOnly(["celery", "resource_manager"]), soon);
    await beat.start();
    await expect(broker).toMeet(heard.exists(), { ...soon, madeBy: beat });
    await expect(broker).toMeet(not(queue(`${manager}.dq`).exists()));
    await managing.start();
    await expect(broker).toMeet(all(queue(`${manager}.dq`).exists(), queue(`${manager}.celery.pidbox`).exists()), {
      ...soon,
      madeBy: managing,
    });
    await expect(broker).toMeet(not(queue(`${worker}.dq`).exists()));
    await working.start();
    await expect(broker).toMeet(all(queue(`${worker}.dq`).exists(), queue(`${worker}.celery.pidbox`).exists()), {
      ...soon,
      madeBy: working,
    });
  });

  test("a broker that is restarted has kept what nobody has done yet, and everybody comes back to it", async ({
    broker,
    beat,
    worker: working,
    web,
    host,
  }) => {
    const base = webOf(web);
    await working.stop();
    const reel = publishes(base, "kept", "kept by the broker\n");
    try {
      await expect(host).toMeet(reel.asked);
      // The manager has handed it on; what the beat sends meanwhile waits there as well.
      await expect(broker).toMeet(not(queue("celery").hasDepth(0)), soon);
      await expect(broker).toMeet(queue("resource_manager").hasDepth(0), soon);
      await broker.restart();
      await expect(host).not.toMeet(reel.served);
      await expect(broker).toMeet(
        all(
          queue(`${manager}.celery.pidbox`).exists(),
          queue(`${manager}.dq`).exists(),
          queue("resource_manager").hasConsumers(1),
          heard.exists(),
        ),
        { within: "60s" },
      );
      await expect(beat).toMeet(logs().contain("the workers are not heard"));
    } finally {
      await working.start();
    }
    await expect(host).toMeet(reel.served, soon);
  });

  test("without a broker the web server says so, and serves what there is", async ({ broker, web, host }) => {
    const base = webOf(web);
    const before = publishes(base, "before", "there before\n");
    await expect(host).toMeet(before.asked);
    await expect(host).toMeet(before.served, soon);
    await broker.stop();
    const during = http(`${base}/pulp/api/v2/repositories/reels/units/during/`, {
      method: "POST",
      body: "x",
      timeout: "30s",
    });
    await expect(host).toMeet(all(during.answers(503)));
    await expect(host).toMeet(before.served);
    await broker.start();
    const after = publishes(base, "after", "there again\n");
    await expect(host).toMeet(after.asked, { within: "30s" });
    await expect(host).toMeet(after.served, { within: "60s" });
  });
}
