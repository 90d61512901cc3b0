// The early worker is taken by nobody but whoever would have started just that process, and only once.
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { roomToStart, startEarly, takeEarly } from "./early-worker.ts";

const own = { PATH: "/usr/bin:/bin" };
const inWorker = { TEST: "true", VITEST: "true", NODE_ENV: "test", VITEST_MODE: "RUN", FORCE_TTY: "" };
const execArgv = [
  "--experimental-import-meta-resolve",
  "--require",
  new URL("../../node_modules/vitest/suppress-warnings.cjs", import.meta.url).pathname,
  "--conditions",
  "node",
  "--conditions",
  "development",
  ...roomToStart,
];

afterEach(() => {
  takeEarly(execArgv, { ...own, ...inWorker })?.kill("SIGKILL");
});

test("whoever wants the same process gets it, and the next one gets none", async () => {
  startEarly(own);
  const child = takeEarly(execArgv, { ...own, ...inWorker });
  expect(child?.connected).toBe(true);
  expect(takeEarly(execArgv, { ...own, ...inWorker })).toBeUndefined();
  child?.kill("SIGKILL");
  await once(child ?? process, "exit");
});

test.each([
  ["another variable", execArgv, { ...own, ...inWorker, NODE_ENV: "production" }],
  ["one variable more", execArgv, { ...own, ...inWorker, MORE: "1" }],
  ["another argument", [...execArgv, "--no-warnings"], { ...own, ...inWorker }],
])("it is not given for %s", (_, words, env) => {
  startEarly(own);
  expect(takeEarly(words, env)).toBeUndefined();
});

test("one that has died is not given", async () => {
  startEarly(own);
  const first = takeEarly(execArgv, { ...own, ...inWorker });
  first?.kill("SIGKILL");
  await once(first ?? process, "exit");
  expect(takeEarly(execArgv, { ...own, ...inWorker })).toBeUndefined();
});
