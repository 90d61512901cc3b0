// Decides which sentences can be said about a Redis server: whom it lets in, its keys, its role and configuration. Nothing is written.
import type { ServiceSubject } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { askRedis, openRedis, type RedisOptions, type RedisReply, redisPort } from "./redis-client.ts";
import { isRefused, requireService } from "./service-client.ts";
import { sayFlags } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";
import { versionOrder } from "./version-order.ts";
import { isInRange, versionRange } from "./version-range.ts";
import { excerpt } from "./wanted.ts";

/** A question to Redis; without one, whether somebody is let in. */
export type RedisSubject = ServiceSubject<
  "redis",
  { readonly options: RedisOptions; readonly command?: readonly string[] }
>;

/** Of redis-cli, which looks at no name. */
const cliFlags = {
  on: "--tls",
  insecure: "--insecure",
  ca: "--cacert",
  certificate: "--cert",
  key: "--key",
  servername: "--sni",
};

/** Whether somebody was let in. */
type Trial = { readonly pong: true } | { readonly gone: string } | { readonly loginRefused: string };

/**
 * A Redis server, asked over a stream that the node opens: no port is published, no client is needed in the image, one connection serves
 * all checks. Only `answers` and `accepts` take a server that is not there for a no; all else rejects: `service-unreachable`,
 * `other-protocol`, `login-refused`.
 *
 * @example await expect(cache).toMeet(redis().answers(), { within: "10s" });
 * @example await expect(cache).toMeet(redis({ password }).key("session:1").expires());
 * @example await expect(cache).toMeet(redis({ port: 6380, password, tls: { ca: "/etc/ssl/studio-ca.pem" } }).accepts());
 */
export function redis(options: RedisOptions = {}) {
  const { port = redisPort, user, database = 0, tls } = options;
  requireService(port, options.password, tls);
  requireSubject(
    Number.isInteger(database) && database >= 0,
    `${database} is not a database's number`,
    "write 0 or more",
  );
  const subject = port === redisPort ? "redis" : `redis on port ${port}`;
  const cli = (command: readonly string[]) =>
    `redis-cli${port === redisPort ? "" : ` -p ${port}`}${database === 0 ? "" : ` -n ${database}`}${sayFlags(tls, cliFlags)} ${command.map(sayWord).join(" ")}`;
  const looksAt = (command?: readonly string[]): RedisSubject => ({
    probe: "redis",
    subject: { options, ...(command === undefined ? {} : { command }) },
  });
  const question = <Seen>(of: string, command: readonly string[], read: (reply: RedisReply) => Seen) =>
    about<Node, Seen>({
      subject: `${subject}${of}`,
      command: cli(command),
      observe: async (node) => read(await askRedis(node, options, command)),
      looksAt: looksAt(command),
    });
  const info = (section: string, field: string) =>
    question("", ["INFO", section], (reply) => {
      const value = readInfo(String(reply))[field];
      if (value === undefined) throw failedProbe(`INFO ${section}`, `it tells no ${field}`);
      return value;
    });
  const tried = about<Node, Trial>({
    subject,
    command: cli(["PING"]),
    observe: (node) => trial(node, options),
    looksAt: looksAt(),
  });
  const sayTrial = (seen: Trial) => ("gone" in seen ? seen.gone : "loginRefused" in seen ? seen.loginRefused : "PONG");
  return {
    /** A server is there and speaks the protocol, whoever it lets in. */
    answers: () => tried("answers", (seen) => verdict(!("gone" in seen), "an answer", sayTrial(seen))),
    /** With this password; without one: anybody. */
    accepts: () =>
      tried(`accepts ${user ?? (options.password === undefined ? "anybody" : "the password")}`, (seen) =>
        verdict("pong" in seen, "a login", sayTrial(seen)),
      ),
    /** As it says itself. @example redis().hasVersion(">=7") */
    hasVersion(range: string) {
      const wanted = versionRange(range);
      return info("server", "redis_version")(`has version ${range}`, (seen) =>
        verdict(isInRange(seen, wanted, versionOrder.dpkg), range, seen),
      );
    },
    /** `master` or `slave`, as Redis writes it. */
    hasRole: (role: string) =>
      info("replication", "role")(`has role ${role}`, (seen) => verdict(seen === role, role, seen)),
    key: (name: string) => keyOf(name, question),
    config: (name: string) => ({
      /** As `CONFIG GET` writes it. @example redis().config("appendonly").is("yes") */
      is: (value: string) =>
        question(`: config ${sayWord(name)}`, ["CONFIG", "GET", name], (reply) =>
          Array.isArray(reply) ? reply[1] : undefined,
        )(`is ${sayWord(value)}`, (seen) =>
          verdict(seen === value, value, seen === undefined ? "no such parameter" : String(seen)),
        ),
    }),
    /** Keys in the database that is asked. */
    dbSize: (count: number) =>
      question(
        "",
        ["DBSIZE"],
        Number,
      )(`has ${count} keys`, (seen) => verdict(seen === count, String(count), String(seen))),
  };
}

type Question = <Seen>(
  of: string,
  command: readonly string[],
  read: (reply: RedisReply) => Seen,
) => ReturnType<typeof about<Node, Seen>>;

function keyOf(name: string, question: Question) {
  const of = `: key ${sayWord(name)}`;
  const type = question(of, ["TYPE", name], String);
  return {
    exists: () =>
      type("exists", (seen) => verdict(seen !== "none", name, seen === "none" ? "no such key" : `a ${seen}`)),
    /** A string with this value. A key of another type rejects. */
    is: (value: string) =>
      question(
        of,
        ["GET", name],
        (reply) => reply,
      )(`is ${excerpt(value, 60)}`, (seen) =>
        verdict(seen === value, excerpt(value), seen === null ? "no such key" : excerpt(String(seen))),
      ),
    /** `string`, `list`, `set`, `zset`, `hash`, `stream`. */
    hasType: (wanted: string) =>
      type(`has type ${wanted}`, (seen) => verdict(seen === wanted, wanted, seen === "none" ? "no such key" : seen)),
    /** It has a time to live. */
    expires: () =>
      question(
        of,
        ["TTL", name],
        Number,
      )("expires", (seen) =>
        verdict(seen >= 0, "a time to live", seen === -2 ? "no such key" : seen === -1 ? "it stays" : `${seen} s`),
      ),
  };
}

/** `field:value` lines of INFO. */
export function readInfo(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text
      .split("\r\n")
      .filter((line) => line.includes(":") && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

async function trial(node: Node, options: RedisOptions): Promise<Trial> {
  try {
    (await openRedis(node, options)).close();
    return { pong: true };
  } catch (error) {
    if (!(error instanceof ObservationError)) throw error;
    if (isRefused(error.cause)) return { gone: error.seen };
    if (error.code === "login-refused") return { loginRefused: error.seen };
    throw error;
  }
}
