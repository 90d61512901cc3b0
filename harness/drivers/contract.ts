// Decides what every driver must do, as a suite that each runs for real. A new driver's own test is a few lines.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Environment } from "../model/environment.ts";
import { identityOf } from "../model/identity.ts";
import type { Driver, PlannedResource, Standing } from "./driver.ts";

export interface DriverUnderTest {
  readonly driver: Driver;
  /** Has a network, a volume where the driver knows volumes, and a node that uses both and goes on living. */
  readonly environment: Environment;
  /** A directory the driver may keep scratch mounts in. */
  readonly directory: string;
  /** Images the environment needs, loaded or loadable. */
  readonly images?: Standing["images"];
  /** Released after the suite. */
  close?(): Promise<void>;
}

/** Runs the contract against what `open` gives. */
export function driverContract(name: string, open: () => Promise<DriverUnderTest>): void {
  describe(`${name} keeps the driver contract`, () => {
    let under: DriverUnderTest;
    let driver: Driver;
    let runs = 0;
    let standing: Standing;
    let plan: readonly PlannedResource[];

    beforeAll(async () => {
      under = await open();
      driver = under.driver;
    });
    afterAll(async () => {
      await driver.close();
      await under.close?.();
    });
    /** A run of its own for each test, so that what one leaves does not disturb the next. */
    const begin = () => {
      runs += 1;
      const run = `contract${process.pid}x${runs}`;
      standing = {
        owner: { run, identity: identityOf() },
        environment: under.environment,
        scope: "s1",
        directory: `${under.directory}/${run}/s1`,
        images: under.images ?? new Map(),
      };
      plan = driver.plan(standing);
    };
    const create = async () => {
      const ids = new Map<string, string>();
      for (const resource of plan) {
        await driver.create(resource, standing, (id) => ids.set(resource.name, id));
        if (resource.node !== undefined && resource.kind !== "directory") await driver.start?.(resource, standing);
      }
      return ids;
    };
    const clear = async () => {
      for (const resource of [...plan].reverse()) await driver.destroy(resource);
    };
    const node = () =>
      plan.find((resource) => resource.node !== undefined && resource.kind !== "directory") ??
      expect.fail("the plan has no node");
    afterEach(async () => {
      await clear();
      expect(await driver.find(standing.owner.run)).toEqual([]);
    });

    test("it says what the engine is", async () => {
      begin();
      expect(Object.keys(await driver.probe()).length).toBeGreaterThan(0);
      await driver.check(standing);
    });

    test("a plan is the same each time, names the run, names nothing twice, and only needs what it plans before", () => {
      begin();
      expect(driver.plan(standing)).toEqual(plan);
      const names = plan.map((resource) => resource.name);
      expect(new Set(names).size).toBe(names.length);
      for (const [index, resource] of plan.entries()) {
        expect(resource.driver).toBe(driver.kind);
        expect(resource.name).toContain(standing.owner.run);
        expect(names.slice(0, index)).toEqual(expect.arrayContaining([...resource.needs]));
      }
      expect(plan.filter((resource) => resource.kind === "network").length).toBeGreaterThan(0);
      const volumes = Object.keys(under.environment.volumes);
      expect(plan.filter((resource) => resource.kind === "volume")).toHaveLength(volumes.length);
      const other = { ...standing, scope: "s2", directory: `${under.directory}/${standing.owner.run}/s2` };
      expect(driver.plan(other).some(({ name: called }) => names.includes(called))).toBe(false);
    });

    test("what is created is found by its labels, with its owner, by this run alone", async () => {
      begin();
      const ids = await create();
      expect([...ids.keys()].sort()).toEqual(plan.map((resource) => resource.name).sort());
      const found = await driver.find(standing.owner.run);
      // Directories have no labels everywhere; the ledger knows them.
      for (const resource of plan.filter(({ kind }) => kind !== "directory")) {
        expect(found).toContainEqual(
          expect.objectContaining({
            driver: driver.kind,
            kind: resource.kind,
            name: resource.name,
            id: ids.get(resource.name),
            owner: standing.owner,
            environment: under.environment.name,
            ...(resource.node === undefined ? {} : { node: resource.node }),
          }),
        );
      }
      for (const each of found) expect(Date.parse(each.createdAt)).toBeGreaterThan(Date.parse("2020-01-01"));
      expect(await driver.find(`${standing.owner.run}other`)).toEqual([]);
      const all = (await driver.find()).map((each) => each.name);
      expect(all).toEqual(expect.arrayContaining(found.map((each) => each.name)));
    });

    test("a node's name is given once: the second create is refused and the first stays", async () => {
      begin();
      await create();
      await expect(driver.create(node(), standing, () => expect.fail("it has no id"))).rejects.toMatchObject({
        name: "ProvisionError",
      });
      expect((await driver.find(standing.owner.run)).filter((each) => each.name === node().name)).toHaveLength(1);
    });

    test("a node answers commands, and says how it ended when it is removed", async () => {
      begin();
      await create();
      const live = await driver.connect(node(), standing);
      expect(live.title).toBe(`${under.environment.name}/${node().node}`);
      expect(live.name).toBe(node().node);
      expect((await live.exec(["true"])).status).toBe(0);
      expect(live.carrier.title).toBe("host");
      await driver.destroy(node());
      expect(await live.died).toMatchObject({ oomKilled: false });
      await expect(live.exec(["true"])).rejects.toMatchObject({ name: "TransportError" });
    });

    test("gone is success: what never was, what is removed twice, what two remove at once, by name alone", async () => {
      begin();
      await clear();
      await create();
      for (const resource of [...plan].reverse()) {
        const { driver: kind, kind: what, name: called } = resource;
        const byName = { driver: kind, kind: what, name: called };
        await Promise.all([driver.destroy(byName), driver.destroy(byName)]);
        await driver.destroy(byName);
      }
      expect(await driver.find(standing.owner.run)).toEqual([]);
    });

    test("what is half made is found and removed", async () => {
      begin();
      const half = plan.slice(0, -1);
      for (const resource of half) await driver.create(resource, standing, () => undefined);
      const found = (await driver.find(standing.owner.run)).map((each) => each.name).sort();
      expect(found).toEqual(
        expect.arrayContaining(half.filter(({ kind }) => kind !== "directory").map((each) => each.name)),
      );
    });

    test("evidence is given of a living node and of none, and never rejects", async () => {
      begin();
      expect((await driver.evidence(node())).length).toBeGreaterThan(0);
      await create();
      const files = await driver.evidence(node());
      expect(files.map((file) => file.title)).toContain("log");
      for (const file of files) expect(file.name).not.toContain("/");
      for (const resource of plan) await driver.evidence(resource);
    });

    test("connecting to what is not there is refused, naming the node", async () => {
      begin();
      await expect(driver.connect(node(), standing)).rejects.toThrow(`${under.environment.name}/${node().node}`);
    });
  });
}
