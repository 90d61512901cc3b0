// Decides which stack is measured, and which forty questions about its services are asked: by Assay's checks, and by the programs that a
// person has for them in the containers themselves.
import { environmentNamed } from "../commands/recipes.ts";
import { readConfig } from "../config.ts";
import { amqp, type Check, type Environment, http, mongodb, type Node, type Secret } from "../index.ts";
import { isSecret } from "../model/secret.ts";

/** The project's stand-in for Pulp, on RabbitMQ. */
export const stackEnvironment = (): Promise<Environment> => environmentNamed(readConfig().project, "pulp-rabbitmq");

/** The same, on a machine's engine. */
export const stackOnMachine = (): Promise<Environment> => environmentNamed(readConfig().project, "pulp-machine");

/** A question: to which node, in Assay's words, and as a command in a container. */
export interface ServiceQuestion {
  readonly node: string;
  readonly check: Check<Node>;
  readonly peer: { readonly container: string; readonly command: readonly [string, ...string[]] };
}

interface Login {
  readonly user: string;
  readonly password: Secret;
}

/** As the broker is given it. */
export function loginOf({ nodes }: Environment): Login {
  const broker = nodes["broker"];
  const env = broker?.kind === "container" ? broker.env : {};
  const password = Object.values(env).find(isSecret);
  if (password === undefined) throw new Error("the broker of the stack is given no password");
  return { user: String(env["RABBITMQ_USER"]), password };
}

/** Forty: of the database twenty, of the web server and its API ten, of the broker ten. */
export function serviceQuestions(login: Login): readonly ServiceQuestion[] {
  return [...databaseQuestions(), ...webQuestions(), ...brokerQuestions(login)];
}

const pulp = "pulp_database";
const collections = ["migration_trackers", "repositories", "roles", "task_status", "units", "users", "workers"];
const indexes: readonly (readonly [string, Readonly<Record<string, 1>>])[] = [
  ["repositories", { repo_id: 1 }],
  ["units", { repo_id: 1, name: 1 }],
  ["task_status", { task_id: 1 }],
];

function databaseQuestions(): readonly ServiceQuestion[] {
  // MongoDB's shell can be had from no registry here; the client that the workers have starts sooner.
  const asked = (expression: string): ServiceQuestion["peer"] => ({
    container: "worker",
    command: [
      "python3",
      "-B",
      "-c",
      `import pymongo, sys
client = pymongo.MongoClient("database"); db = client["${pulp}"]
sys.exit(0 if ${expression} else 1)`,
    ],
  });
  const one = (check: Check<Node>, expression: string): ServiceQuestion => ({
    node: "database",
    check,
    peer: asked(expression),
  });
  const count = (name: string, filter: object, many: number) =>
    one(
      mongodb().collection(pulp, name).hasCount(many, filter),
      `db["${name}"].count_documents(${JSON.stringify(filter)}) == ${many}`,
    );
  return [
    one(mongodb().answers(), 'client.admin.command("ping")["ok"] == 1'),
    one(mongodb().hasVersion(">=6"), 'int(client.server_info()["version"].split(".")[0]) >= 6'),
    one(mongodb().database(pulp).exists(), `"${pulp}" in client.list_database_names()`),
    ...collections.map((name) =>
      one(mongodb().collection(pulp, name).exists(), `"${name}" in db.list_collection_names()`),
    ),
    ...indexes.map(([name, fields]) =>
      one(
        mongodb().collection(pulp, name).hasIndex(fields, { unique: true }),
        `any(list(each["key"]) == ${JSON.stringify(Object.keys(fields).map((field) => [field, 1]))} or [k for k, _ in each["key"]] == ${JSON.stringify(Object.keys(fields))} for each in db["${name}"].index_information().values())`,
      ),
    ),
    count("users", { _id: "admin" }, 1),
    count("users", { name: "Administrator" }, 1),
    count("roles", { _id: "super-users" }, 1),
    count("migration_trackers", { version: 3 }, 1),
    count("repositories", {}, 0),
    count("units", {}, 0),
    count("task_status", {}, 0),
  ];
}

function webQuestions(): readonly ServiceQuestion[] {
  const base = "http://127.0.0.1";
  const api = `${base}/pulp/api/v2`;
  const python = (url: string, expression: string): readonly [string, ...string[]] => [
    "python3",
    "-B",
    "-c",
    `import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", 80); connection.request("GET", ${JSON.stringify(url.slice(base.length))})
answer = connection.getresponse(); body = answer.read().decode()
sys.exit(0 if ${expression} else 1)`,
  ];
  const one = (check: Check<Node>, url: string, expression: string): ServiceQuestion => ({
    node: "web",
    check,
    peer: { container: "web", command: python(url, expression) },
  });
  const status = (url: string, wanted: number) => one(http(url).answers(wanted), url, `answer.status == ${wanted}`);
  return [
    status(`${api}/status/`, 200),
    status(`${api}/nothing/`, 404),
    status(`${api}/repositories/reels/units/`, 200),
    status(`${api}/tasks/none/`, 404),
    status(`${base}/pub/`, 404),
    status(`${base}/pub/reels/none`, 404),
    one(
      http(`${api}/status/`).hasHeader("Content-Type", "application/json"),
      `${api}/status/`,
      'answer.getheader("Content-Type") == "application/json"',
    ),
    one(
      http(`${api}/status/`).json("server_name").is("pulp.studio.example"),
      `${api}/status/`,
      'json.loads(body)["server_name"] == "pulp.studio.example"',
    ),
    one(http(`${api}/status/`).bodyContains("version"), `${api}/status/`, '"version" in body'),
    one(
      http(`${api}/repositories/reels/units/`).json().hasLength(0),
      `${api}/repositories/reels/units/`,
      "len(json.loads(body)) == 0",
    ),
  ];
}

function brokerQuestions(login: Login): readonly ServiceQuestion[] {
  const broker = amqp(login);
  const listed = (columns: string, pattern: string): ServiceQuestion["peer"] => ({
    container: "broker",
    command: ["sh", "-c", `rabbitmqctl --quiet list_queues ${columns} | grep -q '${pattern}'`],
  });
  const one = (check: Check<Node>, peer: ServiceQuestion["peer"]): ServiceQuestion => ({
    node: "broker",
    check,
    peer,
  });
  return [
    one(broker.answers(), { container: "broker", command: ["rabbitmqctl", "--quiet", "ping"] }),
    ...["celery", "resource_manager"].flatMap((name) => [
      one(broker.queue(name).exists(), listed("name", `^${name}$`)),
      one(broker.queue(name).isDurable(), listed("name durable", `^${name}\ttrue$`)),
      one(broker.queue(name).hasDepth(0), listed("name messages", `^${name}\t0$`)),
      one(broker.queue(name).hasConsumers(1), listed("name consumers", `^${name}\t1$`)),
    ]),
    one(broker.queue("celeryev.*").isAutoDelete(), listed("name auto_delete", "^celeryev\\.[^\t]*\ttrue$")),
  ];
}
