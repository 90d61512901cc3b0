// Services tell roles where to find what they need, and who dies in a pod is started again, with what it had.

import { brokerUser, serverName } from "../../environments/pulp.ts";
import { amqp, celery, expect, file, http, logs, mongodb, state } from "../../harness/index.ts";
import { publishes } from "./messages.ts";
import { type PulpTests, webOf } from "./nodes.ts";

const worker = `reserved_resource_worker-1@${serverName}`;

export function replacement(test: PulpTests): void {
  test("services say where database and broker are", async ({ database, broker, beat, manager, worker, web }) => {
    for (const node of [beat, manager, worker, web])
      expect((await node.succeed(["env"])).split("\n")).toEqual(
        expect.arrayContaining([
          `DB_SERVICE_HOST=${database.address()}`,
          "DB_SERVICE_PORT=27017",
          `MSG_SERVICE_HOST=${broker.address()}`,
          "MSG_SERVICE_PORT=5672",
        ]),
      );
  });

  test("a worker that dies is replaced: its queues are there again, and what was asked meanwhile is done", async ({
    host,
    web,
    worker: working,
    broker,
  }) => {
    const { restarts } = await working.state();
    await working.crash();
    const reel = publishes(webOf(web), "replaced", "by the next one\n");
    await expect(host).toMeet(reel.asked);
    await expect(working).toMeet(state().hasRestarted(restarts + 1), { within: "20s" });
    await expect(broker).toMeet(amqp(brokerUser).queue(`${worker}.celery.pidbox`).exists(), {
      within: "20s",
      madeBy: working,
    });
    await expect(broker).toMeet(celery(brokerUser).worker(worker).answersPing(), { within: "20s" });
    await expect(host).toMeet(reel.served, { within: "20s" });
  });

  test("a database that dies is replaced, with its documents and its address", async ({ host, web, database }) => {
    const units = mongodb().collection("pulp_database", "units");
    const reel = publishes(webOf(web), "remembered", "on the claim\n");
    await expect(host).toMeet(reel.asked);
    await expect(database).toMeet(units.contains({ name: "remembered" }), { within: "10s" });
    const [address, { restarts }] = [database.address(), await database.state()];
    await database.crash();
    await expect(database).toMeet(state().hasRestarted(restarts + 1), { within: "20s" });
    await expect(database).toMeet(units.contains({ name: "remembered" }), { within: "20s" });
    expect(database.address()).toBe(address);
    await expect(database).toMeet(file("/var/lib/mongodb/pulp_database.sqlite").ownedBy(184, 998));
    await expect(host).toMeet(http(`${webOf(web)}/pulp/api/v2/status/`).answers(200), { within: "10s" });
  });

  test("syslog that dies is replaced, and everybody finds its new socket", async ({ host, web, syslog }) => {
    const { restarts } = await syslog.state();
    await syslog.crash();
    await expect(syslog).toMeet(state().hasRestarted(restarts + 1), { within: "20s" });
    const reel = publishes(webOf(web), "told", "to the new socket\n");
    await expect(host).toMeet(reel.asked);
    await expect(syslog).toMeet(logs().contain(/pulp: pulp\.tasks:INFO: task [\w-]+: reels\/told is published/), {
      within: "20s",
    });
  });
}
