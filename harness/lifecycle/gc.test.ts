// Decides that what dead runs left goes, from ledger, labels and files, and that nobody else's things are touched.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Owner, ResourceRef } from "../drivers/driver.ts";
import { MemoryDriver } from "../drivers/memory.ts";
import { MemoryEngine } from "../drivers/memory-engine.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { identityOf } from "../model/identity.ts";
import { gc } from "./gc.ts";
import { Ledger } from "./ledger.ts";
import { occupy, type Places } from "./places.ts";
import { processesOf, runVariable } from "./processes.ts";

const environment = defineEnvironment("soe", { nodes: { web: container({ image: "none" }) } });
const alive = identityOf();
const [host, boot, namespace, pid, started] = alive.split(" ");
const dead = {
  "a pid that another process has by now": [host, boot, namespace, pid, String(Number(started) - 1)].join(" "),
  "an earlier boot": [host, "00000000-0000-0000-0000-000000000000", namespace, pid, started].join(" "),
};
const foreign = {
  "another machine": [`${hostname()}-other`, "00000000-0000-0000-0000-000000000000", namespace, pid, started].join(" "),
  "another pid namespace": [host, boot, "1", pid, started].join(" "),
};

let directory: string;
let ledger: Ledger;
let engine: MemoryEngine;
let driver: MemoryDriver;
let places: Places;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-gc-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  engine = new MemoryEngine();
  driver = new MemoryDriver({ engine });
  places = { scratch: join(directory, "scratch"), socket: (run) => join(directory, `${run}.sock`) };
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

async function stand(owner: Owner, known: "in the ledger" | "by label alone", scope = "s1"): Promise<void> {
  const standing = { owner, environment, scope, directory, images: new Map() };
  if (known === "in the ledger") ledger.beginRun(owner.run, owner.identity, "assay run");
  for (const resource of driver.plan(standing)) {
    const entry = known === "in the ledger" ? ledger.intend(owner.run, { ...resource, environment: "soe" }) : undefined;
    await driver.create(resource, standing, (id) => entry !== undefined && ledger.live(entry, id));
  }
}
const runs = async () => (await driver.find()).map(({ owner }) => owner.run).sort();
const collect = (use: Ledger | undefined = ledger) =>
  gc({ ledger: use, drivers: [driver], places, settleMs: 50, patienceMs: 100 });

describe("collecting", () => {
  test.each(Object.entries(dead))("takes the run of a dead owner: %s", async (_, identity) => {
    await stand({ run: "known", identity }, "in the ledger");
    await stand({ run: "unknown", identity }, "by label alone");
    await stand({ run: "living", identity: alive }, "in the ledger");
    const collected = await collect();
    expect(collected.removed.map(({ run, totals }) => [run, totals.destroyed]).sort()).toEqual([
      ["known", 1],
      ["unknown", 1],
    ]);
    expect(collected.kept).toEqual([
      { run: "living", owner: "alive", identity: alive, resources: ["container assay-living-s1-soe-web"] },
    ]);
    expect(collected.troubles).toEqual([]);
    expect(await runs()).toEqual(["living"]);
    expect(ledger.run("known")?.endedAt).toBeDefined();
    expect((await collect()).removed).toEqual([]);
  });

  test.each(Object.entries(foreign))("leaves the run of an owner that cannot be asked: %s", async (_, identity) => {
    await stand({ run: "known", identity }, "in the ledger");
    await stand({ run: "unknown", identity }, "by label alone");
    const collected = await collect();
    expect(collected.removed).toEqual([]);
    expect(collected.kept.map(({ run, owner }) => [run, owner]).sort()).toEqual([
      ["known", "foreign"],
      ["unknown", "foreign"],
    ]);
    expect(await runs()).toEqual(["known", "unknown"]);
  });

  test("works by labels alone when there is no ledger", async () => {
    await stand({ run: "gone", identity: dead["an earlier boot"] }, "in the ledger");
    await stand({ run: "living", identity: alive }, "in the ledger");
    expect((await collect(undefined)).removed.map(({ run }) => run)).toEqual(["gone"]);
    expect(await runs()).toEqual(["living"]);
  });

  test("of one name and several owners, which no ledger knows, takes the dead ones' alone", async () => {
    const items = ["an earlier boot", "a pid that another process has by now"] as const;
    for (const [index, why] of items.entries())
      await stand({ run: "export", identity: dead[why] }, "by label alone", `d${index}`);
    await stand({ run: "export", identity: alive }, "by label alone", "living");
    await stand({ run: "export", identity: foreign["another machine"] }, "by label alone", "foreign");
    const collected = await collect();
    expect(collected.removed.map(({ run, totals }) => [run, totals.destroyed, totals.leaked])).toEqual([
      ["export", 2, []],
    ]);
    expect(collected.kept.map(({ run, owner }) => [run, owner]).sort()).toEqual([
      ["export", "alive"],
      ["export", "foreign"],
    ]);
    expect((await driver.find()).map(({ owner }) => owner.identity).sort()).toEqual(
      [alive, foreign["another machine"]].sort(),
    );
  });

  test("takes what appeared after its run had ended, once the owner is dead", async () => {
    ledger.beginRun("late", alive, "c");
    ledger.endRun("late");
    await stand({ run: "late", identity: dead["an earlier boot"] }, "by label alone");
    // The ledger's word: that owner lives.
    expect((await collect()).removed).toEqual([]);
    ledger.beginRun("later", dead["an earlier boot"], "c");
    ledger.endRun("later");
    await stand({ run: "later", identity: alive }, "by label alone");
    expect((await collect()).removed.map(({ run }) => run)).toEqual(["later"]);
  });

  test("says what it could not remove, and takes it the next time", async () => {
    engine.faults = { failDestroy: { name: "stuck", times: 4 } };
    await stand({ run: "stuck", identity: dead["an earlier boot"] }, "in the ledger");
    await stand({ run: "easy", identity: dead["an earlier boot"] }, "in the ledger");
    const first = await gc({ ledger, drivers: [driver], settleMs: 0, patienceMs: 0 });
    expect(first.troubles).toEqual([expect.stringContaining("container assay-stuck-s1-soe-web")]);
    expect(await runs()).toEqual(["stuck"]);
    engine.faults = {};
    expect((await collect()).troubles).toEqual([]);
    expect(await runs()).toEqual([]);
  });

  test("says which engine did not answer, and does not take silence for absence", async () => {
    await stand({ run: "gone", identity: dead["an earlier boot"] }, "in the ledger");
    engine.faults = { failFind: 1 };
    expect((await collect()).troubles).toEqual(["memory could not be asked: destroy: the engine does not answer"]);
  });

  test("ends what still runs for a dead run, even in a session of its own, and nothing else", async () => {
    const start = (run: string) =>
      spawn("sh", ["-c", "trap '' TERM; while :; do sleep 1; done"], {
        env: { PATH: "/usr/bin:/bin", [runVariable]: run },
        detached: true,
        stdio: "ignore",
      });
    const [orphan, other] = [start("orphaned"), start("orphaned2")];
    try {
      const orphanEnd = once(orphan, "exit");
      ledger.beginRun("orphaned", dead["an earlier boot"], "c");
      expect(processesOf("orphaned")).toContain(orphan.pid);
      await collect();
      expect(await orphanEnd).toEqual([null, "SIGKILL"]);
      expect(processesOf("orphaned")).toEqual([]);
      expect(processesOf("orphaned2")).toContain(other.pid);
    } finally {
      if (other.pid !== undefined) process.kill(-other.pid, "SIGKILL");
    }
  });

  test("removes directories and sockets of dead runs, with a ledger and without, and no others", async () => {
    for (const [run, identity] of [
      ["deadknown", dead["an earlier boot"]],
      ["deadunknown", dead["an earlier boot"]],
      ["living", alive],
      ["foreign", foreign["another machine"]],
    ] as const) {
      writeFileSync(join(occupy(places, run, identity), "data"), "x");
      writeFileSync(places.socket(run), "");
    }
    mkdirSync(join(places.scratch, "nobodys"));
    ledger.beginRun("deadknown", dead["an earlier boot"], "c");
    expect((await collect()).troubles).toEqual([]);
    const there = (run: string) =>
      existsSync(join(places.scratch, run)) && (run === "nobodys" || existsSync(places.socket(run)));
    expect(["deadknown", "deadunknown", "living", "foreign", "nobodys"].map(there)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
    expect(["deadknown", "deadunknown"].some((run) => existsSync(places.socket(run)))).toBe(false);
  });

  test("what a run that began meanwhile keeps is not taken for abandoned", async () => {
    const slow = {
      kind: driver.kind,
      probe: () => driver.probe(),
      find: (run?: string) => driver.find(run),
      close: () => driver.close(),
      destroy: async (resource: ResourceRef) => {
        // While a dead run is cleared, another one stands something up, keeps it, and its owner ends.
        const identity = dead["an earlier boot"];
        if (ledger.run("quick") === undefined) ledger.beginRun("quick", identity, "assay up soe");
        occupy(places, "quick", identity);
        ledger.lease("quick", { keptAt: Date.now(), stands: [] });
        await driver.destroy(resource);
      },
    };
    await stand({ run: "gone", identity: dead["an earlier boot"] }, "in the ledger");
    const { removed } = await gc({ ledger, drivers: [slow], places, settleMs: 50, patienceMs: 100 });
    expect(removed.map(({ run }) => run)).toEqual(["gone"]);
    expect(existsSync(join(places.scratch, "quick"))).toBe(true);
  });

  test("files stay where there is no ledger and an engine does not say what of them is kept", async () => {
    occupy(places, "gone", dead["an earlier boot"]);
    engine.faults = { failFind: 1 };
    await gc({ ledger: undefined, drivers: [driver], places });
    expect(existsSync(join(places.scratch, "gone"))).toBe(true);
    await gc({ ledger: undefined, drivers: [driver], places });
    expect(existsSync(join(places.scratch, "gone"))).toBe(false);
  });

  test("any number at once do not disturb each other", async () => {
    for (const run of ["a", "b", "c"]) await stand({ run, identity: dead["an earlier boot"] }, "in the ledger");
    await stand({ run: "living", identity: alive }, "in the ledger");
    const all = await Promise.all([collect(), collect(), collect()]);
    expect(all.flatMap(({ troubles }) => troubles)).toEqual([]);
    expect(await runs()).toEqual(["living"]);
  });
});

describe("a run that another ledger keeps", () => {
  const identity = dead["an earlier boot"];
  const lease = { keptAt: Date.now(), stands: [] };
  const otherLedger = (kept: boolean) => {
    const file = join(directory, "other", "ledger.db");
    using other = Ledger.open(file);
    other.beginRun("theirs", identity, "assay up soe");
    if (kept) other.lease("theirs", lease);
    return file;
  };

  test("is left alone, also by gc --kept", async () => {
    await stand({ run: "theirs", identity, ledger: otherLedger(true) }, "by label alone");
    expect((await collect()).kept).toMatchObject([{ run: "theirs", owner: "leased" }]);
    expect((await gc({ ledger, drivers: [driver], places, leased: true })).removed).toEqual([]);
    expect((await gc({ ledger: undefined, drivers: [driver], places })).removed).toEqual([]);
    expect(await runs()).toEqual(["theirs"]);
  });

  test("is left alone where that ledger cannot be read", async () => {
    mkdirSync(join(directory, "no-ledger"));
    await stand({ run: "theirs", identity, ledger: join(directory, "no-ledger") }, "by label alone");
    expect((await collect()).kept).toMatchObject([{ run: "theirs", owner: "foreign" }]);
  });

  test("is left alone where nobody can tell whether that ledger is there", async () => {
    // As a home directory that only its user may enter, which is no obstacle to root.
    symlinkSync(join(directory, "loop"), join(directory, "loop"));
    await stand({ run: "theirs", identity, ledger: join(directory, "loop", "ledger.db") }, "by label alone");
    expect((await collect()).kept).toMatchObject([{ run: "theirs", owner: "foreign" }]);
    expect(await runs()).toEqual(["theirs"]);
  });

  test.each([
    ["no lease in it", () => otherLedger(false)],
    ["that ledger gone", () => join(directory, "gone", "ledger.db")],
  ])("goes with %s", async (_, file) => {
    await stand({ run: "theirs", identity, ledger: file() }, "by label alone");
    expect((await collect()).removed).toMatchObject([{ run: "theirs" }]);
    expect(await runs()).toEqual([]);
    expect(existsSync(join(directory, "gone"))).toBe(false);
  });
});
