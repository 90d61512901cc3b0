// Eviction with several processes on one store: what one uses, no other removes; whoever comes too late builds anew.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { fromImage, fromRecipe, type Recipe, recipe, run } from "../model/recipe.ts";
import { smallRoot } from "./small-root.ts";
import { Store } from "./store.ts";

const source = smallRoot();
const nothing = { now: true, budget: { bytes: 0 } };
let directory: string;
beforeEach(() => {
  const { state } = readConfig();
  mkdirSync(state, { recursive: true, mode: 0o700 });
  directory = mkdtempSync(join(state, "store-evict-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const numbered = (number: number, from: Recipe["from"] = fromImage("small")) =>
  recipe(`assay-evict-${number}`, {
    version: "1",
    from,
    steps: [run(["sh", "-c", `echo ${number} > /etc/motd`])],
    context: import.meta.dirname,
  });

/** A process that runs a program over the store; its lines as they come. */
function other(body: string) {
  const program = `
    import { existsSync } from "node:fs";
    import { Store } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
    import { smallRoot } from ${JSON.stringify(join(import.meta.dirname, "small-root.ts"))};
    const store = new Store({ directory: ${JSON.stringify(directory)} });
    const source = smallRoot();
    ${body}`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

test("what another process uses stays, with what it is made of, until that process is gone", async () => {
  const [below, idle] = [numbered(1), numbered(2)];
  const above = numbered(3, fromRecipe(below));
  const store = new Store({ directory });
  for (const each of [above, idle]) await store.build(each, { source });
  const { child, lines } = other(`
    const image = await store.find(${JSON.stringify(above)}, { source });
    console.log(image.tree);
    process.stdin.resume();`);
  const tree = (await lines.next()).value ?? expect.fail("it said nothing");
  store.release();
  const kinds = (gone: readonly string[]) => gone.map((line) => line.split(" ").slice(0, 2).join(" ")).sort();
  expect(kinds(await store.sweep(nothing))).toEqual(["image assay-evict-2:1"]);
  expect(existsSync(tree)).toBe(true);
  expect((await store.contents()).entries.filter(({ usedBy }) => usedBy.length > 0)).toHaveLength(1);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(kinds(await store.sweep(nothing))).toEqual(["base small", "image assay-evict-1:1", "image assay-evict-3:1"]);
  expect((await store.contents()).entries).toEqual([]);
  expect(readdirSync(join(directory, "building"))).toEqual([]);
});

test("processes that build and processes that empty the store, all at once: whoever has an image has it whole", async () => {
  const recipes = [1, 2, 3].map((number) => numbered(number));
  const builders = [0, 1].map(() =>
    other(`
      let seen = 0;
      for (let round = 0; round < 6; round++)
        for (const recipe of ${JSON.stringify(recipes)}) {
          const { image } = await store.build(recipe, { source });
          await new Promise((done) => setImmediate(done));
          if (!existsSync(image.tree + "/etc/motd") || !existsSync(image.archive)) console.log("torn " + image.tag);
          seen += 1;
          store.release();
        }
      console.log("done " + seen);`),
  );
  let building = builders.length;
  const store = new Store({ directory });
  let removed = 0;
  const sweeping = (async () => {
    while (building > 0) {
      removed += (await store.sweep(nothing)).length;
      // Where nothing is to be removed it waits for nothing, and this loop would let nobody else in this process run.
      await nextTurn();
    }
  })();
  const said = await Promise.all(
    builders.map(async ({ lines }) => {
      const all: string[] = [];
      for await (const line of { [Symbol.asyncIterator]: () => lines }) all.push(line);
      building -= 1;
      return all;
    }),
  );
  await sweeping;
  expect(said).toEqual([["done 18"], ["done 18"]]);
  // The store was really emptied under them.
  expect(removed).toBeGreaterThan(3);
}, 120_000);

test("a build that goes over the budget makes room, of what is not in use", async () => {
  const first = new Store({ directory, budget: "0" });
  await first.build(numbered(1), { source });
  first.release();
  const [hour, entries] = [3_600_000, (await first.contents()).entries];
  // Used within the hour, it stays; older, it goes.
  await new Store({ directory, budget: "0" }).build(numbered(2), { source });
  expect((await first.contents()).entries).toHaveLength(entries.length + 1);
  const then = new Date(Date.now() - 2 * hour);
  for (const { places, kind } of entries) if (kind !== "base") utimesSync(places[0] ?? "", then, then);
  await new Store({ directory, budget: "0" }).build(numbered(3), { source });
  expect((await first.contents()).entries.map(({ title }) => title).sort()).toEqual([
    "assay-evict-2:1",
    "assay-evict-3:1",
    "small",
  ]);
});
