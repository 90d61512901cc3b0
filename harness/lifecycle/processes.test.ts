// Decides that all of a run's processes are found and ended, wherever they went, and nobody else's.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { identityOf, liveness } from "../model/identity.ts";
import { endProcesses, processesOf, runVariable } from "./processes.ts";

const run = `processes${process.pid}`;
const bystanders: number[] = [];
afterEach(() => {
  for (const pid of bystanders.splice(0)) process.kill(-pid, "SIGKILL");
});

/** Runs a shell script in a session of its own and resolves with the pids it prints, its own first. */
async function start(script: string, mark: string | undefined) {
  const env = { PATH: "/usr/bin:/bin", ...(mark === undefined ? {} : { [runVariable]: mark }) };
  const child = spawn("sh", ["-c", `${script}`], { env, detached: true, stdio: ["ignore", "pipe", "ignore"] });
  const [text] = await once(child.stdout.setEncoding("utf8"), "data");
  return { pids: [child.pid ?? 0, ...String(text).trim().split(/\s+/).map(Number)], ended: once(child, "exit") };
}

describe("the processes of a run", () => {
  test("are found by their mark, in any session, and by a marked parent", async () => {
    const { pids, ended } = await start(
      "sleep 1000 & a=$!; setsid sleep 1000 & b=$!; env -i sleep 1000 & c=$!; echo $a $b $c; wait",
      run,
    );
    const other = await start("echo 0; sleep 1000", `${run}x`);
    const nobodys = await start("echo 0; sleep 1000", undefined);
    bystanders.push(other.pids[0] ?? 0, nobodys.pids[0] ?? 0);
    expect(processesOf(run).sort()).toEqual(pids.sort());
    expect(await endProcesses(run)).toEqual([]);
    await ended;
    expect(processesOf(run)).toEqual([]);
    expect(processesOf(`${run}x`)).toContain(other.pids[0]);
  });

  test("that ignore a signal are killed, with those whose parent went first", async () => {
    // The child without a mark ignores SIGTERM, and its parent, by which it was found, does not.
    const { ended } = await start("env -i sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & wait", run);
    expect(processesOf(run).length).toBeGreaterThanOrEqual(2);
    const identities = processesOf(run).map(identityOf);
    expect(await endProcesses(run, { graceMs: 200 })).toEqual([]);
    await ended;
    expect(identities.map(liveness)).toEqual(identities.map(() => "dead"));
  });

  test("do not include what began a session without the mark: a reaper must outlive all of them", async () => {
    const { pids, ended } = await start("env -i setsid sh -c 'echo $$; exec sleep 1000' & wait", run);
    const [parent, reaper] = pids;
    bystanders.push(reaper ?? 0);
    expect(processesOf(run)).toContain(parent);
    expect(processesOf(run)).not.toContain(reaper);
    await endProcesses(run);
    await ended;
    expect(() => process.kill(reaper ?? 0, 0)).not.toThrow();
  });

  test("are none, for a run that has none, at once", async () => {
    expect(await endProcesses("no-such-run", { graceMs: 600_000 })).toEqual([]);
  });
});
