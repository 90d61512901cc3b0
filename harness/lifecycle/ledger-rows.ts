// Decides how rows of the ledger's tables are read. Each is read whole, so that nobody else knows the columns' names.
import type { ResourceKind } from "../model/event.ts";
import type { Lease } from "./lease.ts";
import type { EntryState, LedgerEntry, RunRow } from "./ledger.ts";

export type Row = Record<string, unknown>;

export const leaseColumns = "leases.until, leases.kept_at, leases.digest, leases.stands";
export const runsWithLeases = `SELECT runs.*, ${leaseColumns} FROM runs LEFT JOIN leases USING (run)`;

export function leaseIn(row: Row): { lease?: Lease } {
  if (row["stands"] === null) return {};
  return {
    lease: {
      keptAt: Number(row["kept_at"]),
      stands: JSON.parse(String(row["stands"])) as Lease["stands"],
      ...optional("until", row["until"], Number),
      ...optional("digest", row["digest"], String),
    },
  };
}

export function optional<Key extends string, Value>(
  key: Key,
  value: unknown,
  read: (value: unknown) => Value,
): Partial<Record<Key, Value>> {
  return value === null ? {} : ({ [key]: read(value) } as Record<Key, Value>);
}

export function entryOf(row: Row): LedgerEntry {
  return {
    entry: Number(row["entry"]),
    run: String(row["run"]),
    environment: String(row["environment"]),
    driver: String(row["driver"]),
    kind: String(row["kind"]) as ResourceKind,
    name: String(row["name"]),
    state: String(row["state"]) as EntryState,
    existed: row["existed"] === 1,
    createdAt: Number(row["created_at"]),
    ...optional("node", row["node"], String),
    ...optional("id", row["id"], String),
  };
}

export function runOf(row: Row): RunRow {
  return {
    run: String(row["run"]),
    identity: String(row["identity"]),
    command: String(row["command"]),
    startedAt: Number(row["started_at"]),
    ...optional("child", row["child"], String),
    ...optional("reaper", row["reaper"], String),
    ...optional("closingAt", row["closing_at"], Number),
    ...optional("endedAt", row["ended_at"], Number),
    ...leaseIn(row),
  };
}
