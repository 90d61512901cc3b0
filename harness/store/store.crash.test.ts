// A build that is killed with SIGKILL: the kernel ends what it started, its lock is free, the next build sweeps what it left.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { fromImage, recipe, run } from "../model/recipe.ts";
import { smallRoot } from "./small-root.ts";
import { Store } from "./store.ts";

let directory: string;
beforeAll(() => {
  const { state } = readConfig();
  mkdirSync(state, { recursive: true, mode: 0o700 });
  directory = mkdtempSync(join(state, "store-crash-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const killed = (length: string) =>
  recipe(`assay-store-killed-${process.pid}`, {
    version: "1",
    from: fromImage("small"),
    // The first step ends and is told; the second is what is killed.
    steps: [run(["true"]), run(["sh", "-c", `sleep ${length} & exec sleep ${length}`])],
    context: import.meta.dirname,
  });

/** Processes whose command line holds `text`, zombies aside: those have none. */
function running(text: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    });
}

test("a build killed in mid-step leaves no process, no mount, no lock, and a room that the next build sweeps", async () => {
  const store = new Store({ directory });
  const source = smallRoot();
  // So that the base is there, and what is killed is the step.
  await store.build(
    recipe(`assay-store-base-${process.pid}`, { version: "1", from: fromImage("small"), context: import.meta.dirname }),
    { source },
  );
  const length = `987${process.pid}`;
  const program = `
    import { Store } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
    import { smallRoot } from ${JSON.stringify(join(import.meta.dirname, "small-root.ts"))};
    const killed = ${JSON.stringify(killed(length))};
    await new Store({ directory: ${JSON.stringify(directory)} }).build(killed, { say: console.log, source: smallRoot() });`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [first] = (await once(createInterface(child.stdout), "line")) as [string];
  expect(first).toMatch(/^run true/);
  expect(readdirSync(join(directory, "building")).length).toBe(1);
  const gone = once(child, "close");
  child.kill("SIGKILL");
  // Its output is closed when the last process that it started is gone.
  await gone;

  expect(running(`sleep\0${length}`)).toEqual([]);
  expect(readFileSync("/proc/mounts", "utf8")).not.toContain(directory);
  expect(readdirSync(join(directory, "building")).length).toBe(1);
  const { built, image } = await store.build(killed("0.01"), { source });
  expect(built).toBe(true);
  expect(existsSync(image.archive ?? "none")).toBe(true);
  expect(readdirSync(join(directory, "building"))).toEqual([]);
});
