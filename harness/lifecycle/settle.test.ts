// Decides that what is kept comes to what its lease says, wherever a change of it was cut off: what stood stays, nothing half is left, nobody
// else is disturbed; and that a stand-up that grows makes what is missing and nothing else.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PlannedResource, Standing } from "../drivers/driver.ts";
import { MemoryDriver } from "../drivers/memory.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { EventSink } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { gc } from "./gc.ts";
import type { Lease } from "./lease.ts";
import { Ledger } from "./ledger.ts";
import { standUp } from "./run.ts";
import { isCutOff, settle } from "./settle.ts";

const run = "r1";
const alive = identityOf();
const [host, boot, namespace, pid, started] = alive.split(" ");
const dead = [host, boot, namespace, pid, String(Number(started) - 1)].join(" ");
const events: EventSink = { say: () => {}, flushed: async () => {} };
const environmentOf = (...names: string[]) =>
  defineEnvironment("e", {
    networks: { lan: {} },
    nodes: Object.fromEntries(
      names.map((name) => [name, container({ image: "none", memory: "16m", networks: ["lan"] })]),
    ),
  });

/** What joined a network that was there. */
class Joining extends MemoryDriver {
  readonly joined: string[] = [];
  readonly cleared: string[] = [];
  async join({ name }: PlannedResource): Promise<void> {
    this.joined.push(name);
  }
  async unseat(whose: string): Promise<void> {
    this.cleared.push(whose);
  }
}

let directory: string;
let ledger: Ledger;
let driver: Joining;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "assay-settle-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  driver = new Joining();
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

const standing = (environment: ReturnType<typeof environmentOf>, stands?: readonly string[]) =>
  standUp({
    ...{ environment, scope: "up", directory, ledger, events, drivers: [driver] },
    owner: { run, identity: dead },
    images: { build: () => Promise.reject(new Error("there is no recipe")) },
    report: directory,
    ...(stands === undefined ? {} : { stands: new Set(stands) }),
  });
const names = async () => (await driver.find()).map(({ name }) => name.split("-e-")[1]).sort();
const memory = () => ledger.claims().flatMap(({ name, amount }) => (name === "memory" ? [amount] : []));

/** A run that keeps these, as `assay up` leaves one. */
async function kept(...nodes: string[]): Promise<Lease> {
  ledger.beginRun(run, dead, "assay up e");
  const stand = await (await standing(environmentOf(...nodes))).leave({ evidence: false });
  const lease = { keptAt: 1, digest: "d", stands: [stand] };
  ledger.lease(run, lease);
  ledger.closing(run);
  return lease;
}
const row = () => ledger.run(run) ?? expect.fail("the ledger does not know it");

test("growing makes what is missing, and takes part in what is there", async () => {
  const lease = await kept("a");
  expect(ledger.reopen(run, { from: dead, to: alive, lease })).toBe(true);
  const live = await standing(environmentOf("a", "b"), lease.stands[0]?.resources);
  expect([...live.nodes.keys()]).toEqual(["b"]);
  const made = await live.leave({ evidence: false });
  expect(made.nodes.map(({ node }) => node)).toEqual(["b"]);
  expect(made.resources).toEqual([`container assay-${run}-up-e-b`]);
  expect(made.claims).toEqual([{ name: "memory", amount: 32 * 1024 ** 2 }]);
  expect(driver.joined).toEqual([`assay-${run}-up-e-network-lan`]);
  expect(await names()).toEqual(["a", "b", "network-lan"]);
});

test("what cannot grow takes down what it made, and what stood stays", async () => {
  const lease = await kept("a");
  ledger.reopen(run, { from: dead, to: alive, lease });
  const broken = environmentOf("a", "b", "c");
  const create = driver.create.bind(driver);
  driver.create = (resource, where, created) =>
    resource.node === "c" ? Promise.reject(new Error("no more")) : create(resource, where as Standing, created);
  await expect(standing(broken, lease.stands[0]?.resources)).rejects.toThrow("no more");
  expect(await names()).toEqual(["a", "network-lan"]);
});

test("growth that was cut off: what was new goes, seen or not, and with it what it held", async () => {
  const lease = await kept("a");
  ledger.reopen(run, { from: dead, to: alive, lease });
  const live = await standing(environmentOf("a", "b"), lease.stands[0]?.resources);
  await live.leave({ evidence: false });
  // Another was about to be made.
  ledger.intend(run, { driver: "memory", kind: "container", name: `assay-${run}-up-e-c`, environment: "e", node: "c" });
  expect(memory()).toEqual([32 * 1024 ** 2]);
  expect(isCutOff(row())).toBe(false);
  ledger.handBack(run, { from: dead, to: alive });
  expect(isCutOff(row())).toBe(true);

  const ended = await settle(row(), lease, { ledger, drivers: [driver], settleMs: 50 });
  expect(ended).toMatchObject({ leaked: [] });
  expect(ended?.error).toBeUndefined();
  expect(await names()).toEqual(["a", "network-lan"]);
  expect(ledger.standing(run).map(({ name }) => name.split("-e-")[1])).toEqual(["a", "network-lan"]);
  expect(memory()).toEqual([16 * 1024 ** 2]);
  expect(driver.cleared).toEqual([run]);
  expect(row()).toMatchObject({ identity: dead, closingAt: expect.any(Number), lease });
  expect(isCutOff(row())).toBe(false);
});

test("a smaller lease is what stays, and gc finishes what was cut off; a living owner is left alone", async () => {
  const { stands, ...rest } = await kept("a", "b", "c");
  const [stand] = stands;
  if (stand === undefined) return expect.fail("nothing is kept");
  const lease: Lease = {
    ...rest,
    stands: [{ ...stand, resources: stand.resources.filter((each) => !/-[bc]$/.test(each)), claims: [] }],
  };
  const collect = () => gc({ ledger, drivers: [driver], settleMs: 50 });
  ledger.reopen(run, { from: dead, to: alive, lease });
  expect((await collect()).kept).toMatchObject([{ run, owner: "alive" }]);
  expect(await names()).toEqual(["a", "b", "c", "network-lan"]);
  ledger.handBack(run, { from: dead, to: alive });
  expect(await collect()).toMatchObject({ kept: [{ run, owner: "leased" }], troubles: [] });
  expect(await names()).toEqual(["a", "network-lan"]);
  expect(memory()).toEqual([]);
});

test("one settles, the other is told that somebody was quicker", async () => {
  const lease = await kept("a");
  const before = row();
  expect(ledger.reopen(run, { from: dead, to: alive, lease })).toBe(true);
  expect(await settle(before, lease, { ledger, drivers: [driver] })).toBeUndefined();
  expect(await names()).toEqual(["a", "network-lan"]);
});

test("what could not be removed stays cut off, and is tried again", async () => {
  const lease = await kept("a");
  ledger.reopen(run, { from: dead, to: alive, lease });
  const live = await standing(environmentOf("a", "b"), lease.stands[0]?.resources);
  await live.leave({ evidence: false });
  ledger.handBack(run, { from: dead, to: alive });
  const destroy = driver.destroy.bind(driver);
  driver.destroy = () => Promise.reject(new Error("busy"));
  const ended = await settle(row(), lease, { ledger, drivers: [driver], settleMs: 50 });
  expect(ended?.leaked).toEqual([`container assay-${run}-up-e-b`]);
  expect(isCutOff(row())).toBe(true);
  driver.destroy = destroy;
  await settle(row(), lease, { ledger, drivers: [driver], settleMs: 50 });
  expect(await names()).toEqual(["a", "network-lan"]);
  expect(isCutOff(row())).toBe(false);
});

test("what somebody has taken down meanwhile is not kept again, and cannot be opened again", async () => {
  const lease = await kept("a");
  ledger.endLease(run);
  expect(ledger.reopen(run, { from: dead, to: alive, lease })).toBe(false);
  for (const { entry } of ledger.standing(run)) ledger.gone(entry);
  ledger.endRun(run);
  ledger.lease(run, lease);
  expect(row().lease).toBeUndefined();
});
