// Decides which changes of a PostgreSQL database a spec ought to notice that asks for it: a table emptied, a row gone, a table or column by
// another name. Rows are kept in a temporary table of a connection that is held open meanwhile: nothing of that is seen by others.
import type { PostgresSubject } from "../checks/postgres.ts";
import { openPostgres, type PostgresOptions, postgresPort, type Row } from "../checks/postgres-client.ts";
import type { Node } from "../model/node.ts";
import { byService, type Made, type Observation, type ServiceChange } from "./mutation.ts";
import { endListener } from "./processes.ts";

/** Tables with more rows are left alone. */
const mostRows = 100_000;

type Ask = (sql: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

async function connection(node: Node, options: PostgresOptions): Promise<{ readonly ask: Ask; close(): void }> {
  const { client, close } = await openPostgres(node, options);
  return { close, ask: async (sql, values = []) => (await client.query<Row>(sql, [...values])).rows };
}

/** A connection for `look`, another that lives from `make` to its undo. */
function change(
  options: PostgresOptions,
  look: (ask: Ask) => Promise<unknown>,
  make: (ask: Ask) => Promise<() => Promise<unknown>>,
): ServiceChange {
  return {
    async look(node) {
      const { ask, close } = await connection(node, options);
      try {
        return JSON.stringify(await look(ask));
      } finally {
        close();
      }
    },
    async make(node) {
      const { ask, close } = await connection(node, options);
      try {
        await ask("BEGIN");
        const undo = await make(ask);
        await ask("COMMIT");
        return async () => {
          try {
            await ask("BEGIN");
            await undo();
            await ask("COMMIT");
          } finally {
            close();
          }
        };
      } catch (error) {
        close(); // which takes the transaction back
        throw error;
      }
    },
  };
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
/** As a spec writes a table: `name`, `schema.name`. */
const tableNamed = (name: string) => name.split(".").map(quoted).join(".");

const rowsOf = (table: string) => async (ask: Ask) =>
  ask(`SELECT count(*), md5(string_agg(each::text, E'\\n' ORDER BY each::text)) AS rows FROM ${table} AS each`);

/** Takes the rows away that `which` says; answers what puts them back. Refuses what would not come back as it was. */
async function taken(ask: Ask, table: string, which: string): Promise<() => Promise<unknown>> {
  const [about] = await ask(
    `SELECT relkind, (SELECT count(*) FROM pg_constraint WHERE confrelid = c.oid AND contype = 'f') AS referring,
      (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal) AS triggers,
      (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
      FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [table],
  );
  if (about === undefined) throw new Error(`there is no table ${table}`);
  if (about["relkind"] !== "r") throw new Error(`${table} is no plain table`);
  if (Number(about["referring"]) > 0) throw new Error(`other tables refer to ${table}`);
  if (Number(about["triggers"]) > 0) throw new Error(`${table} has triggers`);
  if (about["columns"] === null) throw new Error(`${table} has no columns`);
  const [{ count } = { count: 0 }] = await ask(`SELECT count(*) FROM ${table}`);
  if (Number(count) > mostRows) throw new Error(`${table} has ${String(count)} rows: too many to be kept`);
  const kept = quoted(`assay prove ${table}`.slice(0, 60));
  await ask(`CREATE TEMPORARY TABLE ${kept} AS SELECT * FROM ${table} ${which}`);
  await ask(`DELETE FROM ${table} ${which}`);
  const columns = String(about["columns"]);
  return async () => {
    await ask(`INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${kept}`);
    await ask(`DROP TABLE ${kept}`);
  };
}

function ofTable(
  seen: Observation,
  { options, table = "", column, rows }: PostgresSubject["subject"],
): readonly Made[] {
  const name = tableNamed(table);
  const made = (
    what: string,
    ...how: [look: (ask: Ask) => Promise<unknown>, make: (ask: Ask) => Promise<() => Promise<unknown>>]
  ) => byService(seen, "database", what, change(options, ...how));
  const renamed = (what: string, from: string, back: string) =>
    made(
      what,
      (ask) =>
        ask("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum", [name]),
      async (ask) => {
        await ask(`ALTER TABLE ${from}`);
        return () => ask(`ALTER TABLE ${back}`);
      },
    );
  if (rows === true) {
    if (seen.answer === undefined || seen.answer === "0") return [];
    return [
      made(`empty the table ${table}`, rowsOf(name), (ask) => taken(ask, name, "")),
      ...(seen.titles.some((title) => / has \d+ rows$/.test(title))
        ? [
            made(`delete a row of the table ${table}`, rowsOf(name), (ask) =>
              taken(ask, name, `WHERE ctid = (SELECT max(ctid) FROM ${name})`),
            ),
          ]
        : []),
    ];
  }
  if (!Array.isArray(seen.answer) || seen.answer.length === 0) return [];
  const other = "assay prove";
  const schema = table.includes(".") ? `${tableNamed(table.slice(0, table.lastIndexOf(".")))}.` : "";
  const last = quoted(table.slice(table.lastIndexOf(".") + 1));
  return [
    renamed(
      `call the table ${table} another name`,
      `${name} RENAME TO "${other}"`,
      `${schema}"${other}" RENAME TO ${last}`,
    ),
    ...(column === undefined
      ? []
      : [
          renamed(
            `call the column ${column} of ${table} another name`,
            `${name} RENAME COLUMN ${quoted(column)} TO "${other}"`,
            `${name} RENAME COLUMN "${other}" TO ${quoted(column)}`,
          ),
        ]),
  ];
}

interface Plan {
  readonly "Relation Name"?: string;
  readonly Schema?: string;
  readonly Plans?: readonly Plan[];
}

function readTables(plan: Plan): readonly string[] {
  const { Schema: schema = "", "Relation Name": name } = plan;
  const own =
    name === undefined || /^(pg_|information_schema$)/.test(schema) ? [] : [`${quoted(schema)}.${quoted(name)}`];
  return [...own, ...(plan.Plans ?? []).flatMap(readTables)];
}

/** The tables that a question reads, as the server's own plan names them: views are looked through. */
async function tablesOf(ask: Ask, sql: string, values: readonly unknown[]): Promise<readonly string[]> {
  const [row] = await ask(`EXPLAIN (VERBOSE, FORMAT JSON) ${sql}`, values);
  const plans = row?.["QUERY PLAN"] as readonly { readonly Plan: Plan }[] | undefined;
  return [...new Set((plans ?? []).flatMap(({ Plan: plan }) => readTables(plan)))];
}

function ofQuery(seen: Observation, { options, sql = "", values = [] }: PostgresSubject["subject"]): readonly Made[] {
  return [
    byService(
      seen,
      "database",
      `empty what ${JSON.stringify(sql.slice(0, 80))} reads`,
      change(
        options,
        async (ask) => Promise.all((await tablesOf(ask, sql, values)).map((table) => rowsOf(table)(ask))),
        async (ask) => {
          const back: (() => Promise<unknown>)[] = [];
          const tables = await tablesOf(ask, sql, values);
          if (tables.length === 0) throw new Error("it reads no table");
          for (const table of tables) back.unshift(await taken(ask, table, ""));
          return async () => {
            for (const each of back) await each();
          };
        },
      ),
    ),
  ];
}

/** Of what a PostgreSQL server was asked. */
export function ofPostgres(seen: Observation): readonly Made[] {
  const subject = seen.subject as PostgresSubject["subject"];
  const server = endListener(seen, subject.options.port ?? postgresPort);
  if (subject.table !== undefined) return [server, ...ofTable(seen, subject)];
  return subject.sql === undefined ? [server] : [server, ...ofQuery(seen, subject)];
}
