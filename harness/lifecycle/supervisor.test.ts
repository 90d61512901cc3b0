// Decides what becomes of a run that is cancelled, or cannot say what is to stay, at the very moment at which something of it would be
// kept. Real processes for child and reaper; what they survive is for the crash tests.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Remover } from "../drivers/driver.ts";
import { MemoryDriver } from "../drivers/memory.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { identityOf } from "../model/identity.ts";
import type { Lease } from "./lease.ts";
import { Ledger } from "./ledger.ts";
import { supervise } from "./supervisor.ts";

const environment = defineEnvironment("soe", { nodes: { web: container({ image: "none" }) } });
const run = "r1";

let directory: string;
let ledger: Ledger;
let driver: MemoryDriver;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-supervisor-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  driver = new MemoryDriver();
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true });
});

/** A run whose child has one container stand and ends well. */
function supervised(keep: () => Lease | undefined, remover: Remover = driver) {
  const program = (name: string) => ({
    command: [process.execPath, "--eval", "for await (const _ of process.stdin);"] as const,
    env: {},
    cwd: directory,
    log: join(directory, `${name}.log`),
  });
  return supervise({
    ...{ run, ledger, keep, command: "assay up soe", event: () => {} },
    drivers: async () => [remover],
    child: program("child"),
    reaper: program("reaper"),
    places: { scratch: join(directory, "scratch"), socket: () => join(directory, "events.sock") },
    async begun() {
      const standing = {
        owner: { run, identity: identityOf() },
        environment,
        scope: "s1",
        directory,
        images: new Map(),
      };
      for (const resource of driver.plan(standing)) {
        const entry = ledger.intend(run, { ...resource, environment: "soe" });
        await driver.create(resource, standing, (id) => ledger.live(entry, id));
      }
    },
  });
}

/** The driver, with another answer to what there is. */
const remover = ({ find }: Pick<Remover, "find">): Remover => ({
  kind: driver.kind,
  probe: () => driver.probe(),
  destroy: (resource) => driver.destroy(resource),
  close: () => driver.close(),
  find,
});

const all = (): Lease => ({
  keptAt: Date.now(),
  stands: [
    {
      environment: "soe",
      scope: "s1",
      nodes: [],
      resources: ledger.standing(run).map(({ kind, name }) => `${kind} ${name}`),
    },
  ],
});

async function expectNothing() {
  expect(await driver.find()).toEqual([]);
  expect(ledger.run(run)).toMatchObject({ endedAt: expect.any(Number) });
  expect(ledger.run(run)?.lease).toBeUndefined();
  expect(existsSync(join(directory, "scratch", run))).toBe(false);
}

test("what is kept stays", async () => {
  expect((await supervised(all)).totals).toMatchObject({ leaked: [], kept: { stands: [{ environment: "soe" }] } });
  expect(await driver.find()).toHaveLength(1);
});

test("where an engine does not say whether the rest has gone that is told, and what is kept stays", async () => {
  let asked = 0;
  const silent = remover({
    find: async (whose) => {
      asked += ledger.run(run)?.lease === undefined ? 0 : 1;
      if (asked > 1) throw new Error("the engine does not answer");
      return driver.find(whose);
    },
  });
  const { totals } = await supervised(all, silent);
  expect({ code: totals.error?.code, leaked: totals.leaked }).toEqual({ code: "no-inventory", leaked: [] });
  expect(ledger.run(run)?.lease).toBeDefined();
  expect(await driver.find()).toHaveLength(1);
});

test("cancelled while what stays is told from the rest, nothing does", async () => {
  let pressed = false;
  const interrupting = remover({
    find: async (whose) => {
      if (!pressed && ledger.run(run)?.lease !== undefined) {
        pressed = true;
        process.emit("SIGINT", "SIGINT");
      }
      return driver.find(whose);
    },
  });
  const { cancelled, totals } = await supervised(all, interrupting);
  expect({ cancelled, ...totals }).toEqual({ cancelled: "SIGINT", created: 1, destroyed: 1, leaked: [] });
  await expectNothing();
});

test("where nobody can tell what is to stay nothing does, and the reason is told", async () => {
  const unreadable = () => {
    throw new SyntaxError("Unexpected end of JSON input");
  };
  await expect(supervised(unreadable)).rejects.toThrow("Unexpected end of JSON input");
  await expectNothing();
});
