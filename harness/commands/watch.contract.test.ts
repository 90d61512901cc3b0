// Decides that `assay watch` runs what a change concerns and nothing else, in environments that stood ahead where they may; that whatever
// ends it leaves nothing; and that `assay up` tells another declaration from the same one. On the real engine, in a project of its own.
import type { ChildProcess } from "node:child_process";
import { on } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { ProjectStage } from "../vitest/project-stage.ts";
import { nothing } from "../vitest/run-stage.ts";

let driver: DockerDriver;
beforeAll(async () => {
  const { dockerHost, scratch, engine } = readConfig();
  driver = await openDockerDriver({ dockerHost, scratch, engine });
});
afterAll(() => driver.close());

const environment = (name: string, options = "") => `
  import { container, defineEnvironment } from "../harness/index.ts";
  import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
  export const ${name} = defineEnvironment("watched-${name}", { nodes: { box: container({ image: soe, idle: true, ${options} }) } });`;
/** A spec that leaves a trace, and looks for one: whoever finds one is not the first in its environment. */
const spec = (name: string, variable: string) => `
  import { expect, file, testIn } from "../harness/index.ts";
  import { ${name} } from "../environments/${name}.ts";
  testIn(${name})("MODE is ${variable}", async ({ box }) => {
    await expect(box).not.toMeet(file("/tmp/trace").exists());
    await box.succeed(["touch", "/tmp/trace"]);
    expect(await box.succeed(["sh", "-c", "echo $MODE"])).toBe("${variable}");
  });`;

function projectStage(): ProjectStage {
  const rooms = ["fixtures/vfx-studio-soe", "fixtures/debian-machine", "fixtures/debian.ts"];
  const stage = new ProjectStage({ env: process.env, drivers: [driver] }, rooms);
  for (const name of ["one", "two"]) {
    stage.write(`environments/${name}.ts`, environment(name));
    stage.write(`specs/${name}.spec.ts`, spec(name, ""));
  }
  return stage;
}

/** What is said from now on until it waits for changes. */
function rounds(child: ChildProcess): () => Promise<string> {
  if (child.stdout === null) throw new TypeError("its output goes elsewhere");
  const chunks = on(child.stdout, "data", { close: ["end"] });
  let heard = "";
  return async () => {
    for (;;) {
      const end = /^watching .*\n/m.exec(heard);
      if (end !== null) {
        const said = heard.slice(0, end.index + end[0].length);
        heard = heard.slice(said.length);
        return said;
      }
      const next = await chunks.next();
      if (next.done === true) return heard;
      heard += String((next.value as [unknown])[0]);
    }
  };
}

/** How many containers a round made itself. */
const created = (said: string) => Number(/(\d+) created/.exec(said)?.[1]);

describe("assay watch", () => {
  test("runs what a change concerns, where it stands already if it may; Ctrl-C takes all down", async () => {
    using stage = projectStage();
    const { child, ended } = stage.begin(["watch"]);
    const round = rounds(child);
    const first = await round();
    expect(first).toContain("Met: 2 of 2 tests passed");
    expect(created(first)).toBe(2);
    expect((await stage.left()).found).toHaveLength(2);

    stage.write("specs/one.spec.ts", spec("one", "fast"));
    const second = await round();
    expect(second).toMatch(/^changed: specs\/one\.spec\.ts\n/);
    expect(second).toContain("Failed: 1 of 1 test failed");
    expect(created(second)).toBe(0);

    stage.write("environments/one.ts", environment("one", 'env: { MODE: "fast" }'));
    const third = await round();
    expect(third).toContain("Met: 1 of 1 test passed");
    expect(created(third)).toBe(1);

    stage.write("environments/one.ts", "export const one = ;");
    const broken = await round();
    expect(broken).toContain("changed: environments/one.ts");
    expect(broken).toMatch(/errored one: Expression expected[\s\S]*environments\/one\.ts:1:20[\s\S]*exit code 2/);
    stage.write("environments/one.ts", environment("one", 'env: { MODE: "fast" }'));
    stage.write("specs/three.spec.ts", spec("two", "").replace("MODE is", "it still is"));
    const mended = await round();
    expect(mended).toMatch(/changed: environments\/one\.ts, specs\/three\.spec\.ts\n/);
    expect(mended).toContain("Met: 2 of 2 tests passed");

    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130 });
    expect(await stage.left()).toEqual(nothing);
  });

  test.each([
    ["killed", "while it waits", "SIGKILL", { signal: "SIGKILL" }, /^watching /m],
    ["killed", "in the middle of a round", "SIGKILL", { signal: "SIGKILL" }, /box ready/],
    ["terminated", "in the middle of a round", "SIGTERM", { code: 143 }, /box ready/],
  ] as const)("%s %s, nothing is left", async (_, __, signal, end, moment) => {
    using stage = projectStage();
    const { child, ended } = stage.begin(["watch", "one"]);
    for await (const [chunk] of on(child.stdout as NonNullable<typeof child.stdout>, "data"))
      if (moment.test(String(chunk))) break;
    child.kill(signal);
    expect(await ended).toMatchObject(end);
    // By the round's reaper and the watch's, where it was killed; each says so when it is done.
    await stage.until(() => stage.ended());
    expect(await stage.left()).toEqual(nothing);
  });

  test("where no spec is meant it says so", async () => {
    using stage = projectStage();
    const { code, output } = await stage.assay(["watch", "three"]);
    expect({ code, output }).toMatchObject({
      code: 2,
      output: expect.stringContaining('no spec file\'s path contains "three"'),
    });
  });
});

describe("assay up", () => {
  test("tells what was declared otherwise, and replaces it when it is told to; down is by name", async () => {
    using stage = projectStage();
    expect(await stage.assay(["up", "watched-one"])).toMatchObject({ code: 0 });
    stage.write("environments/one.ts", `\n\n${environment("one", 'env: { MODE: "fast" }')}`);
    const { code, output } = await stage.assay(["up", "watched-one"]);
    expect(code, output).toBe(2);
    expect(output).toContain("nodes.box.env.MODE: + fast");
    expect(output).toContain("assay up watched-one --replace");
    const before = (await stage.left()).found;
    expect(await stage.assay(["up", "watched-one", "--replace"])).toMatchObject({ code: 0 });
    const after = (await stage.left()).found;
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
    const shell = await stage.assay(["shell", "watched-one/box", "--", "printenv", "MODE"]);
    expect(shell).toMatchObject({ code: 0, output: "fast\n" });
    await driver.destroy({ driver: driver.kind, kind: "container", name: String(after[0]) });
    const gone = await stage.assay(["up", "watched-one"]);
    expect(gone).toMatchObject({ code: 3, output: expect.stringContaining("is gone") });
    expect(await stage.assay(["down", "watched-one"])).toMatchObject({ code: 0 });
    expect(await stage.left()).toEqual(nothing);
    const unknown = await stage.assay(["up", "watched-ome"]);
    expect(unknown).toMatchObject({ code: 2, output: expect.stringContaining('did you mean "watched-one"?') });
  });
});
