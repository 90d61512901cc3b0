// Decides that a run with machines leaves nothing when any part of it is killed at any commit of the ledger or while a machine boots,
// and that nobody else's machines and networks are touched.
import { chmodSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { engineFacts } from "../commands/surroundings.ts";
import { readConfig } from "../config.ts";
import type { Engines } from "../drivers/by-kind.ts";
import type { Driver } from "../drivers/driver.ts";
import { type LibvirtClient, openLibvirt } from "../drivers/libvirt-client.ts";
import { networkXml } from "../drivers/libvirt-network.ts";
import { candidates, planAddresses, routes } from "../drivers/libvirt-network-subnet.ts";
import { domainXml } from "../drivers/libvirt-xml.ts";
import { labelsIn } from "../drivers/libvirt-xml-read.ts";
import { type IdleMachine, idleMachine } from "../drivers/testing/idle-machine.ts";
import { enginesOf } from "../engines.ts";
import { identityOf, liveness } from "../model/identity.ts";
import { Store } from "../store/store.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";
import { libvirtFilesOf, processesNaming, unclaimedBridges } from "./testing/machine-remains.ts";

const config = readConfig();
const canary = `canary-${process.pid}`;
/** Whose canary it is: one that its test could not remove is removed by the next. */
const tamer = "assay-test.canary";
const tamed = { [tamer]: identityOf() };
/** Labels like ours, of a machine that nobody here can ask: not ours to remove. */
const foreign = {
  ...tamed,
  "dev.assay.run": canary,
  "dev.assay.owner": "elsewhere boot 1 1 1",
  "dev.assay.environment": "e",
};

let engines: Engines;
let drivers: readonly Driver[];
let libvirt: LibvirtClient;
let idle: readonly IdleMachine[] = [];
let before: string;
beforeAll(async () => {
  engines = enginesOf(engineFacts(config));
  drivers = [await engines.docker(), await engines.libvirt()];
  libvirt = await openLibvirt({ uri: config.libvirtUri });
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const { image } = await store.build(soe, { source: (await engines.docker()).images });
  await (await engines.docker()).load(image);
  await store.build(machine);
  await sweep();
  idle = [
    // One that somebody else made, one that an Assay of another host says it made; their guests never run.
    await paused(`${canary}-plain`, tamed),
    await paused(`${canary}-labelled`, foreign),
  ];
  const [subnet] = candidates(canary, routes());
  const plan = subnet === undefined ? undefined : planAddresses(subnet, []);
  if (subnet === undefined || plan === undefined) return expect.fail("there is no free subnet");
  const bridge = `ca${process.pid}`;
  await libvirt.createNetwork(
    networkXml({ name: `${canary}-net`, labels: foreign, bridge, out: "none", domain: "a.internal", subnet, plan }),
  );
  before = await canaries();
}, 900_000);
afterAll(async () => {
  expect(await canaries()).toBe(before);
  for (const each of idle) {
    await libvirt.destroyDomain(each.facts.name);
    each.remove();
  }
  await libvirt.destroyNetwork(`${canary}-net`);
  await libvirt.close();
  await engines.close();
});

async function paused(name: string, labels: Readonly<Record<string, string>>): Promise<IdleMachine> {
  const made = idleMachine(await libvirt.qemuUser(), { name, labels });
  chmodSync(made.directory, 0o755);
  await libvirt.createDomain(domainXml(made.facts), { paused: true });
  return made;
}

/** Removes what is left of canaries whose test was killed. */
async function sweep(): Promise<void> {
  const dead = async (xml: string | undefined) => {
    const owner = xml === undefined ? undefined : (await labelsIn(xml))[tamer];
    return owner !== undefined && liveness(owner) === "dead";
  };
  for (const { name } of await libvirt.domains())
    if (await dead(await libvirt.domainXml(name))) await libvirt.destroyDomain(name);
  for (const { name } of await libvirt.networks())
    if (await dead(await libvirt.networkXml(name))) await libvirt.destroyNetwork(name);
}

/** The canaries as libvirt sees them: any touch changes a state, or an id in the live XML. */
async function canaries(): Promise<string> {
  const domains = (await libvirt.domains()).filter(({ name }) => name.startsWith(canary));
  const xmls = [
    ...(await Promise.all(domains.map(({ name }) => libvirt.domainXml(name)))),
    await libvirt.networkXml(`${canary}-net`),
  ];
  return [...domains.map(({ name, state }) => `${name} ${state}`).sort(), ...xmls.sort()].join("\n");
}

/** Bridges of all networks that libvirt has. */
async function bridges(): Promise<ReadonlySet<string>> {
  const networks = await libvirt.networks();
  const xmls = await libvirt.networkXmls(networks.map(({ uuid }) => uuid));
  return new Set([...xmls.values()].map((xml) => /<bridge name='([^']+)'/.exec(xml)?.[1] ?? ""));
}

const none = { ...nothing, carriers: [], bridges: [], files: [] };

const stageOf = (subject: string) => new RunStage({ env: process.env, subject, drivers });

/** Everything of the stage's runs, in the engines, the ledger, the kernel and libvirt's own directories. */
async function left(stage: RunStage): Promise<Record<keyof typeof none, readonly unknown[]>> {
  const runs = stage.runs();
  return {
    ...(await stage.left()),
    carriers: runs.flatMap(processesNaming),
    bridges: await unclaimedBridges(bridges),
    files: runs.flatMap(libvirtFilesOf),
  };
}

// The worker's commits: its claim; of three resources intent, live, deleting, gone; its claim's release.
const worker = Array.from({ length: 14 }, (_, n) => `worker:${n + 1}`);
// The supervisor's: run, reaper, child, forgetting old runs, closing, end. At the first, nothing was made.
const supervisor = Array.from({ length: 5 }, (_, n) => `supervisor:${n + 2}`);

describe("a run with a machine, killed at every commit", () => {
  test.concurrent.each([...worker, ...supervisor])("the supervisor at %s: its reaper leaves nothing", async (step) => {
    using stage = stageOf("metal.subject");
    expect(await stage.start(`kill:supervisor@${step}`).ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await left(stage)).toEqual(none);
  });

  test.concurrent.each(worker)(
    "vitest at %s: the supervisor leaves nothing, and reports that it could not ask",
    async (step) => {
      using stage = stageOf("metal.subject");
      const { code, output } = await stage.start(`kill:vitest@${step}`).ended;
      expect({ code, output }).toMatchObject({ code: 3, output: expect.stringContaining("0 leaked") });
      expect(stage.report()).toMatchObject({ exitCode: 3 });
      expect(await left(stage)).toEqual(none);
    },
  );

  test.concurrent.each(worker)("the whole group at %s: its reaper leaves nothing", async (step) => {
    using stage = stageOf("metal.subject");
    expect(await stage.start(`kill:group@${step}`).ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await left(stage)).toEqual(none);
  });

  test.concurrent.each(worker)("the whole group and its reaper at %s: gc leaves nothing", async (step) => {
    using stage = stageOf("metal.subject");
    expect(await stage.start(`kill:group+reaper@${step}`).ended).toMatchObject({ signal: "SIGKILL" });
    const [run] = stage.runs();
    expect(await stage.gc()).toMatchObject({
      code: 0,
      output: expect.stringMatching(`removed \\d resources? of run ${run}`),
    });
    expect(await left(stage)).toEqual(none);
  });

  test.concurrent.each([`worker:${worker.length + 1}`, `supervisor:${supervisor.length + 2}`])(
    "there is no %s: those were all",
    async (step) => {
      using stage = stageOf("metal.subject");
      const { code, output } = await stage.start(`kill:group@${step}`).ended;
      expect({ code, output }).toMatchObject({
        code: 3,
        output: expect.stringContaining("3 created, 3 destroyed, 0 leaked"),
      });
      expect(output).toContain("not ready after 200ms");
      expect(await left(stage)).toEqual(none);
    },
  );
});

describe("without the ledger that knew it", () => {
  test("labels alone tell gc what a dead run left: domain, network and directory go", async () => {
    using stage = stageOf("metal.subject");
    // The domain is live, and its guest has not begun.
    expect(await stage.start("kill:group+reaper@worker:7").ended).toMatchObject({ signal: "SIGKILL" });
    const [run = ""] = stage.runs();
    const libvirt = await engines.libvirt();
    expect((await libvirt.find(run)).map(({ kind }) => kind).sort()).toEqual(["domain", "network"]);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${stage.config.ledger}${suffix}`, { force: true });
    expect(await stage.gc()).toMatchObject({ code: 0, output: expect.stringContaining(`of run ${run}`) });
    expect(await libvirt.find(run)).toEqual([]);
    expect([...processesNaming(run), ...libvirtFilesOf(run)]).toEqual([]);
    expect(await left(stage)).toEqual(none);
  });
});
