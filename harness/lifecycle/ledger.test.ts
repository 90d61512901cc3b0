// Decides that the ledger remembers what was committed through any kill, with any number of writers, and says what is wrong
// with a file that it cannot use.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { identityOf } from "../model/identity.ts";
import { Ledger } from "./ledger.ts";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-ledger-"));
  file = join(directory, "state", "ledger.db");
});
afterEach(() => rmSync(directory, { recursive: true }));

const thing = { driver: "memory", kind: "volume", name: "assay-r1-data", environment: "soe" } as const;

/** A process with the ledger open as `ledger`, and its own id as `run`. */
function writer(code: string): ChildProcess {
  const ledger = new URL("./ledger.ts", import.meta.url).href;
  const text = `import { Ledger } from ${JSON.stringify(ledger)};
    const run = "r" + process.pid;
    const kill = (at) => (n) => { if (n === at) process.kill(process.pid, "SIGKILL"); };
    const open = (step) => Ledger.open(${JSON.stringify(file)}, { step });
    ${code}`;
  return spawn(process.execPath, ["--input-type=module", "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
}

describe("a ledger", () => {
  test("keeps an entry from intent to gone, and its file to its user", () => {
    using ledger = Ledger.open(file);
    ledger.beginRun("r1", identityOf(), "assay run");
    const entry = ledger.intend("r1", { ...thing, node: "web" });
    expect(ledger.standing("r1")).toMatchObject([
      { ...thing, entry, run: "r1", node: "web", state: "intent", existed: false },
    ]);
    expect(ledger.totals("r1")).toEqual({ created: 0, destroyed: 0 });
    ledger.live(entry, "id1");
    expect(ledger.standing("r1")).toMatchObject([{ id: "id1", state: "live", existed: true }]);
    ledger.deleting(entry);
    expect(ledger.standing("r1")).toMatchObject([{ id: "id1", state: "deleting" }]);
    expect(() => ledger.endRun("r1")).toThrow("run r1 cannot end: volume assay-r1-data not known to be gone; assay gc");
    ledger.gone(entry);
    expect(ledger.standing("r1")).toEqual([]);
    expect(ledger.totals("r1")).toEqual({ created: 1, destroyed: 1 });
    ledger.endRun("r1");
    ledger.endRun("r1");
    expect(ledger.run("r1")).toMatchObject({ run: "r1", command: "assay run", endedAt: expect.any(Number) });
    expect(statSync(join(directory, "state")).mode & 0o777).toBe(0o700);
  });

  test("is read by its user alone, with its log and its index; one that was open to others is closed", () => {
    const rights = () =>
      readdirSync(join(directory, "state"))
        .filter((name) => name.startsWith("ledger.db"))
        .map((name) => `${name} ${(statSync(join(directory, "state", name)).mode & 0o777).toString(8)}`);
    const all = ["ledger.db 600", "ledger.db-shm 600", "ledger.db-wal 600"];
    using ledger = Ledger.open(file);
    ledger.beginRun("r1", "x", "c");
    expect(rights()).toEqual(all);
    for (const suffix of ["", "-wal", "-shm"]) chmodSync(file + suffix, 0o644);
    using again = Ledger.open(file);
    expect(again.run("r1")).toBeDefined();
    expect(rights()).toEqual(all);
  });

  test("lists the newest first, and what was gone does not come back", () => {
    using ledger = Ledger.open(file);
    ledger.beginRun("r1", "x", "c");
    const entries = ["a", "b", "c"].map((name) => ledger.intend("r1", { ...thing, name }));
    expect(ledger.standing("r1").map(({ name }) => name)).toEqual(["c", "b", "a"]);
    for (const entry of entries) ledger.gone(entry);
    for (const entry of entries) ledger.deleting(entry);
    expect(ledger.standing("r1")).toEqual([]);
    // None of them ever was.
    expect(ledger.totals("r1")).toEqual({ created: 0, destroyed: 0 });
  });

  test("refuses an intent of a run it does not know, or that is being torn down", () => {
    using ledger = Ledger.open(file);
    expect(() => ledger.intend("r9", thing)).toThrow(
      "volume assay-r1-data may not be created: run r9 is not in the ledger",
    );
    ledger.beginRun("r1", "x", "c");
    ledger.closing("r1");
    expect(() => ledger.intend("r1", thing)).toThrow("run r1 is being torn down");
    expect(ledger.standing("r1")).toEqual([]);
  });

  test("a run is begun once, and forgotten only after it ended", () => {
    using ledger = Ledger.open(file);
    ledger.beginRun("r1", "x", "c");
    ledger.beginRun("r2", "x", "c");
    expect(() => ledger.beginRun("r1", "y", "c")).toThrow(/ledger.*UNIQUE/);
    ledger.intend("r2", thing);
    ledger.endRun("r1");
    ledger.forget(Date.now() + 1);
    expect(ledger.runs().map(({ run }) => run)).toEqual(["r2"]);
  });

  test("step is told each commit by number, after it is on disk", () => {
    const steps: string[] = [];
    using ledger = Ledger.open(file, {
      step: (n, what) => {
        using other = Ledger.open(file);
        steps.push(`${n} ${what}: ${other.standing("r1").map(({ state }) => state)}`);
      },
    });
    ledger.beginRun("r1", "x", "c");
    const entry = ledger.intend("r1", thing);
    ledger.live(entry);
    ledger.gone(entry);
    expect(steps).toEqual([
      "1 run r1: ",
      "2 intent volume assay-r1-data: intent",
      `3 live ${entry}: live`,
      `4 gone ${entry}: `,
    ]);
  });
});

describe("several processes", () => {
  test("write at once, from a file that none of them found, and one that is killed in the middle takes nothing along", async () => {
    const work = (n: number) => `for (let i = 0; i < ${n}; i++) {
      const entry = ledger.intend(run, { driver: "memory", kind: "volume", name: run + "-" + i, environment: "e" });
      ledger.live(entry, "id" + i);
      if (i % 2) { ledger.deleting(entry); ledger.gone(entry); }
    }`;
    const children = Array.from({ length: 5 }, () =>
      writer(`const ledger = open(); ledger.beginRun(run, "x", "c"); ${work(40)} ledger.close();`),
    );
    const victim = writer(`const ledger = open(kill(31)); ledger.beginRun(run, "x", "c"); ${work(40)}`);
    const ends = await Promise.all([...children, victim].map((child) => once(child, "exit")));
    expect(ends).toEqual([...children.map(() => [0, null]), [null, "SIGKILL"]]);
    using ledger = Ledger.open(file);
    for (const { pid } of children) {
      expect(ledger.totals(`r${pid}`)).toEqual({ created: 40, destroyed: 20 });
      expect(ledger.standing(`r${pid}`)).toHaveLength(20);
    }
    // 1 begin, then intent, live and intent, live, deleting, gone by turns: five pairs make 31.
    expect(ledger.totals(`r${victim.pid}`)).toEqual({ created: 10, destroyed: 5 });
    const check = new DatabaseSync(file);
    expect(check.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    check.close();
    expect(readdirSync(join(directory, "state")).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("what was committed before a kill is there after it, and what was not is not", async () => {
    const child = writer(`const ledger = open(kill(2)); ledger.beginRun(run, "x", "c");
      ledger.intend(run, { driver: "memory", kind: "volume", name: "n", environment: "e" });
      console.log("never");`);
    let said = "";
    child.stdout?.on("data", (text) => {
      said += text;
    });
    expect(await once(child, "close")).toEqual([null, "SIGKILL"]);
    expect(said).toBe("");
    using ledger = Ledger.open(file);
    expect(ledger.standing(`r${child.pid}`)).toMatchObject([{ name: "n", state: "intent" }]);
  });
});

describe("a file that is no ledger", () => {
  const open = () => Ledger.open(file);
  const fill = () => {
    using ledger = open();
    ledger.beginRun("r1", "x", "c");
    for (let i = 0; i < 200; i += 1) ledger.intend("r1", { ...thing, name: `assay-r1-${i}` });
  };
  const hint = () =>
    `move it away together with ${file}-wal, then run "assay gc": what earlier runs left is found by its labels too`;

  test("garbage is damaged, and stays as it is", () => {
    fill();
    writeFileSync(file, "this is no database ".repeat(500));
    expect(open).toThrow(expect.objectContaining({ name: "ProvisionError", code: "ledger-damaged", hint: hint() }));
    expect(open).toThrow(`the ledger ${file} is damaged: file is not a database`);
    expect(readFileSync(file, "utf8")).toMatch(/^this is no database/);
  });

  test("what was cut off is damaged, at the latest when it is read", () => {
    fill();
    truncateSync(file, 4096);
    const use = () => {
      using ledger = open();
      ledger.standing("r1");
      ledger.runs();
    };
    expect(use).toThrow(expect.objectContaining({ code: "ledger-damaged", hint: hint() }));
  });

  test("a newer schema is named with both numbers", () => {
    fill();
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 7");
    database.close();
    expect(open).toThrow("was written by a newer Assay (schema 7, this one knows 3)");
  });

  test("an older schema is brought up to date, once, by whoever comes first, and keeps what it has", async () => {
    fill();
    const database = new DatabaseSync(file);
    database.exec("DROP TABLE leases; ALTER TABLE runs DROP COLUMN reaper; PRAGMA user_version = 1");
    database.close();
    const children = [1, 2, 3].map(() => writer("open().close();"));
    expect(await Promise.all(children.map((child) => once(child, "exit")))).toEqual([1, 2, 3].map(() => [0, null]));
    using ledger = open();
    ledger.reaperStarted("r1", "x");
    const lease = { keptAt: 1, until: 2, stands: [] };
    ledger.lease("r1", lease);
    expect(ledger.run("r1")).toMatchObject({ reaper: "x", lease });
    expect(ledger.standing("r1")).toHaveLength(200);
  });

  test("another program's database is not touched", () => {
    rmSync(join(directory, "state"), { recursive: true, force: true });
    file = join(directory, "other.db");
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE mine (x)");
    database.close();
    expect(open).toThrow("is not a ledger of Assay");
  });

  test("an empty file is not a ledger either", () => {
    file = join(directory, "empty.db");
    writeFileSync(file, "");
    expect(open).toThrow("is not a ledger of Assay");
  });

  test("a directory that cannot be made is told with what to do", () => {
    writeFileSync(join(directory, "state"), "in the way");
    expect(open).toThrow(
      expect.objectContaining({ code: "ledger-unwritable", hint: expect.stringContaining("ASSAY_STATE") }),
    );
  });
});

describe("claims", () => {
  test("are taken all or none, replaced by their scope, and end with scope or run", () => {
    using ledger = Ledger.open(file);
    ledger.beginRun("r1", "x", "assay run a");
    ledger.beginRun("r2", "y", "assay run b");
    const seen: unknown[] = [];
    const yes = (held: unknown) => {
      seen.push(held);
      return undefined;
    };
    expect(ledger.claim("r1", "s1", "h1", [{ name: "memory", amount: 5 }, { name: "port:1" }], yes)).toBeUndefined();
    expect(ledger.claim("r2", "s1", "h2", [{ name: "port:2" }], () => "no")).toBe("no");
    expect(ledger.claims()).toEqual([
      { name: "memory", amount: 5, run: "r1", scope: "s1", holder: "h1", identity: "x", command: "assay run a" },
      { name: "port:1", run: "r1", scope: "s1", holder: "h1", identity: "x", command: "assay run a" },
    ]);
    ledger.claim("r1", "s1", "h1", [{ name: "port:3" }], yes);
    ledger.claim("r1", "s2", "h1", [{ name: "port:4" }], yes);
    ledger.claim("r2", "s1", "h2", [{ name: "port:5" }], yes);
    expect(ledger.claims().map(({ name }) => name)).toEqual(["port:3", "port:4", "port:5"]);
    ledger.release("r1", "s2");
    ledger.endRun("r2");
    expect(ledger.claims().map(({ name }) => name)).toEqual(["port:3"]);
    expect(seen[0]).toEqual([]);
  });
});
