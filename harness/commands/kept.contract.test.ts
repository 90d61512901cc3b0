// Decides that what a run or `assay up` leaves standing is found, worked in and taken down by other processes, from outside: the
// command line alone, on the real engine.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { until as untilSo } from "../lifecycle/testing/until.ts";
import type { Listing } from "./list.ts";

const reports = mkdtempSync(join(tmpdir(), "assay-kept-"));
const config = readConfig();
let driver: DockerDriver;
beforeAll(async () => {
  driver = await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch });
});
afterAll(async () => {
  await driver.close();
  rmSync(reports, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** `program` with these words in a process of its own; `input` for its standard input. */
async function started(program: string, words: readonly string[], input = ""): Promise<Ended> {
  const child = spawn(program, words, {
    cwd: config.project,
    env: { ...process.env, ASSAY_REPORTS: reports, NO_COLOR: "1", ASSAY_SETTINGS: undefined },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: status as number | null, out, err };
}
const cli = join(config.project, "harness/cli.ts");
const assay = (words: readonly string[], input?: string) => started(process.execPath, [cli, ...words], input);

let runs: string[] = [];
afterEach(async () => {
  // What a test that failed in the middle left.
  for (const run of runs) await assay(["down", run]);
  runs = [];
});

async function failing(...options: string[]): Promise<{ run: string; said: string }> {
  const { status, out, err } = await assay([
    "run",
    "--project",
    "faults",
    "fixtures/faults/failed.spec.ts",
    ...options,
  ]);
  expect(status, out + err).toBe(1);
  const run = /run (\w+)/.exec(out)?.[1] ?? "";
  runs.push(run);
  return { run, said: out };
}

describe("--keep", () => {
  test("what failed stays and is told; it is worked in through pipes and a terminal; down takes it", async () => {
    const { run, said } = await failing("--keep", "--keep-for", "10m");
    expect(said).toContain(`assay shell ${run}/box`);
    expect(said).toMatch(new RegExp(`until .*; assay down ${run} ends it now`));
    const listing: Listing = JSON.parse((await assay(["list", "--json"])).out);
    const listed = listing.runs.find((each) => each.run === run);
    expect(listed).toMatchObject({ owner: "leased", leftMs: expect.any(Number) });
    expect(listed?.resources.map(({ kind }) => kind).sort()).toEqual(["container", "directory", "network"]);

    expect(await assay(["shell", `${run}/box`, "--", "sh", "-c", "cat; echo aside >&2; exit 7"], "in\n")).toEqual({
      status: 7,
      out: "in\n",
      err: "aside\n",
    });
    // `script` gives it a terminal; what it prints comes through both.
    const inTerminal = `'${process.execPath}' '${cli}' shell ${run}/box -- sh -c 'tty; exit 9'`;
    const { status, out } = await started("script", ["--quiet", "--return", "--command", inTerminal, "/dev/null"]);
    expect(out).toContain("/dev/pts/");
    expect(status).toBe(9);

    expect((await assay(["gc"])).out).toContain(`left alone: run ${run}`);
    const plan = `run ${run}:\n  - network lan\n  - container box\nplan: 0 to create, 0 to replace, 2 to destroy\n`;
    expect(await assay(["down", run])).toMatchObject({ status: 0, out: `${plan}run ${run}: 3 removed, 0 left\n` });
    expect(await driver.find(run)).toEqual([]);
    expect(await assay(["down", run])).toMatchObject({ status: 0, out: `${run}: not up\n` });
  });

  test("what failed stays for its lease, and is then gone by itself, with its directory and its network", async () => {
    const { run, said } = await failing("--keep", "on-failure", "--keep-for", "4s");
    const began = Date.now();
    expect(said).toContain(`assay down ${run} ends it now`);
    expect((await driver.find(run)).map(({ kind }) => kind).sort()).toEqual(["container", "network"]);
    using ledger = Ledger.open(config.ledger);
    const until = ledger.run(run)?.lease?.until ?? 0;
    expect(until).toBeGreaterThan(began);
    await untilSo(config.state, () => ledger.run(run)?.endedAt !== undefined);
    expect(Date.now()).toBeGreaterThanOrEqual(until);
    expect(await driver.find(run)).toEqual([]);
    expect(existsSync(join(config.scratch, run))).toBe(false);
    expect((await assay(["shell", `${run}/box`, "--", "true"])).status).toBe(2);
  });

  test("a node that nobody keeps, and a word that means nothing, are told with what there is", async () => {
    const { run } = await failing("--keep-for", "10m");
    const shell = await assay(["shell", `${run}/bax`, "--", "true"]);
    expect(shell).toMatchObject({ status: 2, err: expect.stringContaining(`did you mean "${run}/box"?`) });
    const when = await assay(["run", "--keep", "sometimes"]);
    expect(when).toMatchObject({ status: 2, err: expect.stringContaining("--keep sometimes says nothing about when") });
    const long = await assay(["run", "--keep-for", "long"]);
    expect(long).toMatchObject({ status: 2, err: expect.stringContaining('"long" is not a duration') });
  });

  test("without it nothing stays, and with on-failure nothing of what passed", async () => {
    const { run } = await failing();
    expect(await driver.find(run)).toEqual([]);
    const met = await assay(["run", "--project", "faults", "fixtures/faults/met.spec.ts", "--keep", "on-failure"]);
    expect(met.status, met.out + met.err).toBe(0);
    expect(await driver.find(/run (\w+)/.exec(met.out)?.[1] ?? "")).toEqual([]);
  });
});
