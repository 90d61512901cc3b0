// Decides that reaping leaves nothing, whatever the engine does, and tells the truth about what it could not remove.
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PlannedResource, Standing } from "../drivers/driver.ts";
import { MemoryDriver } from "../drivers/memory.ts";
import { MemoryEngine, type MemoryFaults } from "../drivers/memory-engine.ts";
import { container, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { RunEvent } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { Ledger } from "./ledger.ts";
import { occupy } from "./places.ts";
import { reap } from "./reap.ts";

const environment = defineEnvironment("soe", {
  networks: { lan: {} },
  volumes: { data: {} },
  nodes: {
    web: container({ image: "none", networks: ["lan"], mounts: { "/data": volume("data") } }),
    db: container({ image: "none", networks: ["lan"], mounts: { "/data": volume("data") } }),
  },
});

let directory: string;
let ledger: Ledger;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-reap-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

const standingOf = (run: string): Standing => ({
  owner: { run, identity: identityOf() },
  environment,
  scope: "s1",
  directory,
  images: new Map(),
});

/** A run stood up as far as the faults let it, as `run.ts` would write it down. */
async function begin(run: string, faults: MemoryFaults = {}, engine = new MemoryEngine(faults)) {
  const driver = new MemoryDriver({ engine });
  const standing = standingOf(run);
  ledger.beginRun(run, standing.owner.identity, "assay run");
  for (const resource of driver.plan(standing)) {
    const entry = ledger.intend(run, { ...resource, environment: environment.name });
    try {
      await driver.create(resource, standing, (id) => ledger.live(entry, id));
    } catch {
      break;
    }
  }
  return { engine, driver };
}

const short = { settleMs: 200, patienceMs: 300 };

describe("reaping a run", () => {
  test("removes everything, nodes before what they use, and ends the run", async () => {
    const { driver } = await begin("r1");
    const said: string[] = [];
    const say = (event: RunEvent) => {
      if (event.event === "resource") said.push(`${event.state} ${event.kind} ${event.name.split("soe-")[1]}`);
    };
    expect(await reap("r1", { ledger, drivers: [driver], say })).toEqual({ created: 4, destroyed: 4, leaked: [] });
    expect(await driver.find()).toEqual([]);
    expect(ledger.run("r1")?.endedAt).toBeDefined();
    expect(said.filter((line) => line.startsWith("gone")).map((line) => line.split(" ")[1])).toEqual([
      "container",
      "container",
      "volume",
      "network",
    ]);
    expect(said).toContain("deleting container web");
    // Again, by whoever else thought of it.
    expect(await reap("r1", { ledger, drivers: [driver] })).toEqual({ created: 4, destroyed: 4, leaked: [] });
  });

  test("leaves other runs alone", async () => {
    const { engine, driver } = await begin("r1");
    await begin("r2", {}, engine);
    await reap("r1", { ledger, drivers: [driver] });
    expect((await driver.find()).map(({ owner }) => owner.run)).toEqual(["r2", "r2", "r2", "r2"]);
    expect(ledger.standing("r2")).toHaveLength(4);
  });

  test.each([1, 2, 3, 4])("removes what create %i made though its answer was lost", async (create) => {
    const { driver } = await begin("r1", { loseAnswer: create });
    expect(await driver.find()).toHaveLength(create);
    expect(await reap("r1", { ledger, drivers: [driver] })).toEqual({ created: create, destroyed: create, leaked: [] });
    expect(await driver.find()).toEqual([]);
  });

  test.each([1, 3])("waits for create %i, which appears after its answer was lost", async (create) => {
    const { engine, driver } = await begin("r1", { appearLate: { create, ms: 120 } });
    expect(await driver.find()).toHaveLength(create - 1);
    expect(await reap("r1", { ledger, drivers: [driver] })).toEqual({ created: create, destroyed: create, leaked: [] });
    await engine.landed();
    expect(await driver.find()).toEqual([]);
  });

  test("a create that was refused is not counted, and its entry ends", async () => {
    const { driver } = await begin("r1", { failCreate: 3 });
    expect(await reap("r1", { ledger, drivers: [driver], ...short })).toEqual({ created: 2, destroyed: 2, leaked: [] });
    expect(ledger.standing("r1")).toEqual([]);
    expect(ledger.run("r1")?.endedAt).toBeDefined();
  });

  test("tries again what fails", async () => {
    const { driver } = await begin("r1", { failDestroy: { name: "web", times: 2 } });
    expect(await reap("r1", { ledger, drivers: [driver] })).toEqual({ created: 4, destroyed: 4, leaked: [] });
  });

  test("tries an engine again that does not answer for a while", async () => {
    const { driver } = await begin("r1", { failFind: 3 });
    expect(await reap("r1", { ledger, drivers: [driver] })).toEqual({ created: 4, destroyed: 4, leaked: [] });
  });

  test("removes all else when one thing cannot be removed, and says what is left and why", async () => {
    const { driver } = await begin("r1", { failDestroy: { name: "web", times: Number.POSITIVE_INFINITY } });
    const said: RunEvent[] = [];
    const { error, ...totals } = await reap("r1", {
      ledger,
      drivers: [driver],
      ...short,
      say: (event) => said.push(event),
    });
    const left = ["assay-r1-s1-soe-web", "assay-r1-s1-soe-volume-data", "assay-r1-s1-soe-network-lan"];
    // What it uses stays with it; the other node is gone.
    expect(totals).toEqual({
      created: 4,
      destroyed: 1,
      leaked: expect.arrayContaining([`container ${left[0]}`, `volume ${left[1]}`, `network ${left[2]}`]),
    });
    expect((await driver.find()).map(({ name }) => name).sort()).toEqual([...left].sort());
    expect(error).toMatchObject({ name: "TeardownError", code: "not-destroyed" });
    expect(error?.message).toContain("container assay-r1-s1-soe-web could not be removed");
    expect(error?.message).toContain("mend the cause, then run assay gc");
    expect(error?.errors).toHaveLength(3);
    expect(said.filter((event) => event.event === "resource" && event.state === "leaked")).toHaveLength(3);
    expect(ledger.run("r1")?.endedAt).toBeUndefined();
    expect(ledger.standing("r1")).toHaveLength(3);
  });

  test("does not believe a removal that was answered and not done", async () => {
    const { driver } = await begin("r1", { ignoreDestroy: "volume-data" });
    const { leaked, error } = await reap("r1", { ledger, drivers: [driver], ...short });
    expect(leaked).toEqual(["volume assay-r1-s1-soe-volume-data"]);
    expect(error?.message).toContain("was removed and is still there");
    expect(ledger.run("r1")?.endedAt).toBeUndefined();
  });

  test("a removal that never answers does not hold up the others", async () => {
    const { driver } = await begin("r1", { hangDestroy: "soe-db" });
    const { leaked, error } = await reap("r1", { ledger, drivers: [driver], ...short, eachMs: 20 });
    expect(leaked).toContain("container assay-r1-s1-soe-db");
    expect(leaked).not.toContain("container assay-r1-s1-soe-web");
    expect(error?.message).toContain("no answer within 20ms");
  });

  test("an engine that never answers is no proof of anything: what the ledger has stays", async () => {
    const { driver } = await begin("r1", {
      failFind: Number.POSITIVE_INFINITY,
      failDestroy: { name: "", times: Number.POSITIVE_INFINITY },
    });
    const { leaked, error, destroyed } = await reap("r1", { ledger, drivers: [driver], ...short });
    expect(leaked).toHaveLength(4);
    expect(destroyed).toBe(0);
    expect(error?.message).toContain("memory could not be asked what is left: destroy: the engine does not answer");
    expect(ledger.standing("r1")).toHaveLength(4);
  });

  test("without a driver for it, what the ledger has is told as left", async () => {
    await begin("r1");
    const { leaked, error } = await reap("r1", { ledger, drivers: [], ...short });
    expect(leaked).toHaveLength(4);
    expect(error?.message).toContain('no driver "memory" can be used');
  });

  test("an engine that the run never used need not answer", async () => {
    ledger.beginRun("r1", "x", "c");
    const deaf = new MemoryDriver({ engine: new MemoryEngine({ failFind: Number.POSITIVE_INFINITY }) });
    expect(await reap("r1", { ledger, drivers: [deaf], ...short })).toEqual({ created: 0, destroyed: 0, leaked: [] });
    expect(ledger.run("r1")?.endedAt).toBeDefined();
  });

  test("by labels alone, without any ledger", async () => {
    const { driver } = await begin("r1");
    expect(await reap("r1", { ledger: undefined, drivers: [driver] })).toEqual({
      created: 4,
      destroyed: 4,
      leaked: [],
    });
    expect(await driver.find()).toEqual([]);
  });

  test("what the ledger lacks is found by label, counted and removed", async () => {
    const { driver } = await begin("r1");
    const stray: PlannedResource = { driver: "memory", kind: "container", name: "assay-r1-stray", needs: [] };
    await driver.create(stray, standingOf("r1"), () => {});
    expect(await reap("r1", { ledger, drivers: [driver] })).toEqual({ created: 5, destroyed: 5, leaked: [] });
  });

  test("its files go too; those that will not are told, and the run has ended all the same", async () => {
    const { driver } = await begin("r1");
    const places = { scratch: join(directory, "scratch"), socket: (run: string) => join(directory, `${run}.sock`) };
    occupy(places, "r1", identityOf());
    // What cannot be removed as a socket is.
    mkdirSync(places.socket("r1"));
    const path = join(places.scratch, "r1");
    const { error, leaked } = await reap("r1", { ledger, drivers: [driver], places });
    expect({ code: error?.code, leaked }).toEqual({ code: "files-left", leaked: [`directory ${path}`] });
    expect(ledger.run("r1")?.endedAt).toBeDefined();
    rmdirSync(places.socket("r1"));
    expect((await reap("r1", { ledger, drivers: [driver], places })).leaked).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  test("who reads that it has ended finds none of its files", async () => {
    const { driver } = await begin("r1");
    const places = { scratch: join(directory, "scratch"), socket: (run: string) => join(directory, `${run}.sock`) };
    const path = occupy(places, "r1", identityOf());
    const atTheEnd: boolean[] = [];
    const endRun = ledger.endRun.bind(ledger);
    ledger.endRun = (run) => {
      atTheEnd.push(existsSync(path));
      endRun(run);
    };
    await reap("r1", { ledger, drivers: [driver], places });
    expect(atTheEnd).toEqual([false]);
  });

  test("nothing can be created for it any more", async () => {
    const { driver } = await begin("r1");
    await reap("r1", { ledger, drivers: [driver] });
    expect(() => ledger.intend("r1", { driver: "memory", kind: "volume", name: "late", environment: "soe" })).toThrow(
      "run r1 is being torn down",
    );
  });

  test("two at once do not disturb each other", async () => {
    const { engine } = await begin("r1", { failDestroy: { name: "web", times: 1 } });
    const reaped = await Promise.all([1, 2].map(() => reap("r1", { ledger, drivers: [new MemoryDriver({ engine })] })));
    expect(reaped).toEqual([1, 2].map(() => ({ created: 4, destroyed: 4, leaked: [] })));
  });
});
