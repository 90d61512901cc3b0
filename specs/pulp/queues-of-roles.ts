// Queues: who makes which, which of them go with who reads them, and what a broker that is restarted has kept.
import { type BrokerName, serverName } from "../../environments/pulp.ts";
import { all, expect, http, logs, not } from "../../harness/index.ts";
import { publishes } from "./messages.ts";
import { type PulpTests, webOf } from "./nodes.ts";
import { queuesOf } from "./queues.ts";

const manager = `resource_manager@${serverName}`;
const worker = `reserved_resource_worker-1@${serverName}`;
/** Of the beat, which hears the workers by it. */
const heard = /celeryev\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const soon = { within: "20s" } as const;

export function queuesOfRoles(test: PulpTests, which: BrokerName): void {
  const queues = queuesOf(which);
  const { queue } = queues;

  test("each role has the queues that are its own, kept or not as they should be", async ({ broker }) => {
    await expect(broker).toMeet(
      all(
        queue("celery").staysAlways(),
        queue("resource_manager").staysAlways(),
        queue(`${manager}.dq`).goesWithReader(),
        queue(`${worker}.dq`).goesWithReader(),
        queue(`${manager}.celery.pidbox`).goesWithReader(),
        queue(`${worker}.celery.pidbox`).goesWithReader(),
        queues.haveOneLike(heard),
      ),
      soon,
    );
    // A management's numbers may be some seconds old.
    await expect(broker).toMeet(all(queue("celery").hasReaders(1), queue("resource_manager").hasReaders(1)), soon);
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
    await expect(broker).toMeet(queues.areExactly("celery", "resource_manager"), soon);
    await beat.start();
    await expect(broker).toMeet(queues.haveOneLike(heard), soon);
    await expect(broker).toMeet(not(queue(`${manager}.dq`).exists()));
    await managing.start();
    await expect(broker).toMeet(all(queue(`${manager}.dq`).exists(), queue(`${manager}.celery.pidbox`).exists()), soon);
    await expect(broker).toMeet(not(queue(`${worker}.dq`).exists()));
    await working.start();
    await expect(broker).toMeet(all(queue(`${worker}.dq`).exists(), queue(`${worker}.celery.pidbox`).exists()), soon);
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
      await expect(broker).toMeet(not(queue("celery").holds(0)), soon);
      await expect(broker).toMeet(queue("resource_manager").holds(0), soon);
      await broker.restart();
      await expect(host).not.toMeet(reel.served);
      await expect(broker).toMeet(
        all(
          queue(`${manager}.celery.pidbox`).exists(),
          queue(`${manager}.dq`).exists(),
          queue("resource_manager").hasReaders(1),
          queues.haveOneLike(heard),
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
