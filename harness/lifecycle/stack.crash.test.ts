// Decides that a stack of services leaves nothing when it is killed half way through its start-up: before the database is there, while
// who migrates it starts, while all are up and are asked.
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulpRabbitmq } from "../../environments/pulp.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { Store } from "../store/store.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";

const { engineHosts, scratch, store: directory } = readConfig();
let driver: DockerDriver;

beforeAll(async () => {
  driver = await openDockerDriver({ dockerHost: engineHosts.docker, scratch });
  const store = new Store({ directory, environment: proxies() });
  // Built before, so that the runs are killed while they start and not while they build.
  for (const { image } of Object.values(pulpRabbitmq.nodes)) {
    if (typeof image !== "object" || !("kind" in image)) continue;
    await driver.load((await store.build(image, { source: driver.images })).image);
  }
}, 600_000);
afterAll(() => driver.close());

const stageOf = () => new RunStage({ env: process.env, subject: "stack.subject", drivers: [driver] });

test("a stack that nobody kills is met, and leaves nothing", async () => {
  using stage = stageOf();
  const { code, output } = await stage.start().ended;
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("0 leaked") });
  expect(await stage.left()).toEqual(nothing);
});

test("assay up ends when the stack stands, though who asked its services is still connected; it is taken down whole", async () => {
  using stage = stageOf();
  expect(await stage.assay(["up", pulpRabbitmq.name])).toMatchObject({
    code: 0,
    output: expect.stringContaining(`assay shell ${pulpRabbitmq.name}/web`),
  });
  expect(await stage.assay(["down", pulpRabbitmq.name])).toMatchObject({ code: 0 });
  expect(await stage.left()).toEqual(nothing);
});

test.each(["worker:3", "worker:9", "worker:15"])(
  "the supervisor killed at %s: its reaper leaves nothing",
  async (step) => {
    using stage = stageOf();
    expect(await stage.start(`kill:supervisor@${step}`).ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await stage.left()).toEqual(nothing);
  },
);

test.each(["worker:11", "worker:19"])("all of it killed at %s: gc leaves nothing", async (step) => {
  using stage = stageOf();
  await stage.start(`kill:group+reaper@${step}`).ended;
  expect(await stage.left()).not.toEqual(nothing);
  expect(await stage.gc()).toMatchObject({ code: 0 });
  expect(await stage.left()).toEqual(nothing);
});
