// Decides that a partition leaves no rule in the kernel: not when nobody healed it, and not when everything is killed while it stands.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { Partitions } from "../drivers/partition.ts";
import { Store } from "../store/store.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";

const partitions = new Partitions();
let driver: DockerDriver;
beforeAll(async () => {
  const config = readConfig();
  driver = await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch });
  const store = new Store({ directory: config.store, environment: proxies() });
  const { image } = await store.build(soe, { source: driver.images });
  await driver.load(image);
}, 600_000);
afterAll(() => driver.close());

const stageOf = () => new RunStage({ env: process.env, subject: "cut.subject", drivers: [driver, partitions] });

/** The network's and both containers' intent and live, then the partition's: it stands, and no node has been asked anything. */
const cut = "worker:8";

describe("a run with a partition", () => {
  test("that nobody healed: the next test finds the nodes together, and it is counted among what was made and removed", async () => {
    using stage = stageOf();
    const { code, output } = await stage.start().ended;
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining("4 created, 4 destroyed, 0 leaked"),
    });
    expect(stage.report().resources.filter(({ kind }) => kind === "partition")).toMatchObject([{ state: "gone" }]);
    expect(await stage.left()).toEqual(nothing);
  });

  test("killed with its reaper while it stands: the rules are there, and gc leaves none", async () => {
    using stage = stageOf();
    expect(await stage.start(`kill:group+reaper@${cut}`).ended).toMatchObject({ signal: "SIGKILL" });
    const [run = ""] = stage.runs();
    expect(await partitions.find(run)).toMatchObject([{ kind: "partition", environment: "cut" }]);
    expect(await stage.gc()).toMatchObject({
      code: 0,
      output: expect.stringContaining(`removed 4 resources of run ${run}`),
    });
    expect(await stage.left()).toEqual(nothing);
  });

  test("killed while it stands: its reaper leaves nothing", async () => {
    using stage = stageOf();
    expect(await stage.start(`kill:group@${cut}`).ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(": 4 removed, 0 left");
    expect(await stage.left()).toEqual(nothing);
  });
});
