// Decides which sentences can be said about a PostgreSQL server: whom it lets in, what is in it, how it is set. Nothing is written.
import { isDeepStrictEqual } from "node:util";
import type { ServiceSubject } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { askPostgres, openPostgres, type PostgresOptions, postgresPort, type Row } from "./postgres-client.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { isRefused, requireService } from "./service-client.ts";
import { sayFlags, type TlsOptions } from "./tls-options.ts";
import { versionOrder } from "./version-order.ts";
import { isInRange, versionRange } from "./version-range.ts";
import { excerpt } from "./wanted.ts";

/** A question in SQL, with the table that it is about where it is said to be about one; without either, whether somebody is let in. */
export type PostgresSubject = ServiceSubject<
  "postgres",
  {
    readonly options: PostgresOptions;
    readonly table?: string;
    readonly column?: string;
    /** The table's rows are counted. */
    readonly rows?: true;
    readonly sql?: string;
    readonly values?: readonly unknown[];
  }
>;

type LooksAt = Omit<PostgresSubject["subject"], "options">;

/** Whether somebody was let in. */
type Trial = { readonly version: string } | { readonly gone: string } | { readonly loginRefused: string };

/**
 * A PostgreSQL server, asked over a stream that the node opens: no port is published, no client is needed in the image, one connection
 * serves all checks. Everything is asked in transactions that cannot write. Only `answers` and `accepts` take a server that is not there
 * for a no; all else rejects: `service-unreachable`, `other-protocol`, `login-refused`.
 *
 * @example await expect(database).toMeet(postgres({ user: "pulp", password, database: "pulp" }).answers(), { within: "20s" });
 * @example await expect(database).toMeet(postgres({ user: "pulp", password, database: "pulp" }).table("core_content").hasRows(3));
 * @example await expect(database).toMeet(postgres({ user: "pulp", password, tls: { ca: "/etc/ssl/studio-ca.pem" } }).accepts());
 */
export function postgres(options: PostgresOptions) {
  const { port = postgresPort, user, database = "postgres", tls } = options;
  requireService(port, options.password, tls);
  requireSubject(user !== "", "no user was named", 'write who asks, as in { user: "postgres" }');
  const subject = port === postgresPort ? "postgres" : `postgres on port ${port}`;
  const psql = (sql: string) =>
    `${sayTls(tls)}psql -h ${sayWord(tls?.servername ?? "127.0.0.1")} -p ${port} -U ${sayWord(user)} -d ${sayWord(database)} -c ${JSON.stringify(sql)}`;
  const sayTrial = (seen: Trial) =>
    "gone" in seen ? seen.gone : "loginRefused" in seen ? seen.loginRefused : `version ${seen.version}`;
  const looksAt = (more: LooksAt = {}): PostgresSubject => ({ probe: "postgres", subject: { options, ...more } });
  const tried = about<Node, Trial>({
    subject,
    command: psql("SHOW server_version"),
    // A connection that stood before says nothing of who is let in now.
    observe: (node) => trial(node, options),
    looksAt: looksAt(),
  });
  /** Sentences about the rows of one question. */
  const rows = (of: string, sql: string, values: readonly unknown[] = [], more: LooksAt = {}) =>
    about<Node, readonly Row[]>({
      subject: `${subject}${of}`,
      command: psql(sql),
      observe: (node) => askPostgres(node, options, sql, values),
      looksAt: looksAt(more),
    });
  const words = { subject, rows, looksAt };
  return {
    /** A server is there and takes questions, whoever it lets in. One that is starting or stopping does not. */
    answers: () => tried("answers", (seen) => verdict(!("gone" in seen), "an answer", sayTrial(seen))),
    /** This user with this password is let into this database. */
    accepts: () => tried(`accepts ${user}`, (seen) => verdict("version" in seen, "a login", sayTrial(seen))),
    /** As it says itself. @example postgres({ user, password }).hasVersion(">=15 <16") */
    hasVersion(range: string) {
      const wanted = versionRange(range);
      return rows("", "SHOW server_version")(`has version ${range}`, (seen) => {
        const version = String(seen[0]?.["server_version"] ?? "").split(" ")[0] ?? "";
        return verdict(isInRange(version, wanted, versionOrder.dpkg), range, version);
      });
    },
    database: (name: string) => databaseOf(words, name),
    role: (name: string) => roleOf(words, name),
    /** A table or view of the database that is asked: `name`, found as the user's queries find it, or `schema.name`. */
    table: (name: string) => tableOf(options, words, name),
    extension: (name: string) => ({
      /** In the database that is asked. */
      isInstalled: () =>
        rows(`: extension ${sayWord(name)}`, "SELECT extname, extversion FROM pg_extension ORDER BY 1")(
          "is installed",
          (seen) =>
            verdict(
              seen.some((row) => row["extname"] === name),
              name,
              seen.map((row) => `${row["extname"]} ${row["extversion"]}`).join(", ") || "there are none",
            ),
        ),
    }),
    setting: (name: string) => ({
      /** As `SHOW` writes it, with its unit. @example postgres({ user, password }).setting("shared_buffers").is("128MB") */
      is: (value: string) =>
        rows(`: setting ${sayWord(name)}`, "SELECT current_setting($1, true) AS value", [name])(
          `is ${sayWord(value)}`,
          (seen) => {
            const now = seen[0]?.["value"];
            return verdict(now === value, value, now === null || now === undefined ? "no such setting" : String(now));
          },
        ),
    }),
    /**
     * One statement that reads; parameters are `$1`, `$2`, ….
     * @example postgres({ user, password }).query("SELECT count(*)::int AS files FROM core_artifact").gives([{ files: 1 }])
     */
    query(sql: string, parameters: readonly unknown[] = []) {
      const ask = rows(`: ${excerpt(sql, 100)}`, sql, parameters, { sql, values: parameters });
      return {
        /** These rows, in their order; columns by their names. bigint and numeric are text, times are ISO 8601. */
        gives: (wanted: readonly Row[]) =>
          ask(`gives ${excerpt(JSON.stringify(wanted), 200)}`, (seen) =>
            verdict(
              isDeepStrictEqual(plain(seen), plain(wanted)),
              JSON.stringify(wanted),
              excerpt(JSON.stringify(plain(seen))),
            ),
          ),
      };
    },
  };
}

/** psql is told of TLS by its environment. Without a name it looks at none: it would want one for 127.0.0.1. */
function sayTls(tls: TlsOptions | undefined): string {
  if (tls === undefined) return "";
  const { insecure = false, servername } = tls;
  const mode = insecure ? "require" : servername === undefined ? "verify-ca" : "verify-full";
  const flags = sayFlags(tls, { ca: "PGSSLROOTCERT", certificate: "PGSSLCERT", key: "PGSSLKEY" });
  return `PGSSLMODE=${mode}${flags.replace(/ (PG\w+) /g, " $1=")} `;
}

/** As JSON has it. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each)));

async function trial(node: Node, options: PostgresOptions): Promise<Trial> {
  try {
    const { client, close } = await openPostgres(node, options);
    try {
      const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
      return { version: rows[0]?.server_version ?? "" };
    } finally {
      close();
    }
  } catch (error) {
    if (!(error instanceof ObservationError)) throw error;
    const { code } = (error.cause ?? {}) as { code?: string };
    if (isRefused(error.cause) || code?.startsWith("57P0") === true) return { gone: error.seen };
    if (error.code === "login-refused") return { loginRefused: error.seen };
    throw error;
  }
}

interface Words {
  readonly subject: string;
  readonly rows: (
    of: string,
    sql: string,
    values?: readonly unknown[],
    more?: LooksAt,
  ) => ReturnType<typeof about<Node, readonly Row[]>>;
  readonly looksAt: (more: LooksAt) => PostgresSubject;
}

/** Sentences about what one row of a catalogue says; all rows are read, so that a message tells what there is instead. */
function entry(words: Words, kind: string, name: string, sql: string) {
  const ask = words.rows(`: ${kind} ${sayWord(name)}`, sql);
  return (predicate: string, expected: string, field: string, met: (value: unknown) => boolean) =>
    ask(predicate, (seen) => {
      const row = seen.find((each) => each["name"] === name);
      return verdict(
        row !== undefined && met(row[field]),
        expected,
        row === undefined
          ? `no such ${kind}; there are ${seen.map((each) => each["name"]).join(", ")}`
          : String(row[field]),
      );
    });
}

function databaseOf(words: Words, name: string) {
  const ask = entry(
    words,
    "database",
    name,
    "SELECT datname AS name, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding FROM pg_database ORDER BY 1",
  );
  return {
    exists: () => ask("exists", name, "name", () => true),
    isOwnedBy: (role: string) => ask(`is owned by ${sayWord(role)}`, role, "owner", (owner) => owner === role),
    /** As PostgreSQL writes it: `UTF8`. */
    hasEncoding: (encoding: string) =>
      ask(`has encoding ${encoding}`, encoding, "encoding", (value) => value === encoding),
  };
}

function roleOf(words: Words, name: string) {
  const ask = entry(
    words,
    "role",
    name,
    "SELECT rolname AS name, CASE WHEN rolsuper THEN 'superuser' ELSE 'no superuser' END AS super, CASE WHEN rolcanlogin THEN 'may log in' ELSE 'may not log in' END AS login FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1",
  );
  return {
    exists: () => ask("exists", name, "name", () => true),
    isSuperuser: () => ask("is superuser", "superuser", "super", (value) => value === "superuser"),
    canLogin: () => ask("can log in", "may log in", "login", (value) => value === "may log in"),
  };
}

const quoted = (name: string) =>
  name
    .split(".")
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");

function tableOf(options: PostgresOptions, words: Words, name: string) {
  requireSubject(
    /^[^.\0]+(\.[^.\0]+)?$/.test(name),
    `${JSON.stringify(name)} is not a table's name`,
    'write "table" or "schema.table"',
  );
  const of = `: table ${sayWord(name)}`;
  const columns = (column?: string) =>
    words.rows(
      of,
      "SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.oid = to_regclass($1) ORDER BY a.attnum",
      [quoted(name)],
      { table: name, ...(column === undefined ? {} : { column }) },
    );
  const sayColumns = (seen: readonly Row[]) => {
    if (seen.length === 0) return "no such table";
    const told = seen.filter((row) => row["column"] !== null);
    return told.map((row) => `${row["column"]} ${row["type"]}`).join(", ") || "without a column";
  };
  const counted = about<Node, string | undefined>({
    subject: `${words.subject}${of}`,
    command: `psql -c ${JSON.stringify(`SELECT count(*) FROM ${quoted(name)}`)}`,
    async observe(node) {
      const [there] = await askPostgres(node, options, "SELECT to_regclass($1)::text AS name", [quoted(name)]);
      if (there?.["name"] === null) return undefined;
      const [row] = await askPostgres(node, options, `SELECT count(*)::text AS count FROM ${quoted(name)}`);
      return String(row?.["count"]);
    },
    looksAt: words.looksAt({ table: name, rows: true }),
  });
  return {
    exists: () => columns()("exists", (seen) => verdict(seen.length > 0, name, sayColumns(seen))),
    /** With this type where one is given, as `\d` writes it: `character varying(255)`. */
    hasColumn: (column: string, type?: string) =>
      columns(column)(`has column ${sayWord(column)}${type === undefined ? "" : ` of type ${type}`}`, (seen) =>
        verdict(
          seen.some((row) => row["column"] === column && (type === undefined || row["type"] === type)),
          `${column}${type === undefined ? "" : ` ${type}`}`,
          sayColumns(seen),
        ),
      ),
    /** Exactly so many; a table that is not there has none, and is not met. */
    hasRows: (count: number) =>
      counted(`has ${count} rows`, (seen) => verdict(seen === String(count), String(count), seen ?? "no such table")),
    hasRowsAtLeast: (count: number) =>
      counted(`has at least ${count} rows`, (seen) =>
        verdict(seen !== undefined && BigInt(seen) >= BigInt(count), `at least ${count}`, seen ?? "no such table"),
      ),
  };
}
