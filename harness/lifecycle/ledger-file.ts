// Decides what the ledger's file is: a SQLite database in WAL mode that several processes write at once, with a version.
// Refuses a file that is not one, is damaged, or was written by a newer Assay; says what to do about it.
import { chmodSync, existsSync, linkSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, ProvisionError } from "../model/errors.ts";

/** "Assa" in ASCII: tells a ledger from any other SQLite file. */
const applicationId = 0x41737361;
const version = 3;
/** What brings a file of the schema before to this one; a live run of an older Assay goes on using it. */
const migrations: Readonly<Record<number, string>> = {
  2: "ALTER TABLE runs ADD COLUMN reaper TEXT",
  3: `CREATE TABLE leases (
    run TEXT PRIMARY KEY REFERENCES runs (run) ON DELETE CASCADE,
    until INTEGER,
    kept_at INTEGER NOT NULL,
    digest TEXT,
    stands TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
};
/** How long a writer waits for another process's transaction. Each is a few statements long, so this is never reached in health. */
const busyMs = 20_000;

const schema = `
  CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    command TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    child TEXT,
    reaper TEXT,
    closing_at INTEGER,
    ended_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE entries (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    environment TEXT NOT NULL,
    node TEXT,
    driver TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT,
    state TEXT NOT NULL CHECK (state IN ('intent', 'live', 'deleting', 'gone')),
    existed INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX entries_of_run ON entries (run, state);
  CREATE TABLE claims (
    claim INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    holder TEXT NOT NULL,
    name TEXT NOT NULL,
    amount INTEGER
  ) STRICT;
  ${migrations[3]};
`;

/** The open database of a ledger; made first where there is none. Rejects by throwing `ProvisionError`s. */
export function openLedgerFile(file: string): DatabaseSync {
  return askLedger(file, () => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    if (!existsSync(file)) make(file);
    else closeToOthers(file);
    const database = new DatabaseSync(file, { timeout: busyMs, enableForeignKeyConstraints: true });
    try {
      database.exec("PRAGMA synchronous = FULL");
      check(file, database);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

/** Runs `ask` and turns what SQLite throws into a `ProvisionError` that names the file and the way out. */
export function askLedger<Answer>(file: string, ask: () => Answer): Answer {
  try {
    return ask();
  } catch (error) {
    throw explained(file, error);
  }
}

/**
 * Built aside and linked into place, so that no process ever sees half a ledger: two runs that start on an empty machine
 * would otherwise race for the exclusive lock that switching to WAL needs.
 */
function make(file: string): void {
  const draft = `${file}.${process.pid}.${process.hrtime.bigint()}.new`;
  try {
    // SQLite gives its log and its index the rights of the file.
    writeFileSync(draft, "", { mode: 0o600, flag: "wx" });
    const database = new DatabaseSync(draft, { timeout: busyMs });
    try {
      database.exec("PRAGMA journal_mode = WAL");
      database.exec(
        `BEGIN; ${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}; COMMIT`,
      );
    } finally {
      database.close();
    }
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(draft + suffix, { force: true });
  }
}

/** Command lines and names are their user's. Of a file that an older Assay made, or somebody opened since; another user's is left as it is. */
function closeToOthers(file: string): void {
  for (const path of [file, `${file}-wal`, `${file}-shm`]) {
    const seen = statSync(path, { throwIfNoEntry: false });
    if (seen !== undefined && (seen.mode & 0o077) !== 0 && seen.uid === process.getuid?.()) chmodSync(path, 0o600);
  }
}

function check(file: string, database: DatabaseSync): void {
  const read = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
  const [found, foundId] = [read("user_version"), read("application_id")];
  if (foundId !== applicationId) throw unusable(file, "ledger-foreign", "is not a ledger of Assay");
  if (found > version)
    throw unusable(file, "ledger-newer", `was written by a newer Assay (schema ${found}, this one knows ${version})`);
  if (found < version) migrate(database, read);
}

function migrate(database: DatabaseSync, read: (pragma: string) => number): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    // Read again: another process may have done it while this one waited.
    for (let next = read("user_version") + 1; next <= version; next += 1) {
      database.exec(`${migrations[next] ?? ""}; PRAGMA user_version = ${next}`);
    }
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

/** SQLite's result codes that mean: the file itself is no good. */
const damaged = new Set([11 /* CORRUPT */, 26 /* NOTADB */]);

function explained(file: string, error: unknown): unknown {
  const code = (error as { errcode?: number }).errcode;
  const system = (error as NodeJS.ErrnoException).code;
  if (code === undefined && (system === undefined || !/^E[A-Z]+$/.test(system))) return error;
  // Extended codes keep the plain one in the low byte.
  const plain = code === undefined ? undefined : code & 0xff;
  if (plain !== undefined && damaged.has(plain))
    return unusable(file, "ledger-damaged", `is damaged: ${messageOf(error)}`, error);
  // A table that is missing in a file of the right version: cut off, or edited by hand.
  if (plain === 1) return unusable(file, "ledger-damaged", `cannot be read: ${messageOf(error)}`, error);
  return new ProvisionError({
    code: "ledger-unwritable",
    phase: "setup",
    seen: `the ledger ${file} cannot be used: ${messageOf(error)}`,
    hint: `make sure that ${dirname(file)} is writable, on a local disk and has space, or name another directory in ASSAY_STATE`,
    cause: error,
  });
}

function unusable(file: string, code: string, seen: string, cause?: unknown): ProvisionError {
  return new ProvisionError({
    code,
    phase: "setup",
    seen: `the ledger ${file} ${seen}`,
    hint: `move it away together with ${file}-wal, then run "assay gc": what earlier runs left is found by its labels too`,
    cause,
  });
}

/** Written after each commit that may have made room, so that it can be watched. */
export function freedFile(ledger: string): string {
  return `${ledger}.freed`;
}
