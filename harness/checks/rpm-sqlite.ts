// Decides how rpm's database is read where it is SQLite's (`rpmdb.sqlite`; Fedora 33, RHEL 9 and later): from a copy, which is opened to be read
// only. Refuses a file whose table is not as rpm makes it, so that nothing that somebody wrote into its schema is ever computed.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf } from "../model/errors.ts";
import { DamagedRpm } from "./rpm-header.ts";

/** As `lib/backend/sqlite.c` of rpm makes it; SQLite keeps a table's text as it was written. */
const table = /^CREATE TABLE 'Packages' ?\(\s*hnum INTEGER PRIMARY KEY AUTOINCREMENT,\s*blob BLOB NOT NULL\s*\)$/;

/**
 * Headers in the order of their numbers. `log` is what lies beside it as `-wal`: transactions that are not in the file yet. Throws `DamagedRpm`.
 * Blocks; needs as much room in the temporary directory as both have, until it is done.
 */
export function* sqliteHeaders(bytes: Buffer, log: Buffer | undefined): Generator<Buffer> {
  const room = mkdtempSync(join(tmpdir(), "assay-rpm-"));
  try {
    const path = join(room, "rpmdb.sqlite");
    writeFileSync(path, bytes, { mode: 0o600 });
    if (log !== undefined && log.length > 0) writeFileSync(`${path}-wal`, log, { mode: 0o600 });
    const database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
    try {
      yield* headersIn(database);
    } finally {
      database.close();
    }
  } catch (error) {
    throw error instanceof DamagedRpm ? error : new DamagedRpm(messageOf(error));
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

function* headersIn(database: DatabaseSync): Generator<Buffer> {
  database.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  const made = database.prepare("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = 'Packages'").all();
  const [first] = made;
  if (first === undefined) throw new DamagedRpm("it has no table of packages");
  if (made.length > 1 || first["type"] !== "table" || !table.test(String(first["sql"])))
    throw new DamagedRpm(`its table of packages is none that rpm makes: ${JSON.stringify(made).slice(0, 300)}`);
  // Pages that are reached twice, too: without it, a table may have no end.
  for (const { quick_check: said } of database.prepare("PRAGMA quick_check('Packages')").iterate())
    if (said !== "ok") throw new DamagedRpm(String(said).replace(/\s+/g, " "));
  let before = 0;
  for (const { hnum, blob } of database.prepare("SELECT hnum, blob FROM Packages ORDER BY hnum").iterate()) {
    if (typeof hnum !== "number" || hnum <= before || !(blob instanceof Uint8Array))
      throw new DamagedRpm(`record ${String(hnum)} comes after ${before}, or has no header`);
    before = hnum;
    yield Buffer.from(blob.buffer, blob.byteOffset, blob.length);
  }
}
