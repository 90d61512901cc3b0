// Decides that `assay prove` tells holes from what is checked, leaves alone what is not a clone's own, and leaves nothing when it is killed.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import type { RunEvent } from "../model/event.ts";
import type { Proof } from "../model/proof.ts";
import type { Figures } from "../prove/figures.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";

const words = ["prove", "fixtures/faults/hollow", "--project", "faults"];
let driver: DockerDriver;
beforeAll(async () => {
  const { dockerHost, scratch } = readConfig();
  driver = await openDockerDriver({ dockerHost, scratch });
});
afterAll(() => driver.close());

const stageOf = () => new RunStage({ env: process.env, subject: "none", drivers: [driver] });

/** The runs' own words. */
function eventsOf(stage: RunStage): readonly RunEvent[] {
  const run = readdirSync(stage.config.runs).find((name) => name !== "latest") ?? "";
  const lines = readFileSync(join(stage.config.runs, run, "events.ndjson"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as RunEvent);
}

test("holes, checks that cannot fail and tests that observe nothing are named, and what is shared is left alone", async () => {
  using stage = stageOf();
  const { code, output } = await stage.assay([...words, "--min", "0.9"]);
  expect(code, output).toBe(1);
  const run = readdirSync(stage.config.runs).find((name) => name !== "latest") ?? "";
  const figures = JSON.parse(readFileSync(join(stage.config.runs, run, "prove.json"), "utf8")) as Figures & {
    min: number;
  };
  expect(figures.min).toBe(0.9);
  const [proof] = figures.specs as unknown as readonly [Proof];
  const outcome = (id: string) => proof.mutants.find((each) => each.id === `box: ${id}`)?.outcome;

  // The issue is only said to be a file.
  expect(figures.survivors.map(({ id }) => id).sort()).toEqual([
    "hollow/box: allow everybody to write to /etc/issue",
    "hollow/box: another group owns /etc/issue",
    "hollow/box: another user owns /etc/issue",
  ]);
  expect(output).toMatch(
    /another user owns \/etc\/issue {2}\(hollow; nearest "file \/etc\/issue is a file", which saw no difference\)/,
  );
  expect(outcome("take /etc/issue away")).toBe("found");
  for (const id of [
    "another user owns /etc/studio/release",
    "allow everybody to write to /etc/studio/release",
    "add a line to /etc/studio/release",
    "change the values in /cache/mine",
  ])
    expect([id, outcome(id)]).toEqual([id, "found"]);
  expect(outcome("cut the mount /vfx")).toMatch(/found|errored/);

  expect(proof.alwaysTrue).toEqual([
    { test: "the issue is a file", title: "box: file /etc/issue has the mode it has", mutants: 4 },
  ]);
  const asserted = "and asserted nothing: no check, no expect";
  expect(proof.hollow).toEqual([
    { test: "nothing is asked", why: `it ran commands, ${asserted}` },
    { test: "a command succeeds", why: `it ran commands, ${asserted}` },
    { test: "one is one", why: "it asked nothing of any node" },
  ]);
  expect(output).toContain("hollow > one is one: it asked nothing of any node");

  const refused = new Map(proof.refused.map(({ id, why }) => [id, why]));
  expect(refused.get("box: empty /vfx/bound")).toBe("it lies on /vfx, which is not the node's alone");
  expect(refused.get("box: take /films/reel away")).toBe("it lies on /films, which is not the node's alone");
  expect(refused.get("box: empty /etc/through")).toBe("it lies on /vfx, which is not the node's alone");
  expect(refused.get("box: take /cache/mine away")).toBe("the tests themselves make it what it was");
  expect([...refused].filter(([id]) => id.startsWith("host: ")).map(([, why]) => why)).toContain(
    "this machine is never changed",
  );
  expect(await stage.left()).toEqual(nothing);
}, 240_000);

test("tests that observe nothing are named where no change could be made, and are not said to be unrepeatable", async () => {
  using stage = stageOf();
  const { code, output } = await stage.assay(["prove", "fixtures/faults/blank", "--project", "faults", "--json"]);
  expect(code, output).toBe(0);
  const run = readdirSync(stage.config.runs).find((name) => name !== "latest") ?? "";
  const figures = JSON.parse(readFileSync(join(stage.config.runs, run, "prove.json"), "utf8")) as Figures;
  expect(figures.specs).toMatchObject([
    { mutants: [], unrepeatable: [], hollow: [{ test: "a command succeeds" }, { test: "one is one" }] },
  ]);
}, 60_000);

test("processes end, what listens ends, data go: found by who holds it, and by nobody who looks on", async () => {
  using stage = stageOf();
  const lax = ["prove", "fixtures/faults/lax", "--project", "faults", "--only", "process,port,database,label"];
  const { code, output } = await stage.assay(lax);
  expect(code, output).toBe(0);
  const run = readdirSync(stage.config.runs).find((name) => name !== "latest") ?? "";
  const figures = JSON.parse(readFileSync(join(stage.config.runs, run, "prove.json"), "utf8")) as Figures;
  const [proof] = figures.specs as unknown as readonly [Proof];
  const said = (outcomes: readonly string[]) =>
    proof.mutants.filter(({ outcome }) => outcomes.includes(outcome)).map(({ id }) => id.replace("cache: ", ""));
  expect(said(["found", "errored"]).sort(), JSON.stringify(proof)).toEqual([
    "delete the key cat",
    "end the process tail",
    "end what listens on port 6379",
    "give the key cat another value",
  ]);
  expect(said(["survived"]).sort()).toEqual([
    "delete the key dog",
    "end the process timeout",
    "give the key dog another value",
  ]);
  expect(proof.alwaysTrue.map(({ title }) => title).sort()).toEqual([
    "cache: process timeout is running",
    'cache: redis: key dog is "Rex"',
  ]);
  // What it says of any change is nothing.
  expect(proof.unrepeatable).toEqual(["what takes its time is there at last"]);
  const noSelinux = "the node's kernel has no SELinux";
  if (!existsSync("/sys/fs/selinux/enforce"))
    expect(proof.refused).toEqual([{ id: "cache: give /etc/issue another label", why: noSelinux }]);
  expect(await stage.left()).toEqual(nothing);
}, 240_000);

test("killed while something is changed, it leaves nothing", async () => {
  using stage = stageOf();
  const { child, ended } = stage.begin(words);
  // The second container is the clone that changes are made in.
  const clones = new Set<string>();
  await stage.told((event) => {
    if (event.event === "resource" && event.kind === "container" && event.state === "live") clones.add(event.name);
    return clones.size > 1;
  });
  child.kill("SIGKILL");
  await ended;
  await stage.reaped();
  expect(await stage.left()).toEqual(nothing);
  expect(eventsOf(stage).some(({ event }) => event === "proved")).toBe(false);
  expect(existsSync(join(stage.config.state, "reaper.log"))).toBe(true);
}, 240_000);

test.each([
  [["--min", "2"], "--min 2 is no share"],
  [["--only", "files"], 'did you mean "file"?'],
])("%s is refused before anything is started", async (options, said) => {
  using stage = stageOf();
  const { code, output } = await stage.assay([...words, ...options]);
  expect([code, output]).toEqual([2, expect.stringContaining(said)]);
  expect(stage.runs()).toEqual([]);
});
