// A recipe built twice from nothing, on a root of a few megabytes: the same, and where it is not, what and why.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { fromImage, recipe, run } from "../model/recipe.ts";
import { smallRoot } from "./small-root.ts";
import { buildTwice } from "./twice.ts";

const source = smallRoot();
let directory: string;
beforeAll(() => {
  const { state } = readConfig();
  mkdirSync(state, { recursive: true, mode: 0o700 });
  directory = mkdtempSync(join(state, "store-twice-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const twice = (script: string) =>
  buildTwice(
    { directory },
    recipe("assay-twice", {
      version: "1",
      from: fromImage("small"),
      steps: [run(["sh", "-c", script])],
      context: import.meta.dirname,
    }),
    { source },
  );

test("what is the same is said to be", async () => {
  const result = await twice("echo same > /etc/motd");
  expect(result).toMatchObject({ same: true, differences: [] });
  expect(result.digests[0]).toBe(result.digests[1]);
});

test("what differs is listed with why, and nothing is left", async () => {
  const result = await twice(
    'date +%s%N > /etc/when; set -- $(date +%N); test -e /etc/when && echo x > "/etc/name-$1"; echo same > /etc/same; date -u +%N > /dev/null',
  );
  expect(result.same).toBe(false);
  expect(result.digests[0]).not.toBe(result.digests[1]);
  const how = new Map(result.differences.map((each) => [each.path, each.how.join()]));
  expect(how.get("./etc/when")).toMatch(/^contents: numbers alone/);
  expect(
    [...how]
      .filter(([path]) => path.startsWith("./etc/name-"))
      .map(([, why]) => why)
      .sort(),
  ).toEqual(["only in the first", "only in the second"]);
  expect(how.has("./etc/same")).toBe(false);
  expect(readdirSync(join(directory, "building"))).toEqual([]);
  expect(readdirSync(join(directory, "images"))).toEqual([]);
});
