// What is loaded before the specs' process starts, and in a reaper that is never needed, is on everybody's way: nothing heavy
// may get there by an import line that looked harmless.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const harness = resolve(import.meta.dirname, "..");

/** Everything that `file` loads at once: type imports and `import()` do not. Ours by path, the rest by name. */
function loads(file: string, known = new Set<string>()): ReadonlySet<string> {
  const text = readFileSync(file, "utf8");
  for (const line of text.matchAll(/^(?:import|export)\b(?:([^;"]*?)\bfrom)?\s+"([^"]+)";$/gm)) {
    const [, what = "", from = ""] = line;
    if (/^\s+type\b/.test(what)) continue;
    const target = from.startsWith(".") ? join(dirname(file), from) : from;
    const name = from.startsWith(".") ? relative(harness, target) : from;
    if (known.has(name)) continue;
    known.add(name);
    if (existsSync(target)) loads(target, known);
  }
  return known;
}

const others = (file: string) => [...loads(join(harness, file))].filter((name) => !/^node:|\.ts$/.test(name));

test("until the specs' process is started, one package is loaded", () => {
  expect(new Set([...others("cli.ts"), ...others("commands/run.ts")])).toEqual(new Set(["commander"]));
});

test("the specs' process starts its first worker before any package", () => {
  expect(others("commands/run-child.ts")).toEqual([]);
});

test("a reaper loads next to nothing before it is needed", () => {
  expect([...loads(join(harness, "commands/run-reaper.ts"))].filter((name) => name.endsWith(".ts"))).toEqual([
    "lifecycle/farewell.ts",
    "model/identity.ts",
  ]);
});

test("the engine's driver names no package that only building or copying needs", () => {
  expect(others("drivers/docker.ts").sort()).toEqual(["fastest-levenshtein", "zod"]);
});
