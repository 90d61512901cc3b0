// Decides that what an image needs to be built is asked for while it is yet to be built, and skipped with the reason where it is not there.
import { describe, expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { debianRootfs, fromRecipe, type Recipe, recipe } from "../model/recipe.ts";
import { missingCapability } from "./capabilities.ts";

const context = import.meta.dirname;
const base = recipe("base", { version: "1", from: debianRootfs({ suite: "bookworm" }), context });
const packages = recipe("packages", { version: "1", requires: ["python-index"], from: fromRecipe(base), context });
const child = recipe("child", { version: "1", from: fromRecipe(packages), context });
const of = (image: Recipe) => defineEnvironment("studio", { nodes: { one: container({ image, idle: true }) } });
const here = () => ({ path: "", libvirtUri: "", disks: "", state: "", uid: 0 });

/** With a store that has these, and an index where nobody listens: port 9 of loopback. */
async function missing(image: Recipe, ...stored: readonly Recipe[]) {
  const asked: string[] = [];
  const has = async (each: Recipe) => {
    asked.push(each.name);
    return stored.includes(each);
  };
  const variables = { PIP_INDEX_URL: "http://127.0.0.1:9/simple" };
  return { why: await missingCapability(of(image), here, { has, variables }), asked };
}

describe("an image that needs the Python index", () => {
  test.each([packages, child])("$name, yet to be built where none answers: the reason", async (image) => {
    expect((await missing(image)).why).toMatch(
      /^the image packages of studio requires python-index: packages cannot be fetched from 127\.0\.0\.1:9 \(.*refused/,
    );
  });

  test("is in the store: nothing is missing", async () => {
    expect((await missing(packages, packages)).why).toBeUndefined();
    // What is built on it needs no index of its own.
    expect((await missing(child, packages)).why).toBeUndefined();
    expect((await missing(child, child)).why).toBeUndefined();
  });

  test("one that needs none is not even looked for", async () => {
    expect(await missing(base)).toEqual({ why: undefined, asked: [] });
  });

  test("a capability that nobody knows is refused where it is written", () => {
    const requires = ["moon"] as never;
    expect(() =>
      recipe("other", { version: "1", requires, from: debianRootfs({ suite: "bookworm" }), context }),
    ).toThrow(/recipe other/);
  });
});
