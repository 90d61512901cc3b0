// Decides what of a run is remembered, and when it is the same as an earlier one: by the inputs of the spec and the images of the environment.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { History } from "../lifecycle/history.ts";
import type { RunEvent } from "../model/event.ts";
import { began, check, ranTest, runEnded, runStarted } from "../reporting/sample.ts";
import { remember } from "./remember.ts";

let directory = "";
let file = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-remember-"));
  file = join(directory, "history.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const spec = "specs/docker-soe-bash.spec.ts";
const name = "it is there";

interface Made {
  readonly input?: string;
  readonly image?: string;
  readonly environment?: string;
}

function events(
  outcome: "passed" | "failed" | "errored",
  { input = "1", image = "a", environment = "docker-soe" }: Made = {},
): RunEvent[] {
  return [
    runStarted(),
    { event: "inputs", at: began, file: spec, inputs: [{ path: spec, sha256: input.repeat(64) }] },
    {
      ...{ event: "image", at: began, environment, recipe: "soe", tag: "soe:1", built: false, ms: 1 },
      ...{ recipeDigest: "sha256:r", treeDigest: "sha256:t", imageId: `sha256:${image}` },
    },
    ...ranTest(spec, name, outcome, { checks: [check(spec, name, { outcome, seen: "0600" })] }),
    runEnded(),
  ];
}

let runs = 0;
function run(outcome: "passed" | "failed" | "errored", made?: Made) {
  runs += 1;
  return remember(file, { run: `r${runs}`, at: runs, command: "assay run" }, events(outcome, made));
}

test("a pass after a failure on the same is flaky; on another input or image it is a repair", () => {
  expect(run("failed")).toEqual({ flaky: [] });
  expect(run("passed", { input: "2" })).toEqual({ flaky: [] });
  expect(run("passed", { image: "b" })).toEqual({ flaky: [] });
  expect(run("errored")).toEqual({ flaky: [] });
  const { flaky } = run("passed");
  expect(flaky).toMatchObject([{ event: "flaky", file: spec, test: name, failedIn: [`r${runs - 4}`] }]);
});

test("another environment's image is of no bearing", () => {
  run("failed", { environment: "other", image: "a" });
  expect(run("passed", { environment: "other", image: "b" }).flaky).toHaveLength(1);
});

test("checks are remembered with what was seen, and a test that never ended is not", () => {
  const cut = ranTest(spec, "cut off", "passed").slice(0, 2);
  remember(file, { run: "r", at: 1, command: "assay run" }, [...events("failed"), ...cut]);
  using history = History.open(file);
  expect(history.of("").map(({ test: of, check: checked, outcome, why }) => [of, checked, outcome, why])).toEqual([
    [`${spec} > ${name}`, undefined, "failed", undefined],
    [`${spec} > ${name}`, "file /etc/passwd has mode 0644", "failed", "0600"],
  ]);
});

test("a history that cannot be written is trouble, and no error", () => {
  writeFileSync(file, "this is no database, whatever it is called, and it is long enough");
  expect(run("passed")).toEqual({ flaky: [], trouble: expect.stringContaining(`the history ${file} cannot be used`) });
});

test("a run without tests makes no file", () => {
  expect(remember(file, { run: "r", at: 1, command: "assay run" }, [runStarted(), runEnded()])).toEqual({ flaky: [] });
  expect(existsSync(file)).toBe(false);
});
