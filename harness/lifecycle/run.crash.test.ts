// Decides that a run on a real engine leaves nothing when any part of it is killed at any commit of the ledger, that nobody
// else's things are touched, and that runs beside each other do not meet.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { identityOf, liveness } from "../model/identity.ts";
import { Store } from "../store/store.ts";
import { type Ended, nothing, RunStage, said } from "../vitest/run-stage.ts";

const run = promisify(execFile);
const docker = async (...words: string[]) => (await run("docker", words)).stdout.trim();
const canary = `canary-${process.pid}`;
/** Labels like ours, of a machine that nobody here can ask: not ours to remove. */
const foreign = [
  "--label",
  `dev.assay.run=${canary}`,
  "--label",
  "dev.assay.owner=elsewhere boot 1 1 1",
  "--label",
  "dev.assay.environment=e",
];

/** Whose canary it is: one that its test could not remove is removed by the next. */
const tamer = "assay-test.canary";
const tamed = ["--label", `${tamer}=${identityOf()}`];

let driver: DockerDriver;
let before: string;
beforeAll(async () => {
  const config = readConfig();
  driver = await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch });
  const store = new Store({ directory: config.store, environment: proxies() });
  const { image } = await store.build(soe, { source: driver.images });
  await driver.load(image);
  await sweep();
  await docker("network", "create", ...tamed, ...foreign, `${canary}-net`);
  await docker("volume", "create", ...tamed, ...foreign, `${canary}-vol`);
  await docker("run", "-d", ...tamed, "--name", canary, "-v", `${canary}-vol:/data`, image.tag, "sleep", "infinity");
  before = await canaries();
}, 600_000);
afterAll(async () => {
  expect(await canaries()).toBe(before);
  await docker("rm", "-f", "-v", canary);
  await docker("volume", "rm", `${canary}-vol`);
  await docker("network", "rm", `${canary}-net`);
  await driver.close();
});

/** Removes what is left of canaries whose test was killed. */
async function sweep(): Promise<void> {
  const words = (text: string) => text.split("\n").filter((line) => line !== "");
  for (const [list, inspect, remove] of [
    [
      ["ps", "-aq"],
      ["inspect", "--format", `{{index .Config.Labels "${tamer}"}}`],
      ["rm", "-f", "-v"],
    ],
    [
      ["volume", "ls", "-q"],
      ["volume", "inspect", "--format", `{{index .Labels "${tamer}"}}`],
      ["volume", "rm"],
    ],
    [
      ["network", "ls", "-q"],
      ["network", "inspect", "--format", `{{index .Labels "${tamer}"}}`],
      ["network", "rm"],
    ],
  ] as const)
    for (const id of words(await docker(...list, "--filter", `label=${tamer}`)))
      if (liveness(await docker(...inspect, id)) === "dead") await docker(...remove, id);
}

/** The canaries as the engine sees them: any touch changes an id, a start time or a creation time. */
async function canaries(): Promise<string> {
  const container = await docker("inspect", "--format", "{{.Id}} {{.State.Status}} {{.State.StartedAt}}", canary);
  const volume = await docker("volume", "inspect", "--format", "{{.CreatedAt}}", `${canary}-vol`);
  return [container, volume, await docker("network", "inspect", "--format", "{{.Id}}", `${canary}-net`)].join("\n");
}

const stageOf = () => new RunStage({ env: process.env, subject: "small.subject", drivers: [driver] });

// The worker's commits: of five resources intent, live, deleting, gone; then its claims' release.
const worker = Array.from({ length: 21 }, (_, n) => `worker:${n + 1}`);
// The supervisor's: run, reaper, child, forgetting old runs, closing, end. At the first, nothing was made.
const supervisor = Array.from({ length: 5 }, (_, n) => `supervisor:${n + 2}`);

describe("killed at every commit", () => {
  test.concurrent.each([...worker, ...supervisor])("the supervisor at %s: its reaper leaves nothing", async (step) => {
    using stage = stageOf();
    const { ended } = stage.start(`kill:supervisor@${step}`);
    expect(await ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await stage.left()).toEqual(nothing);
  });

  test.concurrent.each(worker)(
    "vitest at %s: the supervisor leaves nothing, and reports that it could not ask",
    async (step) => {
      using stage = stageOf();
      const { ended } = stage.start(`kill:vitest@${step}`);
      const { code, output } = await ended;
      expect({ code, output }).toMatchObject({ code: 3, output: expect.stringContaining("0 leaked") });
      expect(stage.report()).toMatchObject({ exitCode: 3 });
      expect(await stage.left()).toEqual(nothing);
    },
  );

  test.concurrent.each(worker)("the whole group at %s: its reaper leaves nothing", async (step) => {
    using stage = stageOf();
    const { ended } = stage.start(`kill:group@${step}`);
    expect(await ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await stage.left()).toEqual(nothing);
  });

  test.concurrent.each(worker)("the whole group and its reaper at %s: gc leaves nothing", async (step) => {
    using stage = stageOf();
    const { ended } = stage.start(`kill:group+reaper@${step}`);
    expect(await ended).toMatchObject({ signal: "SIGKILL" });
    const [id] = stage.runs();
    expect(await stage.gc()).toMatchObject({
      code: 0,
      output: expect.stringMatching(`removed \\d resources? of run ${id}`),
    });
    expect(await stage.left()).toEqual(nothing);
  });

  test.concurrent.each([`worker:${worker.length + 1}`, `supervisor:${supervisor.length + 2}`])(
    "there is no %s: those were all",
    async (step) => {
      using stage = stageOf();
      const { ended } = stage.start(`kill:group@${step}`);
      expect(await ended).toMatchObject({
        code: 0,
        output: expect.stringContaining("5 created, 5 destroyed, 0 leaked"),
      });
      expect(await stage.left()).toEqual(nothing);
    },
  );
});

describe("cancelled", () => {
  test.concurrent.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 143],
  ] as const)("by one %s, it tears down, reports and exits with %i", async (signal, code) => {
    using stage = stageOf();
    const { child, ended } = stage.start();
    await said(child, "ready");
    child.kill(signal);
    expect(await ended).toMatchObject({ code, output: expect.stringContaining("0 leaked") });
    expect(stage.report()).toMatchObject({ exitCode: code });
    expect(await stage.left()).toEqual(nothing);
  });

  test.concurrent("by two, it leaves at once and the reaper finishes", async () => {
    using stage = stageOf();
    const { child, ended } = stage.start();
    await said(child, "ready");
    // Two at once may be handed to two threads: either can be heard second, and it is the second that says the code.
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const { code, output } = await ended;
    expect([130, 143]).toContain(code);
    expect(output).not.toContain("leaked");
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await stage.left()).toEqual(nothing);
  });
});

describe("beside each other", () => {
  test.concurrent("two runs, and a gc again and again, do not meet", async () => {
    using stage = stageOf();
    const runs = [stage.start(), stage.start()];
    let going = true;
    const over = Promise.all(runs.map((each) => each.ended)).finally(() => {
      going = false;
    });
    const collections: Ended[] = [];
    while (going) collections.push(await stage.gc());
    for (const each of await over)
      expect(each).toMatchObject({ code: 0, output: expect.stringContaining("5 created, 5 destroyed, 0 leaked") });
    expect(collections.length).toBeGreaterThan(1);
    // Dead runs of the other tests may be collected here too.
    const own = stage.runs().map((id) => new RegExp(`removed .* of run ${id}`));
    expect(collections.filter(({ code, output }) => code !== 0 || own.some((each) => each.test(output)))).toEqual([]);
    expect(collections.some(({ output }) => output.includes("left alone: run"))).toBe(true);
    expect(await stage.left()).toEqual(nothing);
  });

  test.concurrent("a run takes what a killed one left, while another lives", async () => {
    using stage = stageOf();
    await stage.start("kill:group+reaper@worker:10").ended;
    const [first, second] = await Promise.all([stage.start().ended, stage.start().ended]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(await stage.left()).toEqual(nothing);
  });
});
