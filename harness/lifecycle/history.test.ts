// Decides that what is remembered is what was, that it is bounded and found again, and that a file which is no history is told and left alone.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FinishedRun, History } from "./history.ts";

let directory = "";
let file = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-history-"));
  file = join(directory, "state", "history.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const it = "specs/a.spec.ts > it is there";
const finished = (run: string, at: number, outcome: "passed" | "failed" | "errored", madeOf = "m1"): FinishedRun => ({
  run,
  at,
  command: "assay run a",
  outcomes: [
    { test: it, outcome, madeOf },
    { test: it, check: "file /a exists", outcome, madeOf, why: "seen" },
  ],
});
const remember = (run: FinishedRun) => {
  using history = History.open(file);
  return history.remember(run);
};

test("outcomes come back, the newest run first, of tests and checks by a part of the name", () => {
  remember(finished("r1", 1_000, "failed"));
  remember(finished("r2", 2_000, "passed", "m2"));
  using history = History.open(file);
  expect(history.of("/a exists")).toEqual([
    { run: "r2", at: 2_000, test: it, check: "file /a exists", outcome: "passed", madeOf: "m2", why: "seen" },
    { run: "r1", at: 1_000, test: it, check: "file /a exists", outcome: "failed", madeOf: "m1", why: "seen" },
  ]);
  expect(history.of("is there").map(({ run, check }) => [run, check])).toEqual([
    ["r2", undefined],
    ["r1", undefined],
  ]);
  expect(history.of("%")).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

describe("a test that passes after it failed", () => {
  test("is flaky on the same inputs and images, and on no others", () => {
    remember(finished("r1", 1_000, "failed"));
    expect(remember(finished("r2", 2_000, "passed", "m2"))).toEqual(new Map());
    expect(remember(finished("r3", 3_000, "passed"))).toEqual(new Map([[it, ["r1"]]]));
    remember(finished("r4", 4_000, "failed"));
    expect(remember(finished("r5", 5_000, "passed"))).toEqual(new Map([[it, ["r4", "r1"]]]));
  });

  test("is not flaky where it could not be asked before: that was no failure", () => {
    remember(finished("r1", 1_000, "errored"));
    expect(remember(finished("r2", 2_000, "passed"))).toEqual(new Map());
  });

  test("is not flaky where nobody knows what it was made of", () => {
    const unknown = (run: FinishedRun): FinishedRun => ({
      ...run,
      outcomes: run.outcomes.map(({ madeOf: _, ...rest }) => rest),
    });
    remember(unknown(finished("r1", 1_000, "failed")));
    expect(remember(unknown(finished("r2", 2_000, "passed")))).toEqual(new Map());
  });

  test("is not told of a run itself, written down twice", () => {
    remember(finished("r1", 1_000, "failed"));
    expect(remember(finished("r1", 1_000, "passed"))).toEqual(new Map());
    using history = History.open(file);
    expect(history.of("")).toHaveLength(2);
  });
});

test("two hundred runs are kept, and no name of those that are gone", () => {
  for (let nth = 0; nth < 205; nth += 1) {
    const run = finished(`r${nth}`, nth, "passed");
    remember({ ...run, outcomes: [...run.outcomes, { test: `specs/${nth}.spec.ts > once`, outcome: "passed" }] });
  }
  {
    using history = History.open(file);
    const runs = new Set(history.of("").map(({ run }) => run));
    expect(runs.size).toBe(200);
    expect(runs.has("r4")).toBe(false);
    expect(runs.has("r5")).toBe(true);
  }
  const database = new DatabaseSync(file);
  expect(database.prepare("SELECT count(*) AS n FROM names WHERE text LIKE '%once'").get()).toEqual({ n: 200 });
  database.close();
});

test("a run of two thousand checks is remembered whole", () => {
  const many = Array.from({ length: 2_000 }, (_, nth) => ({
    test: it,
    check: `file /${nth} exists`,
    outcome: "passed" as const,
    madeOf: "m",
  }));
  remember({ run: "r1", at: 1, command: "assay run", outcomes: many });
  using history = History.open(file);
  expect(new Set(history.of("").map(({ check }) => check)).size).toBe(2_000);
});

test("two open it at once, and both are remembered", () => {
  using one = History.open(file);
  using other = History.open(file);
  one.remember(finished("r1", 1, "passed"));
  other.remember(finished("r2", 2, "passed"));
  expect(one.of("is there").map(({ run }) => run)).toEqual(["r2", "r1"]);
});

describe("a file that is no history", () => {
  test.each<[code: string, what: string, make: () => void]>([
    ["history-unusable", "a directory in its place", () => mkdirSync(file, { recursive: true })],
    [
      "history-unusable",
      "something else in it",
      () => writeFileSync(file, "not a database, but long enough to be read as one"),
    ],
    [
      "history-foreign",
      "a database of somebody else",
      () => {
        const database = new DatabaseSync(file);
        database.exec("CREATE TABLE films (name TEXT)");
        database.close();
      },
    ],
    [
      "history-newer",
      "one of a newer Assay",
      () => {
        remember(finished("r1", 1, "passed"));
        const database = new DatabaseSync(file);
        database.exec("PRAGMA user_version = 9");
        database.close();
      },
    ],
  ])("%s: %s, left as it is", (code, _, make) => {
    mkdirSync(join(directory, "state"));
    make();
    const before = statSync(file).isFile() ? readFileSync(file) : undefined;
    expect(() => remember(finished("r1", 1, "passed"))).toThrow(
      expect.objectContaining({ code, name: "ProvisionError" }),
    );
    if (before !== undefined) expect(readFileSync(file).equals(before)).toBe(true);
  });
});
