// Decides that a run with a container and a machine leaves nothing when it is cancelled or killed while the machine boots or after, and
// what becomes of it when libvirt's daemon restarts, stops or never was. The daemons that are stopped are the tests' own.
import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { engineFacts } from "../commands/surroundings.ts";
import { readConfig } from "../config.ts";
import type { Engines } from "../drivers/by-kind.ts";
import { PrivateLibvirt } from "../drivers/testing/private-libvirt.ts";
import { enginesOf } from "../engines.ts";
import type { RunEvent } from "../model/event.ts";
import { Store } from "../store/store.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";
import { libvirtFilesOf, processesNaming } from "./testing/machine-remains.ts";

const config = readConfig();
let engines: Engines;
beforeAll(async () => {
  engines = enginesOf(engineFacts(config));
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const docker = await engines.docker();
  const { image } = await store.build(soe, { source: docker.images });
  await docker.load(image);
  await store.build(machine);
}, 900_000);
afterAll(() => engines.close());

const stageOf = async (subject = "mixed.subject", env: NodeJS.ProcessEnv = {}, libvirt = engines.libvirt()) =>
  new RunStage({
    env: { ...process.env, ...env },
    subject,
    drivers: [await engines.docker(), await libvirt],
  });

const none = { ...nothing, carriers: [], files: [] };
async function left(stage: RunStage): Promise<Record<keyof typeof none, readonly unknown[]>> {
  const runs = stage.runs();
  return { ...(await stage.left()), carriers: runs.flatMap(processesNaming), files: runs.flatMap(libvirtFilesOf) };
}

/** The machine's QEMU runs, and its guest is far from ready. */
const boots = (event: RunEvent) => event.event === "resource" && event.kind === "domain" && event.state === "live";

describe("a container and a machine", () => {
  test("both answer, both are gone afterwards, and the report names both engines", async () => {
    using stage = await stageOf();
    const { code, output } = await stage.start().ended;
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining("6 created, 6 destroyed, 0 leaked"),
    });
    expect(Object.keys(stage.report().host.engines)).toEqual(["docker", "libvirt", "qemu"]);
    expect(await left(stage)).toEqual(none);
  });

  // The container's network, directory and itself: six commits; the machine's claim, and its three: seven; then the first "deleting".
  test("killed with its reaper when the machine is ready and has been asked: gc leaves nothing", async () => {
    using stage = await stageOf();
    const { signal, output } = await stage.start("kill:group+reaper@worker:14").ended;
    expect({ signal, output }).toMatchObject({
      signal: "SIGKILL",
      output: expect.stringMatching(/✓ .* the machine answers/),
    });
    const [run] = stage.runs();
    expect(await stage.gc()).toMatchObject({
      code: 0,
      output: expect.stringContaining(`removed 6 resources of run ${run}`),
    });
    expect(await left(stage)).toEqual(none);
  });
});

describe("while the machine boots", () => {
  test("one Ctrl-C: it is torn down, reported, and ends with 130", async () => {
    using stage = await stageOf();
    const { child, ended } = stage.start();
    await stage.told(boots);
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, output: expect.stringContaining("0 leaked") });
    expect(stage.report()).toMatchObject({ exitCode: 130 });
    expect(await left(stage)).toEqual(none);
  });

  const impatient = (child: ChildProcess) => {
    // Two of a kind can be one by the time they are heard.
    child.kill("SIGINT");
    child.kill("SIGTERM");
  };
  test.each([
    ["two signals", impatient],
    ["kill -9", (child: ChildProcess) => child.kill("SIGKILL")],
  ] as const)("%s: the supervisor is gone at once, and the reaper leaves nothing", async (_, send) => {
    using stage = await stageOf();
    const { child, ended } = stage.start();
    await stage.told(boots);
    send(child);
    const { output } = await ended;
    expect(output).not.toContain("leaked");
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await left(stage)).toEqual(none);
  });
});

describe("a libvirt daemon", () => {
  let libvirt: PrivateLibvirt;
  let theirs: Engines;
  beforeAll(async () => {
    libvirt = await PrivateLibvirt.start();
    theirs = enginesOf({ ...engineFacts(config), libvirtUri: libvirt.uri });
  });
  afterAll(async () => {
    await theirs.close();
    await libvirt.close();
  });
  const stageThere = (env: NodeJS.ProcessEnv = {}) =>
    stageOf("mixed.subject", { ...env, LIBVIRT_DEFAULT_URI: libvirt.uri }, theirs.libvirt());

  test.each(["stop", "kill"] as const)("that restarts (%s) while the machine boots is no matter", async (how) => {
    using stage = await stageThere();
    const { ended } = stage.start();
    await stage.told(boots);
    await libvirt[how]();
    await libvirt.start();
    const { code, output } = await ended;
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("0 leaked") });
    expect(await left(stage)).toEqual(none);
  });

  test("that is down at teardown: told as a leak with the remedy; when it is back, gc takes it", async () => {
    // Nobody brings it back while it is waited for.
    using stage = await stageThere({ ASSAY_PATIENCE: "3s" });
    const { ended } = stage.start();
    await stage.told(boots);
    await libvirt.stop();
    const { code, output } = await ended;
    const [run] = stage.runs();
    try {
      expect({ code, output }).toMatchObject({ code: 4, output: expect.stringMatching(/[1-3] leaked/) });
      expect(output).toContain('"assay gc"');
      expect(stage.report().teardown.leaked).toContainEqual(
        expect.stringMatching(`^domain assay-${run}-.*-booted-two$`),
      );
      // As long as nobody answers, it is not said to be clean.
      expect(await stage.gc()).toMatchObject({ code: 4, output: expect.stringContaining("start it") });
    } finally {
      await libvirt.start();
    }
    expect(await stage.gc({ ASSAY_PATIENCE: undefined })).toMatchObject({
      code: 0,
      output: expect.stringContaining(`of run ${run}`),
    });
    expect(await left(stage)).toEqual(none);
  });
});

describe("no libvirt at all", () => {
  const env = { LIBVIRT_DEFAULT_URI: "qemu+unix:///system?socket=/no/such/socket" };

  test("a run of containers is met", async () => {
    using stage = await stageOf("small.subject", env);
    const { code, output } = await stage.start().ended;
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining("5 created, 5 destroyed, 0 leaked"),
    });
    expect(await left(stage)).toEqual(none);
  });

  test("a run with a machine could not ask, and says who did not answer", async () => {
    using stage = await stageOf("metal.subject", env);
    const { code, output } = await stage.start().ended;
    expect({ code, output }).toMatchObject({ code: 3, output: expect.stringContaining("/no/such/socket") });
    expect(output).toContain("0 created, 0 destroyed, 0 leaked");
    expect(await left(stage)).toEqual(none);
  });
});

describe("no docker at all", () => {
  const env = { DOCKER_HOST: "unix:///no/such/docker.sock" };

  test("a run of machines neither asks for it nor misses it", async () => {
    using stage = await stageOf("metal.subject", env);
    const { output } = await stage.start().ended;
    expect(output).toMatch(/([34]) created, \1 destroyed, 0 leaked/);
    expect(output).not.toContain("docker");
    expect(Object.keys(stage.report().host.engines)).toEqual(["libvirt", "qemu"]);
    expect(await left(stage)).toEqual(none);
  });

  test("a run with a container could not ask, and says who did not answer", async () => {
    using stage = await stageOf("small.subject", env);
    const { code, output } = await stage.start().ended;
    expect({ code, output }).toMatchObject({ code: 3, output: expect.stringContaining("/no/such/docker.sock") });
    expect(output).toContain("0 created, 0 destroyed, 0 leaked");
    expect(await left(stage)).toEqual(none);
  });
});
