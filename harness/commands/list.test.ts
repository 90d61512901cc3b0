// Decides that the list tells whose everything is, from both views, and that a silent engine is not an empty one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryDriver } from "../drivers/memory.ts";
import { MemoryEngine } from "../drivers/memory-engine.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { identityOf } from "../model/identity.ts";
import { gcLines } from "./gc.ts";
import { listLines, listRuns } from "./list.ts";

const environment = defineEnvironment("soe", {
  nodes: { web: container({ image: "none" }), db: container({ image: "none" }) },
});
const alive = identityOf();
const [host, boot, namespace, pid, started] = alive.split(" ");
const dead = [host, boot, namespace, pid, `${started}0`].join(" ");
const foreign = ["farm7", "another-boot", namespace, "4711", started].join(" ");

let directory: string;
let ledger: Ledger;
let engine: MemoryEngine;
let driver: MemoryDriver;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-list-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  engine = new MemoryEngine();
  driver = new MemoryDriver({ engine });
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

async function stand(run: string, identity: string): Promise<void> {
  const standing = { owner: { run, identity }, environment, scope: "s1", directory, images: new Map() };
  for (const resource of driver.plan(standing)) await driver.create(resource, standing, () => {});
}
const later = (ms: number) => Date.now() + ms;

describe("list", () => {
  test("what another ledger keeps is told with how to reach that", async () => {
    const file = join(directory, "other", "ledger.db");
    using other = Ledger.open(file);
    other.beginRun("r9", dead, "assay up soe");
    other.lease("r9", { keptAt: Date.now(), stands: [] });
    const owner = { run: "r9", identity: dead, ledger: file };
    const standing = { owner, environment, scope: "s1", directory, images: new Map() };
    for (const resource of driver.plan(standing)) await driver.create(resource, standing, () => {});
    const listing = await listRuns({ ledger, drivers: [driver] }, Date.now());
    expect(listing.runs).toMatchObject([{ run: "r9", owner: "leased", ledger: file }]);
    expect(listLines(listing)[0]).toMatch(
      new RegExp(`kept until it is taken down; ASSAY_STATE='?${join(directory, "other")}'? assay down r9$`),
    );
  });

  test("nothing alive is said in words", async () => {
    ledger.beginRun("done", alive, "assay run");
    ledger.endRun("done");
    const listing = await listRuns({ ledger, drivers: [driver] }, Date.now());
    expect(listing).toEqual({ runs: [], troubles: [] });
    expect(listLines(listing)).toEqual(["nothing is alive"]);
  });

  test("each run is told with its owner, its command, and what stands of it", async () => {
    ledger.beginRun("r1", alive, "assay run soe");
    await stand("r1", alive);
    engine.die("assay-r1-s1-soe-db", 1);
    ledger.beginRun("r2", dead, "assay run web");
    ledger.intend("r2", { driver: "memory", kind: "network", name: "assay-r2-lan", environment: "web" });
    await stand("r3", foreign);
    const listing = await listRuns({ ledger, drivers: [driver] }, later(90_000));
    expect(listing.runs.map(({ run, owner, command }) => [run, owner, command]).sort()).toEqual([
      ["r1", "alive", "assay run soe"],
      ["r2", "dead", "assay run web"],
      ["r3", "foreign", undefined],
    ]);
    const lines = listLines(listing);
    expect(lines).toEqual(
      expect.arrayContaining([
        `r1  assay run soe  1m 30s old  process ${process.pid}, alive`,
        "  container  assay-r1-s1-soe-web  running",
        "  container  assay-r1-s1-soe-db  exited",
        `r2  assay run web  1m 30s old  process ${pid}, dead; assay gc removes it`,
        "  network  assay-r2-lan  intent",
        "r3  not in this ledger  1m 30s old  process 4711 of farm7; only that machine can tell whether it lives",
      ]),
    );
  });

  test("what the ledger has and the engine does not show is missing", async () => {
    ledger.beginRun("r1", alive, "assay run");
    ledger.live(ledger.intend("r1", { driver: "memory", kind: "volume", name: "v", environment: "soe" }));
    const { runs } = await listRuns({ ledger, drivers: [driver] }, Date.now());
    expect(runs[0]?.resources).toEqual([{ kind: "volume", name: "v", environment: "soe", state: "missing" }]);
  });

  test("an engine that does not answer is told", async () => {
    engine.faults = { failFind: 1 };
    const listing = await listRuns({ ledger, drivers: [driver] }, Date.now());
    expect(listLines(listing)).toEqual([
      "could not be asked: memory could not be asked: destroy: the engine does not answer",
    ]);
  });

  test("labels alone do without a ledger", async () => {
    await stand("r1", dead);
    const { runs } = await listRuns({ ledger: undefined, drivers: [driver] }, Date.now());
    expect(runs).toMatchObject([{ run: "r1", owner: "dead", resources: [{ node: "web" }, { node: "db" }] }]);
  });
});

describe("gc's words", () => {
  test("say what was removed, what was left alone and why, and what would not go", () => {
    expect(gcLines({ removed: [], kept: [], troubles: [] })).toEqual(["nothing to remove"]);
    expect(
      gcLines({
        removed: [{ run: "r1", totals: { created: 3, destroyed: 1, leaked: ["volume v"] } }],
        kept: [
          { run: "r2", owner: "alive", identity: alive, resources: ["container c"] },
          { run: "r3", owner: "foreign", identity: foreign, resources: [] },
        ],
        troubles: ["docker could not be asked"],
      }),
    ).toEqual([
      "removed 1 resource of run r1, whose owner is dead",
      "left: volume v of run r1 could not be removed",
      `left alone: run r2 with 1 resource; its process ${pid} lives`,
      "left alone: run r3 with 0 resources; its process 4711 is on farm7, which cannot be asked from here",
      "trouble: docker could not be asked",
    ]);
  });
});
