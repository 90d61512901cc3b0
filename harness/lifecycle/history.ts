// Decides what is remembered of past runs: the outcome of each test and check, with what it was made of, in a file of its own beside the
// ledger. Bounded; nobody's teardown depends on it, so that it is never waited for long, and may be thrown away at any time.
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { Outcome } from "../model/outcome.ts";
import type { PastOutcome } from "../model/past-outcome.ts";

/** "Assh" in ASCII. */
const applicationId = 0x41737368;
const version = 1;
/** Another run writes for milliseconds. */
const busyMs = 2_000;
const keptRuns = 200;
const keptOutcomes = 300_000;

const schema = `
  CREATE TABLE runs (run TEXT PRIMARY KEY, at INTEGER NOT NULL, command TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE names (name INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE outcomes (
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    test INTEGER NOT NULL REFERENCES names (name),
    "check" INTEGER REFERENCES names (name),
    outcome TEXT NOT NULL,
    made_of TEXT,
    why TEXT
  ) STRICT;
  CREATE INDEX outcomes_of_run ON outcomes (run);
  CREATE INDEX outcomes_of_test ON outcomes (test, "check", made_of);
`;

/** A run to be remembered. */
export interface FinishedRun {
  readonly run: string;
  readonly at: number;
  readonly command: string;
  readonly outcomes: readonly Omit<PastOutcome, "run" | "at">[];
}

/** The history of one state directory. Every method may throw a `ProvisionError` (codes `history-foreign`, `history-newer`, `history-unusable`). Dispose of it. */
export class History {
  readonly #file: string;
  readonly #database: DatabaseSync;

  private constructor(file: string, database: DatabaseSync) {
    this.#file = file;
    this.#database = database;
  }

  /** Made first where there is none; its user's alone. */
  static open(file: string): History {
    return asked(file, () => {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      // SQLite gives its journal the rights of the file.
      closeSync(openSync(file, "a", 0o600));
      const database = new DatabaseSync(file, { timeout: busyMs, enableForeignKeyConstraints: true });
      try {
        // A run must not wait for a disk; what a power cut may take with it is only history.
        database.exec("PRAGMA synchronous = OFF");
        prepare(file, database);
      } catch (error) {
        database.close();
        throw error;
      }
      return new History(file, database);
    });
  }

  /**
   * Writes a run down, in one transaction, and forgets the oldest over the bounds. Resolves tests that passed and failed before, on the
   * same inputs and images → the runs in which they did, the newest first. Idempotent: a run that is there is written anew.
   */
  remember({ run, at, command, outcomes }: FinishedRun): ReadonlyMap<string, readonly string[]> {
    return this.#whole(() => {
      const database = this.#database;
      database.prepare("DELETE FROM runs WHERE run = ?").run(run);
      database.prepare("INSERT INTO runs (run, at, command) VALUES (?, ?, ?)").run(run, at, command);
      const addName = database.prepare("INSERT INTO names (text) VALUES (?) ON CONFLICT DO NOTHING");
      const findName = database.prepare("SELECT name FROM names WHERE text = ?");
      const known = new Map<string, number>();
      const nameOf = (text: string): number => {
        const found = known.get(text);
        if (found !== undefined) return found;
        addName.run(text);
        const name = Number(findName.get(text)?.["name"]);
        known.set(text, name);
        return name;
      };
      const add = database.prepare(
        'INSERT INTO outcomes (run, test, "check", outcome, made_of, why) VALUES (?, ?, ?, ?, ?, ?)',
      );
      const failures = database.prepare(
        `SELECT DISTINCT runs.run AS run FROM outcomes JOIN runs ON runs.run = outcomes.run
         WHERE test = ? AND "check" IS NULL AND made_of = ? AND outcome = 'failed' AND runs.run <> ? ORDER BY runs.at DESC LIMIT 10`,
      );
      const flaky = new Map<string, readonly string[]>();
      for (const { test, check, outcome, madeOf, why } of outcomes) {
        const name = nameOf(test);
        add.run(run, name, check === undefined ? null : nameOf(check), outcome, madeOf ?? null, why ?? null);
        if (check !== undefined || outcome !== "passed" || madeOf === undefined) continue;
        const failedIn = failures.all(name, madeOf, run).map((row) => String(row["run"]));
        if (failedIn.length > 0) flaky.set(test, failedIn);
      }
      this.#forget();
      return flaky;
    });
  }

  /** All that is remembered of tests and checks whose name contains `part`; the newest run first. */
  of(part: string): readonly PastOutcome[] {
    return asked(this.#file, () =>
      this.#database
        .prepare(
          `SELECT runs.run AS run, runs.at AS at, tests.text AS test, checks.text AS checked, outcome, made_of, why
           FROM outcomes JOIN runs ON runs.run = outcomes.run JOIN names AS tests ON tests.name = outcomes.test
           LEFT JOIN names AS checks ON checks.name = outcomes."check"
           WHERE instr(COALESCE(checks.text, tests.text), ?) > 0 ORDER BY runs.at DESC, runs.run, outcomes.rowid`,
        )
        .all(part)
        .map((row) => ({
          run: String(row["run"]),
          at: Number(row["at"]),
          test: String(row["test"]),
          ...(row["checked"] === null ? {} : { check: String(row["checked"]) }),
          outcome: String(row["outcome"]) as Outcome,
          ...(row["made_of"] === null ? {} : { madeOf: String(row["made_of"]) }),
          ...(row["why"] === null ? {} : { why: String(row["why"]) }),
        })),
    );
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #forget(): void {
    const database = this.#database;
    const oldest = database.prepare("SELECT run FROM runs ORDER BY at DESC, run LIMIT -1 OFFSET ?");
    const remove = database.prepare("DELETE FROM runs WHERE run = ?");
    const gone = oldest.all(keptRuns).map((row) => String(row["run"]));
    for (const run of gone) remove.run(run);
    const count = () => Number(database.prepare("SELECT count(*) AS n FROM outcomes").get()?.["n"]);
    const runs = database
      .prepare("SELECT run FROM runs ORDER BY at, run")
      .all()
      .map((row) => String(row["run"]));
    // The run itself stays, however large it is.
    for (
      let next = runs.shift();
      runs.length > 0 && next !== undefined && count() > keptOutcomes;
      next = runs.shift()
    ) {
      remove.run(next);
      gone.push(next);
    }
    if (gone.length > 0)
      database.exec(
        'DELETE FROM names WHERE name NOT IN (SELECT test FROM outcomes UNION SELECT "check" FROM outcomes WHERE "check" IS NOT NULL)',
      );
  }

  #whole<Answer>(act: () => Answer): Answer {
    return asked(this.#file, () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const answer = act();
        this.#database.exec("COMMIT");
        return answer;
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }
}

function prepare(file: string, database: DatabaseSync): void {
  const read = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
  const isOurs = () => read("application_id") === applicationId;
  if (!isOurs()) {
    database.exec("BEGIN IMMEDIATE");
    try {
      // Read again: another process may have made it while this one waited.
      if (!isOurs()) {
        if (Number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"]) > 0)
          throw unusable(file, "history-foreign", "is no history of Assay");
        database.exec(`${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
      }
      database.exec("COMMIT");
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }
  const found = read("user_version");
  if (found !== version)
    throw unusable(file, "history-newer", `has the schema ${found}, and this Assay knows ${version}`);
}

function asked<Answer>(file: string, ask: () => Answer): Answer {
  try {
    return ask();
  } catch (error) {
    if (error instanceof ProvisionError) throw error;
    throw unusable(file, "history-unusable", `cannot be used: ${messageOf(error)}`, error);
  }
}

function unusable(file: string, code: string, seen: string, cause?: unknown): ProvisionError {
  return new ProvisionError({
    code,
    phase: "report",
    seen: `the history ${file} ${seen}`,
    hint: "move it away: a new one is begun; nothing else depends on it",
    cause,
  });
}
