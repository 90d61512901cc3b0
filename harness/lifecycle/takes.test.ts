// Decides for how long a stand-up holds what is shared for speed alone: until all of it is ready, and kept to be brought back.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryDriver } from "../drivers/memory.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { EventSink } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { Ledger } from "./ledger.ts";
import { standUp } from "./run.ts";

const events: EventSink = { say: () => {}, flushed: async () => {} };
const environment = defineEnvironment("e", {
  nodes: {
    one: container({ image: "none", memory: "16m" }),
    two: container({ image: "none", memory: "16m", after: ["one"] }),
  },
});

let directory: string;
let ledger: Ledger;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-takes-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  ledger.beginRun("r1", identityOf(), "assay run");
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

const held = () => ledger.claims().map(({ name }) => name);

/** Its nodes share something for speed, as machines share CPUs; and it tells what was held at each step. */
class Sharing extends MemoryDriver {
  readonly seen: string[] = [];
  readonly takes = async () => ({ turns: { amount: 1, capacity: 1 } });
  readonly rewind = async () => {};
  readonly mark = async () => this.#tell("mark");
  override async connect(...asked: Parameters<MemoryDriver["connect"]>) {
    const node = await super.connect(...asked);
    this.#tell(`connect ${node.name}`);
    return node;
  }
  #tell(step: string): void {
    this.seen.push(`${step}: ${held().join(" ")}`);
  }
}

const standing = (driver: MemoryDriver, scope: string) =>
  standUp({
    ...{ environment, scope, directory, ledger, events, drivers: [driver], report: directory },
    owner: { run: "r1", identity: identityOf() },
    images: { build: () => Promise.reject(new Error("there is no recipe")) },
  });

test("it is held while nodes come up and their state is kept, and given back then; memory is held on", async () => {
  const driver = new Sharing();
  const live = await standing(driver, "s1");
  expect(driver.seen).toEqual(["connect one: memory turns", "connect two: memory turns", "mark: memory turns"]);
  expect(held()).toEqual(["memory"]);
  await live.takeDown();
  expect(held()).toEqual([]);
});

test("what cannot be stood up gives all of it back", async () => {
  const driver = new Sharing();
  driver.connect = () => Promise.reject(new Error("it never answers"));
  await expect(standing(driver, "s1")).rejects.toThrow("it never answers");
  expect(held()).toEqual([]);
});
