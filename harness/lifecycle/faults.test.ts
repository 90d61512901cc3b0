// What becomes of faults, whatever they are made of: the ledger knows them first, and each ends once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { identityOf } from "../model/identity.ts";
import type { ContainerNode } from "../model/node.ts";
import { type Breaking, Faults, faultsOf } from "./faults.ts";
import { Ledger } from "./ledger.ts";

const run = "faultsrun";
const resource = { driver: "nftables", kind: "partition", name: "assay-faultsrun-cut" } as const;
const node = { id: "c0ffee", title: "e/one" } as ContainerNode;

let directory: string;
let ledger: Ledger;
let faults: Faults;
let said: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-faults-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  ledger.beginRun(run, identityOf(), "test");
  said = [];
  const standing = {
    owner: { run, identity: identityOf() },
    environment: defineEnvironment("e", { nodes: { one: container({ image: "none:1" }) } }),
    scope: "n1",
    directory,
    images: new Map(),
  };
  faults = new Faults({ standing, ledger, events: { say: () => undefined, flushed: async () => undefined } });
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

const states = () => ledger.standing(run).map(({ name, state }) => `${name} ${state}`);

/** Says what is done, and what the ledger has of it at that time. */
function breaking(title: string, more: Partial<Breaking> = {}): Breaking {
  const does = (what: string) => async () => void said.push(`${what} ${title}: ${states().join() || "nothing"}`);
  return { title, apply: does("break"), undo: does("mend"), ...more };
}

test("what is on the host is in the ledger before it is, and until it is not; it is mended once", async () => {
  const fault = await faults.begin(breaking("a", { resource }));
  expect(states()).toEqual([`${resource.name} live`]);
  await Promise.all([fault.heal(), fault.heal()]);
  await fault[Symbol.asyncDispose]();
  await faults.heal();
  expect(said).toEqual([`break a: ${resource.name} intent`, `mend a: ${resource.name} deleting`]);
  expect(states()).toEqual([]);
});

test("what cannot be broken is mended at once, and told", async () => {
  const apply = () => Promise.reject(new Error("no such port"));
  await expect(faults.begin(breaking("a", { resource, apply }))).rejects.toThrow("no such port");
  expect(said).toEqual([`mend a: ${resource.name} deleting`]);
  expect(states()).toEqual([]);
});

test("all are mended, the newest first, though one cannot be; that one is told, stays in the ledger, and is tried again", async () => {
  let mendable = false;
  const undo = async () => {
    said.push("try b");
    if (!mendable) throw new Error("busy");
  };
  await faults.begin(breaking("a"));
  await faults.begin(breaking("b", { resource, undo }));
  await faults.begin(breaking("c"));
  said = [];
  await expect(faults.heal()).rejects.toMatchObject({ code: "not-healed", seen: "b could not be healed: busy" });
  expect(said.map((line) => line.split(":")[0])).toEqual(["mend c", "try b", "mend a"]);
  expect(states()).toEqual([`${resource.name} deleting`]);
  mendable = true;
  await faults.heal();
  expect(said.slice(3)).toEqual(["try b"]);
  expect(states()).toEqual([]);
});

test("at the end of a stand-up what is in nodes goes with them, and only what is on the host is mended", async () => {
  faults.own(node);
  expect(faultsOf(node)).toBe(faults);
  const inside = await faults.begin(breaking("inside"));
  await faults.begin(breaking("outside", { resource }));
  said = [];
  await faults.close();
  await inside.heal();
  expect(said).toEqual([`mend outside: ${resource.name} deleting`]);
  expect(() => faultsOf(node, "a.spec.ts:1:1")).toThrow(/a\.spec\.ts:1:1: e\/one does not stand any more/);
});

test("nothing is broken once teardown of the run has begun", async () => {
  ledger.closing(run);
  await expect(faults.begin(breaking("a", { resource }))).rejects.toMatchObject({ phase: "create" });
  expect(said).toEqual([]);
});
