// Decides that each documented exit code is what the command line ends with, seen from outside: the process, its words, its
// report, and what the engine has of the run afterwards. The specs that go wrong are in fixtures/faults.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { readSelinux, selinuxFinding } from "../host/selinux.ts";
import type { Report } from "../reporting/report.ts";

const here = mkdtempSync(join(tmpdir(), "assay-exit-codes-"));
const config = readConfig();
let driver: DockerDriver;
beforeAll(async () => {
  driver = await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch });
});
afterAll(async () => {
  await driver.close();
  rmSync(here, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  /** Standard output and standard error. */
  readonly said: string;
  readonly report: Report | undefined;
  /** Everything that was written about the run. */
  readonly written: string;
}

let runs = 0;
/** `assay` with these words, in a process of its own, its report in a directory of its own. */
async function assay(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  runs += 1;
  const reports = join(here, String(runs));
  mkdirSync(reports);
  const child = spawn(process.execPath, [join(config.project, "harness/cli.ts"), ...words], {
    cwd: config.project,
    env: { ...process.env, ASSAY_REPORTS: reports, NO_COLOR: "1", ASSAY_SETTINGS: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const files = readdirSync(reports, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const written = files.map((file) => readFileSync(join(file.parentPath, file.name), "utf8"));
  const report = files.find(({ name }) => name === "report.json");
  return {
    status: status as number | null,
    said: out + err,
    report: report === undefined ? undefined : JSON.parse(readFileSync(join(report.parentPath, report.name), "utf8")),
    written: written.join("\n"),
  };
}

const fault = (name: string, env?: NodeJS.ProcessEnv) =>
  assay(["run", "--project", "faults", `fixtures/faults/${name}.spec.ts`], env);

/** Status, report and last line agree, and nothing of the run is left but what `leaked` names. */
async function agree(ended: Ended, code: number, counted: string): Promise<Report> {
  const { status, said, report } = ended;
  expect(status, said).toBe(code);
  if (report === undefined) return expect.fail(`there is no report; ${said}`);
  expect(report.exitCode).toBe(code);
  expect(said.trimEnd().split("\n").at(-1)).toBe(counted);
  if (code !== 4) {
    expect(report.teardown.leaked).toEqual([]);
    expect(report.teardown.destroyed).toBe(report.teardown.created);
    expect(await driver.find(report.run)).toEqual([]);
    expect(readdirSync(config.scratch)).not.toContain(report.run);
  }
  return report;
}

describe("0: met", () => {
  test("everything that was asked is so", async () => {
    const report = await agree(await fault("met"), 0, "1 passed, 0 failed, 0 skipped");
    expect(report.teardown.created).toBe(3);
  });

  const selinux = selinuxFinding(readSelinux(undefined));
  test("what this host cannot do is skipped with its reason, and counted as skipped", async ({ skip }) => {
    if (selinux.can !== "no") skip("this host has SELinux: nothing is skipped here");
    const ended = await fault("skipped");
    const report = await agree(ended, 0, "1 passed, 0 failed, 2 skipped");
    const reasons = report.tests.filter(({ outcome }) => outcome === "skipped").map(({ reason }) => reason);
    expect(reasons).toEqual([
      expect.stringContaining("enforcing requires selinux: "),
      expect.stringContaining("SELinux"),
    ]);
    // Nothing was made for the environment that cannot be stood up.
    expect(report.environments.map(({ environment }) => environment)).toEqual(["sound"]);
  });
});

describe("what is fetched while it is built", () => {
  test("where Python's index does not answer, tests on an image that needs it are skipped with the reason", async () => {
    // Nobody listens there, on any machine.
    const ended = await fault("indexless", { PIP_INDEX_URL: "http://127.0.0.1:9/simple" });
    const report = await agree(ended, 0, "1 passed, 0 failed, 1 skipped");
    expect(report.tests.find(({ outcome }) => outcome === "skipped")?.reason).toMatch(
      /^the image never-built of indexless requires python-index: packages cannot be fetched from 127\.0\.0\.1:9 \(.*refused/,
    );
    expect(report.images.map(({ recipe }) => recipe)).toEqual(["vfx-studio-soe"]);
  });
});

describe("machines", () => {
  test("where QEMU cannot reach the disks, what needs a machine is skipped with reason and remedy, and nothing is built", async () => {
    // Closed to all but its owner, as mkdtemp makes it: QEMU runs as another user. A run in which nothing ran is no success.
    const ended = await fault("machineless", { ASSAY_STATE: join(mkdtempSync(join(here, "closed-")), "state") });
    const report = await agree(ended, 2, "0 passed, 0 failed, 1 skipped");
    expect(report.tests[0]?.reason).toMatch(
      /^machine has virtual machines, and this host runs none: QEMU, .* cannot pass through .*; npx assay setup --yes/,
    );
    expect(report.images).toEqual([]);
  });
});

describe("1: a check failed", () => {
  test("expected, seen, node, command and line are told, and no secret is in anything that was written", async () => {
    const ended = await fault("failed");
    const report = await agree(ended, 1, "1 passed, 2 failed, 0 skipped");
    expect(report.tests.map(({ outcome }) => outcome)).toEqual(["failed", "passed", "failed"]);
    expect(ended.said).toMatch(
      /file \/vfx\/reel is a file\n +expected a file\n +seen +it does not exist\n +node +sound\/box\n +command +stat \/vfx\/reel\n.*\n +at +fixtures\/faults\/failed\.spec\.ts:8:/,
    );
    expect(ended.said).toContain("‹fault token›");
    expect(ended.said + ended.written).not.toContain("never-to-be-seen");
  });
});

describe("2: a declaration or the command line is wrong, and nothing is created", () => {
  test("an option that does not exist, with file and line and what was probably meant", async () => {
    const ended = await fault("misspelt");
    const report = await agree(ended, 2, "0 passed, 1 failed, 0 skipped");
    expect(ended.said).toMatch(
      /fixtures\/faults\/misspelt\.spec\.ts:7:17: container: unknown option "hostnme", did you mean "hostname"\?/,
    );
    expect(report.troubles[0]?.error.at).toBe("fixtures/faults/misspelt.spec.ts:7:17");
    expect(report.teardown.created).toBe(0);
  });

  test("a pod whose memory has a unit that does not exist, with line and column of its file", async () => {
    const ended = await fault("misspelt-pod");
    const report = await agree(ended, 2, "0 passed, 1 failed, 0 skipped");
    const place = "fixtures/faults/misspelt-pod.yaml:11:19";
    expect(ended.said).toContain(`${place}: spec.containers[0].resources.limits.memory: "MB" is no unit of a quantity`);
    expect(report.troubles[0]?.error).toMatchObject({ code: "bad-manifest", at: place });
    expect(report.teardown.created).toBe(0);
  });

  test("a broken twin of the studio, two of whose machines have one MAC, with file and line of the second", async () => {
    const ended = await fault("doubled-mac");
    const report = await agree(ended, 2, "0 passed, 1 failed, 0 skipped");
    const place = "fixtures/faults/doubled-mac.spec.ts:12:12";
    expect(ended.said).toContain(`${place}: doubled-mac/guest: MAC 02:00:00:00:00:01 is vfx-dev-001's already`);
    expect(report.troubles[0]?.error).toMatchObject({ code: "claimed-twice", at: place });
    expect(report.teardown.created).toBe(0);
  });

  test("a bind mount's source that is not there", async () => {
    const ended = await fault("sourceless");
    const report = await agree(ended, 2, "0 passed, 1 failed, 0 skipped");
    expect(ended.said).toContain("make it first, or use scratch() for a fresh directory");
    expect(report.teardown.created).toBe(0);
  });

  test("a pattern that no spec's path contains", async () => {
    const ended = await assay(["run", "no-such-spec"]);
    await agree(ended, 2, "0 passed, 1 failed, 0 skipped");
    expect(ended.said).toContain(`no spec file's path contains "no-such-spec"`);
  });

  test("a number of machines of a group that an environment does not have", async () => {
    const group = await assay(["up", "studio-nfs", "--count", "devs=2"]);
    expect(group).toMatchObject({ status: 2, report: undefined });
    expect(group.said).toMatch(/studio-nfs has no group "devs"; did you mean "dev"\?/);
    expect(await assay(["up", "studio-nfs", "--count", "dev=many"])).toMatchObject({
      status: 2,
      said: expect.stringContaining('"dev=many" is no group and number'),
    });
  });

  test("a command and an option that do not exist", async () => {
    for (const words of [["rnu"], ["run", "--colour"]]) {
      const { status, said } = await assay(words);
      expect(status).toBe(2);
      expect(said).toMatch(/unknown (command|option)/);
    }
  });
});

describe("3: could not ask", () => {
  test("an image that nobody has: told before anything is created", async () => {
    const ended = await fault("imageless");
    const report = await agree(ended, 3, "0 passed, 1 failed, 0 skipped");
    expect(ended.said).toContain("the engine has no image registry.invalid/no/such:1 and no registry gave it");
    expect(report.teardown.created).toBe(0);
  });

  test("a container that dies while it is waited for: its status and last lines, and its log as evidence", async () => {
    const ended = await fault("dying");
    const report = await agree(ended, 3, "0 passed, 1 failed, 0 skipped");
    expect(report.tests[0]?.errors[0]?.code).toBe("died");
    expect(ended.said).toMatch(
      /ready dying\/box: the container exited with status 7; its last lines: .*licence has expired/,
    );
    expect(ended.written).toContain("opening the licence file\n");
  });

  test("a probe's tool that is missing, also under .not, and a command that hangs", async () => {
    const ended = await fault("unasked");
    const report = await agree(ended, 3, "0 passed, 3 failed, 0 skipped");
    expect(report.tests.map(({ outcome }) => outcome)).toEqual(["errored", "errored", "errored"]);
    expect(ended.said).toContain("sha256sum is not there or cannot be run");
    expect(ended.said).toContain('"sleep 4711" had not ended after 500 ms and was killed; give it a longer timeoutMs');
  });

  test("an engine that does not answer", async () => {
    const ended = await fault("met", { DOCKER_HOST: "unix:///no/such/docker.sock" });
    const report = await agree(ended, 3, "0 passed, 1 failed, 0 skipped");
    expect(ended.said).toMatch(/setup: the docker engine does not answer \(.+\); run `assay setup`/);
    expect(report.tests[0]?.errors[0]?.code).toBe("engine-down");
    expect(report.teardown.created).toBe(0);
  });
});

describe("4: leak", () => {
  test("what could not be removed is named; once the cause is gone, gc takes it", async () => {
    // It stays however often it is tried.
    const ended = await fault("leaking", { ASSAY_PATIENCE: "2s" });
    const left = ended.report?.teardown.leaked ?? [];
    const directory = left[0]?.replace(/^directory /, "") ?? "";
    try {
      await agree(ended, 4, "1 passed, 1 failed, 0 skipped");
      expect(left).toEqual([expect.stringMatching(/^directory \/.*\/box\/vfx$/)]);
      expect(ended.said).toMatch(/teardown +3 created, 2 destroyed, 1 leaked/);
      expect(ended.said).toMatch(/verdict +Leaked: 1 resource of this run is still there after teardown; "assay gc"/);
    } finally {
      spawnSync("umount", [join(directory, "held")]);
    }
    const collected = await assay(["gc"]);
    expect(collected.status, collected.said).toBe(0);
    expect(readdirSync(config.scratch)).not.toContain(ended.report?.run);
  });
});
