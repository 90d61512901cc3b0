// Decides that the image under a machine is held against its digest before and after, and that a disk without room for a snapshot is
// told as that. The guests here are not waited for.
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { enginesOf } from "../engines.ts";
import { defineEnvironment } from "../model/environment.ts";
import { identityOf } from "../model/identity.ts";
import type { BuiltImage } from "../model/image.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import { Store } from "../store/store.ts";
import type { Engines } from "./by-kind.ts";
import type { Driver, PlannedResource, Standing } from "./driver.ts";

const config = readConfig();
mkdirSync(config.scratch, { recursive: true, mode: 0o711 });
const place = mkdtempSync(join(config.scratch, "base"));
chmodSync(place, 0o711);
let built: BuiltImage;
let engines: Engines;
let driver: Driver;
let runs = 0;

const open = async (scratch: string) => {
  const facts = { ...config, scratch, path: process.env["PATH"] ?? "", uid: process.getuid?.() ?? 0 };
  const opened = enginesOf(facts);
  return { engines: opened, driver: await opened.libvirt() };
};
beforeAll(async () => {
  ({ engines, driver } = await open(config.scratch));
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  ({ image: built } = await store.build(machine, { source: driver.images }));
});
afterAll(async () => {
  await engines.close();
  rmSync(place, { recursive: true, force: true });
});

/** A run whose machine stands on a copy of the image that is the test's own. */
const begin = (directory: string, image: BuiltImage): { standing: Standing; plan: readonly PlannedResource[] } => {
  runs += 1;
  const node = vm({ image: machine, carrier: true, ready: { unit: "shell", within: "100s" } });
  const standing: Standing = {
    owner: { run: `base${process.pid}x${runs}`, identity: identityOf() },
    environment: defineEnvironment("base", { nodes: { node } }),
    scope: "s1",
    directory: join(directory, `base${process.pid}x${runs}`),
    images: new Map([[image.tag, image]]),
    nodes: new Map(),
  };
  return { standing, plan: driver.plan(standing) };
};

describe("the image under a machine", () => {
  let disk: string;
  let image: BuiltImage;
  beforeEach(() => {
    disk = join(place, `disk${runs}.qcow2`);
    const known = built.disk ?? expect.fail("the recipe gave no disk");
    copyFileSync(known.path, disk);
    chmodSync(disk, 0o644);
    const { stamp: _, ...own } = { ...known, path: disk };
    image = { ...built, disk: own };
  });

  test.each([
    ["changed", "base-changed", () => appendFileSync(disk, "\0")],
    ["removed", "base-gone", () => rmSync(disk)],
  ])("is %s under a run: the machine goes, and that is told", async (_, code, harm) => {
    const { standing, plan } = begin(config.scratch, image);
    await driver.check(standing);
    for (const resource of plan) await driver.create(resource, standing, () => undefined);
    const domain = plan.at(-1) ?? expect.fail("no plan");
    harm();
    await expect(driver.destroy(domain)).rejects.toMatchObject({ name: "ProvisionError", code, phase: "destroy" });
    expect(await driver.find(standing.owner.run)).toEqual([]);
    for (const resource of [...plan].reverse()) await driver.destroy(resource);
  });

  test("is not what it was built to: refused before anything is made", async () => {
    appendFileSync(disk, "\0");
    const { standing } = begin(config.scratch, image);
    await expect(driver.check(standing)).rejects.toMatchObject({ code: "base-changed" });
  });

  test("somebody else's, with a backing file: refused before anything opens it", async () => {
    const layered = join(place, "layered.qcow2");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk, layered]);
    const foreign = fromQcow2(layered, { sha256: "0".repeat(64) });
    const { standing } = begin(config.scratch, image);
    const environment = defineEnvironment("foreign", { nodes: { node: vm({ image: foreign }) } });
    await expect(driver.check({ ...standing, environment })).rejects.toMatchObject({ name: "DeclarationError" });
  });
});

test("a snapshot for which there is no room is told as that, and the machine goes", async () => {
  const small = join(place, "small");
  mkdirSync(small, { mode: 0o711 });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m,mode=711", "assay-test", small]);
  const own = await open(small);
  const { standing, plan } = begin(small, built);
  const domain = plan.at(-1) ?? expect.fail("no plan");
  try {
    for (const resource of plan) await own.driver.create(resource, standing, () => undefined);
    await expect(own.driver.connect(domain, standing)).rejects.toMatchObject({ code: "no-space" });
    expect((await own.driver.evidence(domain)).map(({ name }) => name)).toContain("console.log");
  } finally {
    for (const resource of [...plan].reverse()) await own.driver.destroy(resource);
    expect(await own.driver.find(standing.owner.run)).toEqual([]);
    await own.engines.close();
    execFileSync("umount", [small]);
  }
});
