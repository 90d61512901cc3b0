// Decides which changes of a database of MongoDB's protocol a spec ought to notice that asks for it: documents gone or one more, an index
// dropped, a collection or database not there. What is taken away is kept here meanwhile, as the types that it has.
import { createHash } from "node:crypto";
import type { MongodbSubject } from "../checks/mongodb.ts";
import { askMongodb, type MongodbOptions, usualPort } from "../checks/mongodb-client.ts";
import type { Node } from "../model/node.ts";
import { byService, type Made, type Observation, type ServiceChange } from "./mutation.ts";
import { endListener } from "./processes.ts";

type Client = Parameters<Parameters<typeof askMongodb>[2]>[0];
type Db = ReturnType<Client["db"]>;
type Collection = ReturnType<Db["collection"]>;
type Filter = NonNullable<MongodbSubject["subject"]["filter"]>;

/** Collections with more documents are left alone. */
const mostDocuments = 10_000;

/** A 32-bit number stays one. */
const asTheyAre = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const;

async function documentsOf(collection: Collection, filter: Filter = {}) {
  const documents = await collection.find(filter, { ...asTheyAre, limit: mostDocuments + 1 }).toArray();
  if (documents.length > mostDocuments)
    throw new Error(`${collection.collectionName} has more than ${mostDocuments} documents: too many to be kept`);
  return documents;
}

/** Of a collection that is there: what brings it back when it was dropped. */
async function kept(db: Db, name: string) {
  const collection = db.collection(name);
  const [info] = await db.listCollections({ name }).toArray();
  if (info === undefined) throw new Error(`there is no collection ${name}`);
  if (info.type === "view") throw new Error(`${name} is a view`);
  const options = ("options" in info ? info.options : undefined) ?? {};
  const [documents, indexes] = [await documentsOf(collection), await collection.indexes()];
  return async () => {
    await db.createCollection(name, options);
    for (const index of indexes) if (index.name !== "_id_") await collection.createIndex(index.key, optionsOf(index));
    if (documents.length > 0) await collection.insertMany(documents);
  };
}

function optionsOf(index: Awaited<ReturnType<Collection["indexes"]>>[number]) {
  const { key: _key, v: _version, ...options } = index;
  delete (options as { ns?: unknown }).ns;
  return options;
}

/** All of a collection, or of a database's, in a word. */
async function lookAt(db: Db, only?: string): Promise<string> {
  const names = (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort();
  const hash = createHash("sha256");
  for (const name of names.filter((each) => only === undefined || each === only)) {
    const collection = db.collection(name);
    const documents = (await documentsOf(collection)).map((each) => JSON.stringify(each)).sort();
    const indexes = (await collection.indexes())
      .map(({ key, unique }) => JSON.stringify([key, unique === true]))
      .sort();
    hash.update(JSON.stringify([name, indexes, documents]));
  }
  return hash.digest("hex");
}

/** `make` answers what brings back what it changed; `only` is the collection that is looked at. */
function inDatabase(
  seen: Observation,
  { options, name, only }: { readonly options: MongodbOptions; readonly name: string; readonly only?: string },
  what: string,
  make: (db: Db) => Promise<(again: Db) => Promise<unknown>>,
): Made {
  const service: ServiceChange = {
    look: (node: Node) => askMongodb(node, options, (client) => lookAt(client.db(name), only)),
    async make(node) {
      const undo = await askMongodb(node, options, (client) => make(client.db(name)));
      return async () => void (await askMongodb(node, options, (client) => undo(client.db(name))));
    },
  };
  return byService(seen, "database", what, service);
}

/** A document that a filter finds, where the filter says no more than what is in it. */
function likeness(filter: Filter): Record<string, unknown> | undefined {
  const plain = Object.entries(filter).every(
    ([name, value]) => !name.startsWith("$") && !name.includes(".") && (typeof value !== "object" || value === null),
  );
  return plain ? { ...filter, assayProve: true } : undefined;
}

function ofDocuments(
  seen: Observation,
  { options, database = "", collection = "", filter = {} }: MongodbSubject["subject"],
): readonly Made[] {
  const { count = 0 } = (seen.answer ?? {}) as { readonly count?: number };
  const exact = seen.titles.some((title) => / has \d+ documents/.test(title));
  const all = Object.keys(filter).length === 0;
  const like = all ? "" : ` like ${JSON.stringify(filter).slice(0, 80)}`;
  const made = (what: string, make: (documents: Collection) => Promise<(again: Collection) => Promise<unknown>>) =>
    inDatabase(seen, { options, name: database, only: collection }, what, async (db) => {
      const undo = await make(db.collection(collection));
      return (again) => undo(again.collection(collection));
    });
  const where = `${database}.${collection}`;
  const one = likeness(filter);
  return [
    ...(count === 0
      ? []
      : [
          made(
            all ? `empty the collection ${where}` : `remove the documents${like} from ${where}`,
            async (documents) => {
              const gone = await documentsOf(documents, filter);
              await documents.deleteMany(filter);
              return (again) => again.insertMany(gone);
            },
          ),
        ]),
    ...(count > 1 && exact
      ? [
          made(`remove a document${like} from ${where}`, async (documents) => {
            const gone = await documents.findOne(filter, asTheyAre);
            if (gone === null) throw new Error("there is none");
            await documents.deleteOne({ _id: gone._id });
            return (again) => again.insertOne(gone);
          }),
        ]
      : []),
    // That there are some, one more does not make untrue.
    ...((count === 0 || exact) && one !== undefined
      ? [
          made(`add a document${like} to ${where}`, async (documents) => {
            const { insertedId } = await documents.insertOne({ ...one });
            return (again) => again.deleteOne({ _id: insertedId });
          }),
        ]
      : []),
  ];
}

function ofCollection(
  seen: Observation,
  { options, database = "", collection = "", index }: MongodbSubject["subject"],
): readonly Made[] {
  const made = (what: string, make: (db: Db) => Promise<(again: Db) => Promise<unknown>>) =>
    inDatabase(seen, { options, name: database, only: collection }, `${what} ${database}.${collection}`, make);
  if (index !== undefined) {
    const fields = JSON.stringify(Object.entries(index));
    return [
      made(`drop the index ${JSON.stringify(index)} of`, async (db) => {
        const indexes = await db.collection(collection).indexes();
        const dropped = indexes.find(({ key }) => JSON.stringify(Object.entries(key)) === fields);
        if (dropped?.name === undefined) throw new Error("there is no such index");
        await db.collection(collection).dropIndex(dropped.name);
        return (again) => again.collection(collection).createIndex(dropped.key, optionsOf(dropped));
      }),
    ];
  }
  const there = Array.isArray(seen.answer) && seen.answer.includes(collection);
  return [
    there
      ? made("drop the collection", async (db) => {
          const back = await kept(db, collection);
          await db.dropCollection(collection);
          return back;
        })
      : made("make the collection", async (db) => {
          await db.createCollection(collection);
          return (again) => again.dropCollection(collection);
        }),
  ];
}

/** Of a database, or of those that a sentence names. */
function ofDatabases(seen: Observation, { options, database }: MongodbSubject["subject"]): readonly Made[] {
  const answer = Array.isArray(seen.answer) ? (seen.answer as readonly string[]) : [];
  // The servers' own databases hold who may log in.
  const named = (name: string) => seen.titles.some((title) => title.split(/[ ,]+/).includes(name));
  const there = database === undefined ? answer.filter(named) : [database];
  const own = new Set(["admin", "config", "local"]);
  const other = "assay_prove";
  const more = seen.titles.some((title) => / are (only|none)/.test(title));
  const made = (what: string, name: string, make: (db: Db) => Promise<(again: Db) => Promise<unknown>>) =>
    inDatabase(seen, { options, name }, what, make);
  const added = async (db: Db) => {
    await db.collection(other).insertOne({ assayProve: true });
    return (again: Db) => (database === undefined ? again.dropDatabase() : again.dropCollection(other));
  };
  return [
    ...there
      .filter((name) => !own.has(name))
      .map((name) =>
        made(`drop the database ${name}`, name, async (db) => {
          const names = (await db.listCollections({}, { nameOnly: true }).toArray()).map((each) => each.name);
          if (names.length === 0) throw new Error(`there is no database ${name}`);
          const back = await Promise.all(names.map((each) => kept(db, each)));
          await db.dropDatabase();
          return async () => {
            for (const each of back) await each();
          };
        }),
      ),
    ...(more
      ? [
          database === undefined
            ? made("make one database more", other, added)
            : made(`make one collection more in ${database}`, database, added),
        ]
      : []),
  ];
}

/** Of what a server of MongoDB's protocol was asked. */
export function ofMongodb(seen: Observation): readonly Made[] {
  const subject = seen.subject as MongodbSubject["subject"];
  const server = endListener(seen, subject.options.port ?? usualPort);
  if (subject.filter !== undefined) return [server, ...ofDocuments(seen, subject)];
  if (subject.collection !== undefined) return [server, ...ofCollection(seen, subject)];
  return [server, ...ofDatabases(seen, subject)];
}
