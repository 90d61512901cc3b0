// Decides that `assay up`, killed at any commit of its ledger, leaves nothing or an environment that is up: known, whole, and taken down
// by `assay down`.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";

const name = "docker-soe";
let driver: DockerDriver;
beforeAll(async () => {
  const { dockerHost, scratch, engine } = readConfig();
  driver = await openDockerDriver({ dockerHost, scratch, engine });
});
afterAll(() => driver.close());
const stageOf = () => new RunStage({ env: process.env, subject: "", drivers: [driver] });

// The claim on its name; its container's intent and life.
const child = Array.from({ length: 3 }, (_, n) => `worker:${n + 1}`);
// The run, its reaper and its child; what gc forgets; the lease; that nothing more is made. Their order is not always the same.
const supervisor = Array.from({ length: 5 }, (_, n) => `supervisor:${n + 2}`);

describe("assay up", () => {
  test.concurrent.each([...child, ...supervisor])("all of it killed at %s", async (step) => {
    using stage = stageOf();
    const { signal, output } = await stage.assay(["up", name], `kill:group@${step}`);
    expect(signal, output).toBe("SIGKILL");
    const said = await stage.reaped();
    const [run = ""] = stage.runs();
    using ledger = stage.ledger();
    if (ledger.run(run)?.lease === undefined) {
      expect(said).toContain(", 0 left");
      expect(await stage.left()).toEqual(nothing);
      return;
    }
    expect(said).toContain("it is kept");
    expect((await stage.left()).found).toEqual([`assay-${run}-up-${name}-soe`]);
    expect(await stage.gc()).toMatchObject({ code: 0, output: expect.stringContaining(`left alone: run ${run}`) });
    const again = await stage.assay(["up", name]);
    expect(again, again.output).toMatchObject({
      code: 0,
      output: expect.stringContaining(`as it is declared: run ${run}`),
    });
    expect(await stage.assay(["down", name])).toMatchObject({ code: 0 });
    expect(await stage.left()).toEqual(nothing);
  });

  test.concurrent.each(child.slice(1))(
    "its child killed at %s: nothing is left, and it could not be asked",
    async (step) => {
      using stage = stageOf();
      const { code, output } = await stage.assay(["up", name], `kill:vitest@${step}`);
      expect({ code, output }).toMatchObject({ code: 3, output: expect.stringContaining("nothing is left of it") });
      expect(await stage.left()).toEqual(nothing);
    },
  );

  test.concurrent.each([`worker:${child.length + 1}`, `supervisor:${supervisor.length + 2}`])(
    "there is no %s: those were all",
    async (step) => {
      using stage = stageOf();
      const { code, output } = await stage.assay(["up", name], `kill:group@${step}`);
      expect(code, output).toBe(0);
      expect(await stage.assay(["down", name])).toMatchObject({ code: 0 });
      expect(await stage.left()).toEqual(nothing);
    },
  );

  test.concurrent("two at once: one stands it up, the other is told so or finds it up", async () => {
    using stage = stageOf();
    const both = await Promise.all([stage.assay(["up", name]), stage.assay(["up", name])]);
    const codes = both.map(({ code }) => code).sort();
    expect(
      [
        [0, 0],
        [0, 3],
      ],
      both.map(({ output }) => output).join("\n"),
    ).toContainEqual(codes);
    expect((await stage.left()).found).toHaveLength(1);
    expect(await stage.assay(["down", name])).toMatchObject({ code: 0 });
    expect(await stage.left()).toEqual(nothing);
  });
});
