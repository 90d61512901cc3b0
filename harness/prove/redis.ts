// Decides which changes of a Redis server's data a spec ought to notice that asks for them. What is taken away is moved to a database that
// nobody uses, and comes back from there as it was.
import type { RedisSubject } from "../checks/redis.ts";
import { askRedis, type RedisOptions, redisPort } from "../checks/redis-client.ts";
import type { Node } from "../model/node.ts";
import { byService, type Made, type Observation, type ServiceChange } from "./mutation.ts";
import { endListener } from "./processes.ts";

/** Redis has 16 databases where nobody says otherwise. */
const spareOf = ({ database = 0 }: RedisOptions) => (database === 15 ? 14 : 15);

type Ask = (...command: readonly string[]) => Promise<unknown>;

/** A change of what `look` tells; `make` answers what undoes it. `spare` asks in the database that nobody uses. */
function change(
  options: RedisOptions,
  look: (ask: Ask) => Promise<unknown>,
  make: (ask: Ask, spare: Ask) => Promise<() => Promise<unknown>>,
): ServiceChange {
  const on =
    (node: Node, own: RedisOptions): Ask =>
    (...command) =>
      askRedis(node, own, command);
  return {
    look: async (node) => JSON.stringify(await look(on(node, options))),
    async make(node) {
      const undo = await make(on(node, options), on(node, { ...options, database: spareOf(options) }));
      return async () => void (await undo());
    },
  };
}

const lookAtKey = (key: string) => async (ask: Ask) => [
  await ask("DUMP", key),
  Number(await ask("TTL", key)) >= 0 ? "expires" : "stays",
];

/** Moves a key away; answers what moves it back. */
async function away(key: string, options: RedisOptions, ask: Ask, spare: Ask): Promise<() => Promise<unknown>> {
  if ((await ask("MOVE", key, String(spareOf(options)))) !== 1)
    throw new Error(`the key cannot be moved to database ${spareOf(options)}`);
  return () => spare("MOVE", key, String(options.database ?? 0));
}

function ofKey(seen: Observation, options: RedisOptions, verb: string, key: string): readonly Made[] {
  const made = (what: string, make: Parameters<typeof change>[2]) =>
    byService(seen, "database", what, change(options, lookAtKey(key), make));
  if (seen.answer === "none" || seen.answer === null || seen.answer === -2)
    return [
      made(`set the key ${key}`, async (ask) => {
        await ask("SET", key, "assay prove");
        return () => ask("DEL", key);
      }),
    ];
  const gone = made(`delete the key ${key}`, (ask, spare) => away(key, options, ask, spare));
  if (verb === "GET")
    return [
      gone,
      made(`give the key ${key} another value`, async (ask, spare) => {
        const back = await away(key, options, ask, spare);
        await ask("SET", key, "assay prove");
        return async () => {
          await ask("DEL", key);
          await back();
        };
      }),
    ];
  if (verb === "TTL" && Number(seen.answer) >= 0)
    return [
      gone,
      made(`let the key ${key} stay`, async (ask) => {
        const left = String(await ask("PTTL", key));
        await ask("PERSIST", key);
        return () => ask("PEXPIRE", key, left);
      }),
    ];
  if (verb === "TYPE" && seen.titles.some((title) => title.includes("has type")))
    return [
      gone,
      made(`make the key ${key} of another type`, async (ask, spare) => {
        const back = await away(key, options, ask, spare);
        await (seen.answer === "string" ? ask("RPUSH", key, "assay prove") : ask("SET", key, "assay prove"));
        return async () => {
          await ask("DEL", key);
          await back();
        };
      }),
    ];
  return [gone];
}

function ofSize(seen: Observation, options: RedisOptions): readonly Made[] {
  const { database = 0 } = options;
  const size = (ask: Ask) => ask("DBSIZE");
  const key = "assay:prove";
  return [
    ...(Number(seen.answer) === 0
      ? []
      : [
          byService(
            seen,
            "database",
            `empty the database ${database}`,
            change(options, size, async (ask, spare) => {
              const other = spareOf(options);
              if ((await spare("DBSIZE")) !== 0) throw new Error(`database ${other} is in use`);
              const swap = () => ask("SWAPDB", String(database), String(other));
              await swap();
              return swap;
            }),
          ),
        ]),
    byService(
      seen,
      "database",
      `set one key more in the database ${database}`,
      change(options, size, async (ask) => {
        await ask("SET", key, "1");
        return () => ask("DEL", key);
      }),
    ),
  ];
}

function ofSetting(seen: Observation, options: RedisOptions, name: string): readonly Made[] {
  const now = Array.isArray(seen.answer) ? String(seen.answer[1]) : String(seen.answer);
  const swapped: Readonly<Record<string, string>> = { yes: "no", no: "yes" };
  const other = swapped[now] ?? (/^\d+$/.test(now) ? String(Number(now) + 1) : undefined);
  if (other === undefined) return [];
  return [
    byService(
      seen,
      "database",
      `set ${name} to ${other}`,
      change(
        options,
        (ask) => ask("CONFIG", "GET", name),
        async (ask) => {
          await ask("CONFIG", "SET", name, other);
          return () => ask("CONFIG", "SET", name, now);
        },
      ),
    ),
  ];
}

/** Of what a Redis server was asked. */
export function ofRedis(seen: Observation): readonly Made[] {
  const { options, command = [] } = seen.subject as RedisSubject["subject"];
  const [verb = "", name = ""] = command[0] === "CONFIG" ? ["CONFIG", command[2]] : command;
  const server = endListener(seen, options.port ?? redisPort);
  if (["TYPE", "GET", "TTL"].includes(verb)) return [server, ...ofKey(seen, options, verb, name)];
  if (verb === "DBSIZE") return [server, ...ofSize(seen, options)];
  if (verb === "CONFIG") return [server, ...ofSetting(seen, options, name)];
  return [server];
}
