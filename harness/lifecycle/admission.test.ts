// Decides that room is shared out among the living, waited for, and never waited for in vain.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identityOf } from "../model/identity.ts";
import { type Admission, admit } from "./admission.ts";
import { type Claim, Ledger } from "./ledger.ts";

const mebibyte = 1024 ** 2;
let directory: string;
let ledger: Ledger;
let children: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-admission-"));
  ledger = Ledger.open(join(directory, "ledger.db"));
  children = [];
});
afterEach(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  ledger.close();
  rmSync(directory, { recursive: true });
});

const ask = (run: string, scope: string, claims: readonly Claim[], more: Partial<Admission> = {}) =>
  admit(ledger, { run, scope, claims, capacity: { memory: 4096 * mebibyte }, livenessMs: 50, ...more });
const begin = (run: string, identity = identityOf()) => ledger.beginRun(run, identity, `assay run ${run}`);
const memory = (mib: number): Claim => ({ name: "memory", amount: mib * mebibyte });
const port: Claim = { name: "port:127.0.0.1:8080/tcp" };

/** A process that lives until it is killed. */
async function bystander(): Promise<ChildProcess & { pid: number }> {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return child as ChildProcess & { pid: number };
}

/** Waits in another process; says each reason, then `admitted`. */
function waiter(run: string, claims: readonly Claim[]): { child: ChildProcess; lines: string[] } {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const code = `import { Ledger } from ${url("./ledger.ts")}; import { admit } from ${url("./admission.ts")};
    import { identityOf } from ${url("../model/identity.ts")};
    const ledger = Ledger.open(${JSON.stringify(ledger.file)});
    ledger.beginRun(${JSON.stringify(run)}, identityOf(), "other");
    await admit(ledger, { run: ${JSON.stringify(run)}, scope: "s1", claims: ${JSON.stringify(claims)}, capacity: {}, livenessMs: 600000, onWait: (reason) => console.log(reason) });
    console.log("admitted");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines: string[] = [];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => lines.push(...text.trim().split("\n")));
  return { child, lines };
}

describe("what is shared for speed", () => {
  const cpus = (amount: number): Claim => ({ name: "emulated CPUs", amount });
  const shared = { capacity: { "emulated CPUs": 2 }, elastic: ["emulated CPUs"] };

  test("a process never waits for what it holds itself", async () => {
    begin("r1");
    await ask("r1", "s1", [cpus(2)], shared);
    await ask("r1", "s2", [cpus(2)], shared);
    expect(ledger.claims()).toHaveLength(2);
  });

  test("it waits for what another process holds", async () => {
    const other = await bystander();
    begin("r1");
    ledger.claim("r1", "s1", identityOf(other.pid), [cpus(1)], () => undefined);
    await ask("r1", "s2", [cpus(1)], shared);
    const abort = new AbortController();
    const onWait = (reason: string) => abort.abort(new Error(reason));
    await expect(ask("r1", "s3", [cpus(2)], { ...shared, signal: abort.signal, onWait })).rejects.toThrow(
      "emulated CPUs: 2 are asked for, 1 of 2 are held by run r1",
    );
  });
});

describe("admission", () => {
  test("adds memory up over runs, and gives a port once", async () => {
    begin("r1");
    begin("r2");
    await ask("r1", "s1", [memory(2048), port]);
    await ask("r2", "s1", [memory(2048)]);
    expect(ledger.claims()).toHaveLength(3);
    const waits: string[] = [];
    const abort = new AbortController();
    const onWait = (reason: string) => {
      waits.push(reason);
      abort.abort(new Error("enough"));
    };
    await expect(ask("r2", "s2", [memory(1)], { signal: abort.signal, onWait })).rejects.toThrow("enough");
    expect(waits).toEqual([
      "memory: 1 MiB are asked for, 4096 MiB of 4096 MiB are held by run r1 (assay run r1), run r2 (assay run r2)",
    ]);
    const second = new AbortController();
    const portWait = ask("r2", "s2", [port], {
      signal: second.signal,
      onWait: (reason) => second.abort(new Error(reason)),
    });
    await expect(portWait).rejects.toThrow("port:127.0.0.1:8080/tcp is held by run r1 (assay run r1)");
    // Nothing was taken by those that were turned away.
    expect(ledger.claims()).toHaveLength(3);
  });

  test("refuses at once what can never fit, with both numbers", async () => {
    begin("r1");
    await expect(ask("r1", "s1", [memory(4097)])).rejects.toMatchObject({
      name: "ProvisionError",
      code: "no-room",
      seen: "memory: 4097 MiB are asked for and this host has 4096 MiB",
    });
  });

  test("is given as soon as the other stand-up of the same run lets go", async () => {
    begin("r1");
    await ask("r1", "s1", [port]);
    const waiting = ask("r1", "s2", [port], { livenessMs: 600_000, onWait: () => ledger.release("r1", "s1") });
    await waiting;
    expect(ledger.claims()).toMatchObject([{ scope: "s2" }]);
  });

  test("wakes another process when a run ends", async () => {
    begin("r1");
    await ask("r1", "s1", [port]);
    const { child, lines } = waiter("r2", [port]);
    await once(child.stdout ?? expect.fail("no output"), "data");
    expect(lines).toEqual(["port:127.0.0.1:8080/tcp is held by run r1 (assay run r1)"]);
    ledger.endRun("r1");
    expect(await once(child, "close")).toEqual([0, null]);
    expect(lines.at(-1)).toBe("admitted");
  });

  test("does not wait for a run whose supervisor was killed", async () => {
    const supervisor = await bystander();
    begin("r1", identityOf(supervisor.pid));
    ledger.claim("r1", "s1", identityOf(supervisor.pid), [port], () => undefined);
    begin("r2");
    await ask("r2", "s1", [port], { onWait: () => supervisor.kill("SIGKILL") });
    expect(ledger.claims().map(({ run }) => run)).toEqual(["r1", "r2"]);
  });

  test("waits while a dead run's resources are being removed", async () => {
    begin("r1", "elsewhere 0 0 0 0".replace("elsewhere", identityOf().split(" ")[0] ?? ""));
    ledger.claim("r1", "s1", "x", [port], () => undefined);
    const entry = ledger.intend("r1", { driver: "memory", kind: "container", name: "n", environment: "e" });
    begin("r2");
    const waits: string[] = [];
    await ask("r2", "s1", [port], {
      livenessMs: 600_000,
      onWait: (reason) => {
        waits.push(reason);
        ledger.gone(entry);
      },
    });
    expect(waits).toEqual(["port:127.0.0.1:8080/tcp is held by run r1 (assay run r1)"]);
  });

  test("a run does not wait for a process of its own that died, others do", async () => {
    const worker = await bystander();
    begin("r1");
    ledger.claim("r1", "s1", identityOf(worker.pid), [port], () => undefined);
    worker.kill("SIGKILL");
    await once(worker, "exit");
    begin("r2");
    const abort = new AbortController();
    await expect(
      ask("r2", "s1", [port], { signal: abort.signal, onWait: (reason) => abort.abort(new Error(reason)) }),
    ).rejects.toThrow("is held by run r1");
    await ask("r1", "s2", [port]);
  });

  test("among many that want one port at once, one has it at a time", async () => {
    begin("r1");
    let holding = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        await ask("r1", `s${i}`, [port, memory(1)], { livenessMs: 600_000 });
        holding += 1;
        order.push(holding);
        await new Promise(setImmediate);
        holding -= 1;
        ledger.release("r1", `s${i}`);
      }),
    );
    expect(order).toEqual([1, 1, 1, 1, 1, 1]);
  });
});
