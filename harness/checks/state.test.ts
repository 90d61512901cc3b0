// Decides every sentence about a container's state and logs, both ways.
import { expect, test } from "vitest";
import type { ContainerState } from "../model/node.ts";
import { logs } from "./logs.ts";
import { state } from "./state.ts";

const running: ContainerState = { status: "running", exitCode: 0, oomKilled: false, health: "none", restarts: 0 };
const exited: ContainerState = { ...running, status: "exited", exitCode: 3 };
const killed: ContainerState = { ...exited, exitCode: 137, oomKilled: true };

test.each([
  ["container is running", state().isRunning(), running, exited, "exited with 3"],
  ["container is paused", state().isPaused(), { ...running, status: "paused" as const }, running, "running"],
  ["container exited with 3", state().exitedWith(3), exited, killed, "exited with 137, killed for its memory"],
  ["container exited with 0", state().exitedWith(0), { ...exited, exitCode: 0 }, running, "running"],
  [
    "container has been started again by its engine",
    state().hasRestarted(),
    { ...running, restarts: 1 },
    running,
    "running, started again 0 times",
  ],
  ["container was killed for its memory", state().wasKilledForMemory(), killed, exited, "exited with 3"],
  [
    "container is healthy",
    state().isHealthy(),
    { ...running, health: "healthy" as const },
    running,
    "running, without a health check",
  ],
  [
    "container is unhealthy",
    state().isUnhealthy(),
    { ...running, health: "unhealthy" as const },
    { ...running, health: "starting" as const },
    "running, starting",
  ],
])("%s", (title, check, met, unmet, seen) => {
  expect(check.title).toBe(title);
  expect(check.judge(met)).toMatchObject({ met: true });
  expect(check.judge(unmet)).toMatchObject({ met: false, seen });
});

test("a container that ended is not healthy, whatever was last said", () => {
  expect(
    state()
      .isHealthy()
      .judge({ ...exited, health: "healthy" }),
  ).toMatchObject({ met: false });
});

test("logs contain a text or a pattern; else their end is shown", () => {
  const text = `${Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n")}\n`;
  expect(logs().contain("line 3").judge(text)).toMatchObject({ met: true });
  expect(
    logs()
      .contain(/^line 29$/m)
      .judge(text),
  ).toMatchObject({ met: true });
  const unmet = logs().contain("ready").judge(text);
  expect(unmet).toMatchObject({
    met: false,
    expected: '"ready"',
    seen: expect.stringMatching(/^30 lines.*\n {2}line 20\n.*line 29$/s),
  });
  expect(logs().contain("ready").judge("")).toMatchObject({ met: false, seen: "nothing was printed" });
});
