// Decides which sentences can be said about a server that speaks MongoDB's protocol: what is in it, who may ask it.
import type { Document, Filter, IndexDescriptionInfo } from "mongodb";
import type { ServiceSubject } from "../model/check.ts";
import type { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { askDatabase, askMongodb, type MongodbOptions, usualPort } from "./mongodb-client.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { requireService } from "./service-client.ts";
import { sayFlags } from "./tls-options.ts";
import { versionOrder } from "./version-order.ts";
import { isInRange, versionRange } from "./version-range.ts";
import { excerpt } from "./wanted.ts";

/** A database, a collection, documents or an index of one; without any, whether somebody is let in. */
export type MongodbSubject = ServiceSubject<
  "mongodb",
  {
    readonly options: MongodbOptions;
    readonly database?: string;
    readonly collection?: string;
    readonly filter?: Filter<Document>;
    readonly index?: Readonly<Record<string, unknown>>;
  }
>;

/** Of mongosh, which wants a certificate and its key in one file. */
const shellFlags = {
  on: "--tls",
  insecure: "--tlsAllowInvalidCertificates",
  ca: "--tlsCAFile",
  certificate: "--tlsCertificateKeyFile",
  servername: "--host",
};

/** Whether it let itself be asked at all. */
type Trial = { readonly version: string } | { readonly no: string };

/**
 * A MongoDB server, or another that speaks its protocol, asked by MongoDB's own driver over a stream that the node opens: no port is
 * published, no client is needed in the image, one connection serves all checks. Only `answers` and `accepts` take a server that is not
 * there, or refuses the login, for a no; all else rejects: `service-unreachable`, `other-protocol`, `login-refused`.
 *
 * @example await expect(database).toMeet(mongodb().answers(), { within: "20s" });
 * @example await expect(database).toMeet(mongodb({ user: "ops", password }).databases().include("pulp_database"));
 * @example await expect(database).toMeet(mongodb({ tls: { ca: "/etc/ssl/studio-ca.pem" } }).answers());
 */
export function mongodb(options: MongodbOptions = {}) {
  const { port = usualPort, user, tls } = options;
  requireService(port, options.password, tls);
  const subject = port === usualPort ? "mongodb" : `mongodb on port ${port}`;
  const shell = (question: string) =>
    `mongosh${port === usualPort ? "" : ` --port ${port}`}${user === undefined ? "" : ` --username ${user}`}${sayFlags(tls, shellFlags)} --quiet --eval ${JSON.stringify(question)}`;
  const version = async (node: Node) => {
    const { version } = await askDatabase(node, options, "admin", (admin) => admin.command({ buildInfo: 1 }));
    return String(version);
  };
  /** The codes are those of a server that is not there, or does not let this one in. */
  const tried = about<Node, Trial>({
    subject,
    command: shell("db.version()"),
    observe: (node) =>
      version(node).then(
        (said) => ({ version: said }),
        (error: ObservationError) => {
          if (!["service-unreachable", "login-refused"].includes(error.code)) throw error;
          return { no: error.seen };
        },
      ),
    looksAt: looksAt(options),
  });
  const names = about<Node, readonly string[]>({
    subject: `${subject}: databases`,
    command: shell("show dbs"),
    async observe(node) {
      const { databases } = await askMongodb(node, options, (client) =>
        client.db("admin").admin().listDatabases({ nameOnly: true }),
      );
      return databases.map(({ name }) => name);
    },
    looksAt: looksAt(options),
  });
  const sayTrial = (seen: Trial) => ("no" in seen ? seen.no : `version ${seen.version}`);
  return {
    /** It is there and speaks the protocol. */
    answers: () => tried("answers", (seen) => verdict("version" in seen, "an answer", sayTrial(seen))),
    /** This user with this password may ask it; without them: anybody. */
    accepts: () =>
      tried(`accepts ${user ?? "anybody"}`, (seen) => verdict("version" in seen, "a login", sayTrial(seen))),
    /** As it says itself. @example mongodb().hasVersion(">=7") */
    hasVersion(range: string) {
      const wanted = versionRange(range);
      return about<Node, string>({
        subject,
        command: shell("db.version()"),
        observe: version,
        looksAt: looksAt(options),
      })(`has version ${range}`, (seen) => verdict(isInRange(seen, wanted, versionOrder.dpkg), range, seen));
    },
    /** All that are there, as `show dbs` lists them. @example mongodb().databases().areOnly("admin", "pulp_database") */
    databases: () => sentencesOfNames(names),
    /** One of them. @example mongodb().database("pulp_database").exists() */
    database: (name: string) => databaseOf(options, { subject, shell }, name, names),
    /** Documents. @example mongodb().collection("pulp_database", "migrations").contains({ name: "0001" }) */
    collection: (database: string, name: string) => collectionOf(options, { subject, shell }, database, name),
  };
}

function looksAt(options: MongodbOptions, more: Omit<MongodbSubject["subject"], "options"> = {}): MongodbSubject {
  return { probe: "mongodb", subject: { options, ...more } };
}

interface Words {
  readonly subject: string;
  /** What a person would type. */
  readonly shell: (question: string) => string;
}

type AskNames = ReturnType<typeof about<Node, readonly string[]>>;

function sentencesOfNames(ask: AskNames) {
  const say = (seen: readonly string[]) => (seen.length === 0 ? "there are none" : [...seen].sort().join(", "));
  return {
    /** All of these, among others. */
    include: (...wanted: readonly string[]) => {
      requireSubject(wanted.length > 0, "no name was given", "an empty list would be met by anything");
      return ask(`include ${wanted.join(", ")}`, (seen) =>
        verdict(
          wanted.every((name) => seen.includes(name)),
          wanted.join(", "),
          say(seen),
        ),
      );
    },
    /** These and no other; none where no name is given. */
    areOnly: (...wanted: readonly string[]) =>
      ask(wanted.length === 0 ? "are none" : `are only ${wanted.join(", ")}`, (seen) =>
        verdict(seen.length === wanted.length && wanted.every((name) => seen.includes(name)), say(wanted), say(seen)),
      ),
  };
}

function databaseOf(options: MongodbOptions, { subject, shell }: Words, name: string, names: AskNames) {
  requireSubject(
    /^[^/\\. "$*<>:|?\0]{1,63}$/.test(name),
    `${JSON.stringify(name)} is not a database's name`,
    'write it as in "pulp_database"',
  );
  const collections = about<Node, readonly string[]>({
    subject: `${subject}: collections of ${name}`,
    command: shell(`db.getSiblingDB(${JSON.stringify(name)}).getCollectionNames()`),
    observe: (node) =>
      askDatabase(node, options, name, async (database) =>
        (await database.listCollections({}, { nameOnly: true }).toArray()).map((each) => each.name),
      ),
    looksAt: looksAt(options, { database: name }),
  });
  return {
    /** Is listed: servers make a database with the first document, or collection, in it. */
    exists: () =>
      about<Node, readonly string[]>({
        subject: `${subject}: database ${name}`,
        command: shell("show dbs"),
        observe: (node) => names("", () => verdict(true, "", "")).observe(node) as Promise<readonly string[]>,
        looksAt: looksAt(options, { database: name }),
      })("exists", (seen) => verdict(seen.includes(name), name, seen.join(", ") || "there are none")),
    collections: () => sentencesOfNames(collections),
  };
}

function collectionOf(options: MongodbOptions, { subject, shell }: Words, database: string, name: string) {
  const where = `${subject}: collection ${sayWord(name)} of ${sayWord(database)}`;
  const js = `db.getSiblingDB(${JSON.stringify(database)}).getCollection(${JSON.stringify(name)})`;
  const counted = (filter: Filter<Document>) =>
    about<Node, { readonly count: number; readonly examples: readonly Document[] }>({
      subject: where,
      command: shell(`${js}.countDocuments(${JSON.stringify(filter)})`),
      observe: (node) =>
        askDatabase(node, options, database, async (db) => {
          const documents = db.collection(name);
          const count = await documents.countDocuments(filter);
          // What is there instead says more than "none".
          const examples =
            count > 0
              ? []
              : await documents
                  .find({}, { projection: { _id: 0 } })
                  .limit(3)
                  .toArray();
          return { count, examples };
        }),
      looksAt: looksAt(options, { database, collection: name, filter }),
    });
  const sayCount = ({ count, examples }: { count: number; examples: readonly Document[] }) =>
    count > 0 || examples.length === 0
      ? `${count}`
      : `none; there are ${examples.map((each) => excerpt(JSON.stringify(each), 120)).join(", ")}, for example`;
  return {
    /** With documents or without. */
    exists: () =>
      about<Node, readonly string[]>({
        subject: where,
        command: shell(`db.getSiblingDB(${JSON.stringify(database)}).getCollectionNames()`),
        observe: (node) =>
          askDatabase(node, options, database, async (db) =>
            (await db.listCollections({}, { nameOnly: true }).toArray()).map((each) => each.name),
          ),
        looksAt: looksAt(options, { database, collection: name }),
      })("exists", (seen) => verdict(seen.includes(name), name, seen.join(", ") || "there is no collection")),
    /** Documents, all of them or those that match. @example mongodb().collection("shop", "orders").hasCount(2, { paid: true }) */
    hasCount: (count: number, filter: Filter<Document> = {}) =>
      counted(filter)(`has ${count} documents${sayFilter(filter)}`, (seen) =>
        verdict(seen.count === count, String(count), sayCount(seen)),
      ),
    /** At least one document matches, as `find` matches. */
    contains: (filter: Filter<Document>) =>
      counted(filter)(`contains ${excerpt(JSON.stringify(filter), 120)}`, (seen) =>
        verdict(seen.count > 0, "at least 1", sayCount(seen)),
      ),
    /** An index over these fields, in their order. @example mongodb().collection("a", "b").hasIndex({ name: 1 }, { unique: true }) */
    hasIndex: (
      fields: Readonly<Record<string, 1 | -1 | "text" | "2dsphere" | "hashed">>,
      { unique }: { readonly unique?: boolean } = {},
    ) =>
      about<Node, readonly IndexDescriptionInfo[]>({
        subject: where,
        command: shell(`${js}.getIndexes()`),
        observe: (node) => askDatabase(node, options, database, (db) => indexesOf(db.collection(name))),
        looksAt: looksAt(options, { database, collection: name, index: fields }),
      })(`has ${unique === true ? "a unique " : "an "}index on ${JSON.stringify(fields)}`, (seen) =>
        verdict(
          seen.some(
            (index) =>
              JSON.stringify(Object.entries(index.key)) === JSON.stringify(Object.entries(fields)) &&
              (unique === undefined || (index.unique === true) === unique),
          ),
          `${JSON.stringify(fields)}${unique === undefined ? "" : unique ? ", unique" : ", not unique"}`,
          seen.map((index) => `${JSON.stringify(index.key)}${index.unique === true ? " unique" : ""}`).join(", ") ||
            "there is none",
        ),
      ),
  };
}

const sayFilter = (filter: Filter<Document>) =>
  Object.keys(filter).length === 0 ? "" : ` like ${excerpt(JSON.stringify(filter), 120)}`;

/** None of a collection that is not there. */
async function indexesOf(collection: {
  indexes(): Promise<IndexDescriptionInfo[]>;
}): Promise<readonly IndexDescriptionInfo[]> {
  try {
    return await collection.indexes();
  } catch (error) {
    if ((error as { codeName?: string }).codeName === "NamespaceNotFound") return [];
    throw error;
  }
}
