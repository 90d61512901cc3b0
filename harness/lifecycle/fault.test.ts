// Decides that a fault strikes whom it names at the step it names, and that a misspelt one is refused.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identityOf } from "../model/identity.ts";
import { faultStep } from "./fault.ts";
import { Ledger } from "./ledger.ts";
import { runVariable } from "./processes.ts";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-fault-"));
  file = join(directory, "ledger.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

async function bystander(run?: string) {
  const child = spawn("sleep", ["1000"], { stdio: "ignore", env: { PATH: "/usr/bin:/bin", [runVariable]: run } });
  await once(child, "spawn");
  return { child, identity: identityOf(child.pid), ended: once(child, "exit") };
}

describe("a fault", () => {
  test("is nothing unless it is asked for, of this role", () => {
    expect(faultStep(undefined, "worker", "r1", file)).toBeUndefined();
    expect(faultStep("kill:vitest@worker:3", "supervisor", "r1", file)).toBeUndefined();
  });

  test.each([
    "kill",
    "kill:everybody@worker:1",
    "kill:worker@worker",
    "kill:worker@nobody:1",
    "stop:worker@worker:1",
    "",
  ])("%j is refused with how to write it", (text) => {
    expect(() => faultStep(text, "worker", "r1", file)).toThrow(
      expect.objectContaining({
        name: "DeclarationError",
        code: "bad-fault",
        hint: expect.stringContaining("kill:supervisor+reaper@worker:3"),
      }),
    );
  });

  test("kills those it names at its step, and nobody before it or besides", async () => {
    const [supervisor, vitest, reaper, worker, other] = await Promise.all([
      bystander(),
      bystander("r1"),
      bystander(),
      bystander("r1"),
      bystander("r2"),
    ]);
    using ledger = Ledger.open(file);
    ledger.beginRun("r1", supervisor.identity, "c");
    ledger.childStarted("r1", vitest.identity);
    ledger.reaperStarted("r1", reaper.identity);
    const step = faultStep("kill:supervisor+vitest@supervisor:2", "supervisor", "r1", file);
    step?.(1, "");
    expect([supervisor, vitest].map(({ child }) => child.signalCode)).toEqual([null, null]);
    step?.(2, "");
    expect(await Promise.all([supervisor.ended, vitest.ended])).toEqual([1, 2].map(() => [null, "SIGKILL"]));
    expect([reaper, worker, other].map(({ child }) => child.signalCode)).toEqual([null, null, null]);
    faultStep("kill:reaper+worker@supervisor:1", "supervisor", "r1", file)?.(1, "");
    expect(await Promise.all([reaper.ended, worker.ended])).toEqual([1, 2].map(() => [null, "SIGKILL"]));
    expect(other.child.signalCode).toBeNull();
    other.child.kill();
    await other.ended;
  });
});
