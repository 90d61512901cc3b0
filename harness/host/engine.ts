// Decides how the docker engine is asked whether it is there, and how its answer is read. Refuses to load a client library:
// this is on the way of every start and has to cost milliseconds.
import { type RequestOptions, request } from "node:http";
import type { Finding } from "../model/capabilities.ts";
import { apiAtLeast, oldestApi } from "../model/engine-api.ts";
import { messageOf } from "../model/errors.ts";

export const defaultSocket = "/var/run/docker.sock";

/** What the engine said, or how it failed to. */
export type EngineAnswer =
  | { readonly state: "answers"; readonly at: string; readonly version: string; readonly api: string }
  /** Nothing listens: no socket file, or nobody behind it. */
  | { readonly state: "absent"; readonly at: string; readonly seen: string }
  /** It is there and this user may not open it. */
  | { readonly state: "denied"; readonly at: string; readonly seen: string }
  /** Something is there that cannot be asked, or that gives no answer in time, or not an engine's. */
  | { readonly state: "unclear"; readonly at: string; readonly seen: string };

/**
 * Where an engine is looked for: `DOCKER_HOST` when it is set (`unix://` or `tcp://`), else the default socket. `undefined`
 * for a `DOCKER_HOST` that cannot be asked over plain HTTP.
 * @example engineAddress("tcp://127.0.0.1:2375") // { host: "127.0.0.1", port: 2375 }
 */
export function engineAddress(dockerHost: string | undefined): RequestOptions | undefined {
  if (dockerHost === undefined || dockerHost === "") return { socketPath: defaultSocket };
  const unix = /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
  if (unix !== undefined) return { socketPath: unix };
  const tcp = /^(?:tcp|http):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(dockerHost);
  return tcp?.[1] === undefined ? undefined : { host: tcp[1].replace(/^\[|\]$/g, ""), port: Number(tcp[2] ?? 2375) };
}

/** Asks `GET /version`. Never rejects; a local engine answers in about 2 ms. */
export async function askEngine(
  dockerHost: string | undefined,
  timeoutMs = 3000,
  get: EngineGet = engineGet,
): Promise<EngineAnswer> {
  const at = dockerHost === undefined || dockerHost === "" ? defaultSocket : dockerHost;
  try {
    const { Version, ApiVersion } = (await get(dockerHost, "/version", timeoutMs)) as Record<string, unknown>;
    if (typeof Version === "string" && typeof ApiVersion === "string")
      return { state: "answers", at, version: Version, api: ApiVersion };
    return { state: "unclear", at, seen: "an answer without Version and ApiVersion" };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return { state: "absent", at, seen: "no such socket" };
    if (code === "ECONNREFUSED") return { state: "absent", at, seen: "nothing listens there" };
    if (code === "EACCES" || code === "EPERM") return { state: "denied", at, seen: "permission denied" };
    return { state: "unclear", at, seen: messageOf(error) };
  }
}

/** How an engine is asked for one JSON answer: as `engineGet` does it, or as its address takes. */
export type EngineGet = typeof engineGet;

/** One JSON answer of the engine. Rejects with what went wrong when there is none within `timeoutMs`. */
export async function engineGet(dockerHost: string | undefined, path: string, timeoutMs = 3000): Promise<unknown> {
  const address = engineAddress(dockerHost);
  if (address === undefined) throw new Error(`${dockerHost} cannot be asked over plain HTTP`);
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const signal = AbortSignal.timeout(timeoutMs);
  signal.addEventListener("abort", () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  const asked = request({ ...address, path, agent: false, signal }, (response) => {
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    response.on("error", reject);
    response.on("end", () => {
      try {
        if (response.statusCode !== 200) throw new Error(`HTTP status ${response.statusCode} to GET ${path}`);
        resolve(JSON.parse(Buffer.concat(parts).toString("utf8")));
      } catch (error) {
        reject(error);
      }
    });
  });
  asked.on("error", reject);
  asked.end();
  return promise;
}

/** What lets a user at an engine's socket. */
export const letIn = {
  docker: "become root, or: sudo usermod -aG docker $USER, then log in again",
  podman: "become root, or start a service of your own: systemctl --user start podman.socket",
} as const;

/** The line of `assay doctor` about the engine that runs the host's containers. */
export function engineFinding(answer: EngineAnswer, engine: "docker" | "podman" = "docker"): Finding {
  const about = { what: `${engine} engine`, needed: true } as const;
  const setup = engine === "docker" ? "npx assay setup --yes" : `ASSAY_ENGINE=${engine} npx assay setup --yes`;
  if (answer.state === "answers") {
    const detail = `${answer.version}, API ${answer.api}, at ${answer.at}`;
    if (apiAtLeast(answer.api, oldestApi)) return { ...about, can: "yes", detail };
    return {
      ...about,
      can: "no",
      detail,
      cause: `API ${answer.api} is older than ${oldestApi}`,
      remedy: "upgrade the engine; Debian 12's docker.io is new enough",
    };
  }
  const detail = `${answer.at}: ${answer.seen}`;
  if (answer.state === "absent") return { ...about, can: "no", detail, cause: "no engine runs there", remedy: setup };
  if (answer.state === "denied")
    return {
      ...about,
      can: "no",
      detail,
      cause: "this user may not open the engine's socket",
      remedy: letIn[engine],
    };
  return {
    ...about,
    can: "unknown",
    detail,
    cause: "what is there could not be asked",
    remedy:
      engine === "docker"
        ? "docker version shows more; look at DOCKER_HOST and at the engine's log"
        : "podman --remote version shows more; look at CONTAINER_HOST and at the service's log",
  };
}

/** The line about podman where docker is the engine: nobody needs it, and the contracts of drivers run on it where it is. */
export function otherEngineFinding(answer: EngineAnswer): Finding {
  const { what, can, detail, remedy } = engineFinding(answer, "podman");
  if (can === "yes") return { what, can, detail, needed: false };
  const cause = "nothing needs it: it is the engine where ASSAY_ENGINE=podman is set";
  return { what, can, detail, cause, needed: false, ...(remedy === undefined ? {} : { remedy }) };
}
