// What the engine has of images that the store has forgotten goes too, and nothing else does.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { fromImage, recipe, run } from "../model/recipe.ts";
import { smallRoot } from "../store/small-root.ts";
import { Store } from "../store/store.ts";
import { sweepEngine } from "./store-contents.ts";

const config = readConfig();
const name = `assay-nameless-${process.pid}`;
const docker = (...args: string[]) => execFileSync("docker", args, { encoding: "utf8" }).trim();
let directory: string;
let driver: DockerDriver;
beforeAll(async () => {
  mkdirSync(config.state, { recursive: true, mode: 0o700 });
  directory = mkdtempSync(join(config.state, "store-nameless-"));
  driver = await openDockerDriver(config);
});
afterAll(async () => {
  for (const id of new Set(
    docker("image", "ls", "--quiet", "--no-trunc", "--filter", `label=dev.assay.recipe=${name}`).split("\n"),
  ))
    if (id !== "") docker("image", "rm", "--force", id);
  await driver.close();
  rmSync(directory, { recursive: true, force: true });
});

test("of three of one name the one that stays has the name, one a container, and one goes", async () => {
  const store = new Store({ directory });
  const ids: string[] = [];
  for (const word of ["one", "two", "three"]) {
    const steps = [run(["sh", "-c", `echo ${word} > /etc/motd`])];
    const wanted = recipe(name, { version: "1", from: fromImage("small"), steps, context: import.meta.dirname });
    const { image } = await store.build(wanted, { source: smallRoot() });
    await driver.load(image);
    ids.push(image.imageId);
  }
  const there = () =>
    docker("image", "ls", "--all", "--quiet", "--no-trunc", "--filter", `label=dev.assay.recipe=${name}`)
      .split("\n")
      .sort();
  const [one = "", two = "", three = ""] = ids;
  const container = docker("create", one, "sh");
  try {
    // The store has them: nameless or not, they stay.
    expect(await sweepEngine(config, store)).toEqual([]);
    expect(there()).toEqual([...ids].sort());
    store.release();
    await store.sweep({ now: true, budget: { bytes: 0 } });
    expect(await sweepEngine(config, store)).toEqual(["1 nameless image from the engine"]);
    expect(there()).toEqual([one, three].sort());
    expect(two).not.toBe("");
  } finally {
    docker("rm", container);
  }
  expect(await sweepEngine(config, store)).toEqual(["1 nameless image from the engine"]);
  expect(there()).toEqual([three]);
}, 60_000);
