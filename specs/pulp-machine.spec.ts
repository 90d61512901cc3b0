// The stack on a machine, clean for each test: what one changes in files, in a broker's memory, in processes and in what they know of each
// other is gone for the next, which begins where the stack was first ready.

import { brokerUser } from "../environments/pulp.ts";
import { pulpMachine } from "../environments/pulp-machine.ts";
import { all, amqp, expect, file, http, mongodb, not, shell, testIn } from "../harness/index.ts";

const test = testIn(pulpMachine, { isolation: "test" });

const unit = "http://127.0.0.1/pulp/api/v2/repositories/reels/units/dirt/";
const broker = amqp(brokerUser);
const path = "/var/lib/pulp/content/reels/dirt";
const within = { within: "2m" } as const;
const units = mongodb().collection("pulp_database", "units");

for (const [turn, name] of ["first", "second"].entries())
  test(`the ${name} test finds the stack as it was ready, works with it and leaves it changed`, async ({
    database,
    broker: queues,
    beat,
    worker,
    web,
  }) => {
    // As it was ready.
    await expect(web).toMeet(http("http://127.0.0.1/pub/reels/dirt").answers(404));
    await expect(worker).toMeet(all(not(file(path).exists()), not(file("/dev/shm/dirt").exists())));
    await expect(database).toMeet(units.hasCount(0));
    await expect(queues).toMeet(all(broker.queue("celery").hasConsumers(1), not(broker.queue("dirt").exists())));
    expect((await beat.state()).status).toBe("running");
    // It works: a request becomes a task, that a file which is served.
    await expect(web).toMeet(http(unit, { method: "POST", body: `dirt ${turn}`, timeout: "1m" }).answers(202));
    await expect(web).toMeet(http("http://127.0.0.1/pub/reels/dirt").bodyContains(`dirt ${turn}`), within);
    await expect(database).toMeet(units.hasCount(1), within);
    // And is left changed, in memory too, and with a part that is gone.
    await worker.succeed(["touch", "/dev/shm/dirt"]);
    await queues.succeed(
      shell(
        'rabbitmqctl --quiet eval \'rabbit_amqqueue:declare({resource,<<"/">>,queue,<<"dirt">>}, false, false, [], none, <<"dirt">>).\'',
      ),
      { timeoutMs: 300_000 },
    );
    await expect(queues).toMeet(broker.queue("dirt").exists());
    await beat.kill();
    await expect(worker).toMeet(file(path).exists());
  });
