// How the specs of Pulp 3 speak to it: as somebody with a browser does, by its API and its content app. Waits for tasks, and judges nothing
// but that what was asked for was done.
import { createHash } from "node:crypto";
import { admin, pulpPorts } from "../../environments/pulp3.ts";
import { type ContainerNode, expect, http, type Node } from "../../harness/index.ts";

/** Who is asked: the API, the content app, and the machine that asks. */
export interface Pulp {
  readonly api: ContainerNode;
  readonly content: ContainerNode;
  readonly host: Node;
}

const login = { user: admin.user, password: admin.password.reveal() };
const headers = { Authorization: `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}` };

/** The address of a path of the API: `/pulp/api/v3/status/`. */
export const atApi = (api: ContainerNode, path: string) => `http://${api.address()}:${pulpPorts.api}${path}`;
export const atContent = (content: ContainerNode, path: string) =>
  `http://${content.address()}:${pulpPorts.content}/pulp/content/${path}`;
/** What it says of itself, to anybody. */
export const statusOf = (api: ContainerNode) => http(atApi(api, "/pulp/api/v3/status/"), { timeout: "15s" });
/** A request with the administrator's password. */
export const asAdmin = (api: ContainerNode, path: string) => http(atApi(api, path), login);

export const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Posts a form as the administrator; what comes back has to be a yes. */
export async function post<Answer>(
  { api }: Pick<Pulp, "api">,
  path: string,
  fields: Readonly<Record<string, string | Blob>>,
): Promise<Answer> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  const answer = await fetch(atApi(api, path), { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) });
  const text = await answer.text();
  expect([200, 201, 202], `POST ${path}: ${answer.status} ${text.slice(0, 300)}`).toContain(answer.status);
  return JSON.parse(text) as Answer;
}

export interface Posted {
  /** Path of the task that does it. */
  readonly task: string;
}

/** Waits until a task is done, and gives the path of the first thing that it made. */
export async function done({ api, host }: Pick<Pulp, "api" | "host">, { task }: Posted): Promise<string> {
  await expect(host).toMeet(asAdmin(api, task).json("state").is("completed"), { within: "45s" });
  const answer = await fetch(atApi(api, task), { headers, signal: AbortSignal.timeout(30_000) });
  const { created_resources: made } = (await answer.json()) as { created_resources: string[] };
  return made[0] ?? "";
}

/** Path of a new repository of files, without any. */
export async function newRepository(pulp: Pick<Pulp, "api">, name: string): Promise<string> {
  return (await post<{ pulp_href: string }>(pulp, "/pulp/api/v3/repositories/file/file/", { name })).pulp_href;
}

/** Asks for a file to be put into a repository; `done` waits for it. */
export const upload = (pulp: Pick<Pulp, "api">, repository: string, name: string, bytes: Uint8Array) =>
  post<Posted>(pulp, "/pulp/api/v3/content/file/files/", {
    file: new Blob([new Uint8Array(bytes)]),
    relative_path: name,
    repository,
  });

/** A new repository that holds one file, published where the content app serves it: at `<name>/<file>`. */
export async function publish(pulp: Pulp, name: string, file: string, bytes: Uint8Array): Promise<void> {
  const repository = await newRepository(pulp, name);
  await done(pulp, await upload(pulp, repository, file, bytes));
  const publication = await done(pulp, await post(pulp, "/pulp/api/v3/publications/file/file/", { repository }));
  await done(pulp, await post(pulp, "/pulp/api/v3/distributions/file/file/", { name, base_path: name, publication }));
}

/** The content app gives these bytes there. */
export async function serves({ content, host }: Pulp, path: string, bytes: Uint8Array): Promise<void> {
  const url = atContent(content, path);
  await expect(host).toMeet(http(url).answers(200));
  const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(bytes));
}

/** Where Pulp keeps bytes, below /var/lib/pulp. */
export function artifact(bytes: Uint8Array): string {
  const digest = sha256(bytes);
  return `media/artifact/${digest.slice(0, 2)}/${digest.slice(2)}`;
}
