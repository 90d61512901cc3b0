// Decides which docker engine is spoken to, whether it will do, and how its errors read.
import { existsSync } from "node:fs";
import type Docker from "dockerode";
import { apiAtLeast, oldestApi } from "../model/engine-api.ts";
import { DeclarationError, HarnessError, messageOf, type Phase, ProvisionError } from "../model/errors.ts";
import { dockerClient } from "./docker-client.ts";
import { dialectOf } from "./docker-dialect.ts";

const usualSocket = "/var/run/docker.sock";

/**
 * The engine that `DOCKER_HOST` names, else the usual socket, else what testcontainers finds (contexts, rootless
 * engines, Docker Desktop). Rejects with `engine-down` when there is none, `unknown-address` for what names none. No request is sent yet.
 */
export async function findEngine(dockerHost: string | undefined): Promise<Docker> {
  const [, socketPath] = /^(?:unix:\/\/)?(\/.+)$/.exec(dockerHost ?? "") ?? [];
  if (socketPath !== undefined) return dockerClient({ socketPath });
  const address = /^(tcp|https?):\/\/(\[[^\]]+\]|[^/:]+)(?::(\d+))?\/?$/.exec(dockerHost ?? "");
  if (address !== null) {
    const [, protocol, host = "", port = protocol === "https" ? "2376" : "2375"] = address;
    // Whether it speaks TLS, and with which keys, docker-modem reads from the TLS variables.
    const spoken = protocol === "tcp" ? {} : { protocol: protocol as "http" | "https" };
    return dockerClient({ host: host.replace(/^\[|\]$/g, ""), port: Number(port), ...spoken });
  }
  // The client left to itself would take the engine of DOCKER_HOST, which may be another one.
  if (dockerHost !== undefined)
    throw new DeclarationError({
      code: "unknown-address",
      seen: `${dockerHost} is no address of an engine`,
      hint: "write unix:///run/docker.sock, tcp://host:2375 or ssh://user@host",
    });
  if (existsSync(usualSocket)) return dockerClient({ socketPath: usualSocket });
  const { getContainerRuntimeClient } = await import("testcontainers");
  try {
    return (await getContainerRuntimeClient()).container.dockerode;
  } catch (error) {
    throw engineDown(error);
  }
}

/** Engine and API version. Rejects with `engine-down` or `engine-too-old`. */
export async function engineVersion(docker: Docker): Promise<Readonly<Record<string, string>>> {
  const version = await docker.version().catch((error: unknown) => Promise.reject(engineDown(error)));
  const { name } = dialectOf(version);
  if (!apiAtLeast(version.ApiVersion, oldestApi)) {
    throw new ProvisionError({
      code: "engine-too-old",
      phase: "setup",
      seen: `${name} ${version.Version} speaks API ${version.ApiVersion}, Assay needs ${oldestApi}`,
      hint: name === "docker" ? "install docker.io 20.10 or newer" : "install podman 4.3 or newer",
    });
  }
  return { [name]: `${version.Version} (API ${version.ApiVersion})` };
}

function engineDown(cause: unknown): ProvisionError {
  return new ProvisionError({
    code: "engine-down",
    phase: "setup",
    seen: `the docker engine does not answer (${messageOf(cause)})`,
    hint: "run `assay setup` to install and start it, `assay doctor` to see what is missing",
    cause,
  });
}

/** HTTP status of an engine's error answer; `undefined` for anything else. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === "number" ? status : undefined;
}

export function isGone(error: unknown): boolean {
  return statusOf(error) === 404;
}

const known: readonly { readonly pattern: RegExp; readonly code: string; readonly hint: string }[] = [
  {
    pattern: /port is already allocated|(bind|listen).*: address already in use|error starting userland proxy/i,
    code: "port-taken",
    hint: "stop what listens there, choose another host port, or leave the host port out",
  },
  {
    pattern: /^address already in use|no available (ipv4|address)|requested address|invalid address/i,
    code: "address-taken",
    hint: "choose another fixed address in the network's subnet, or leave it out",
  },
  {
    pattern: /no such image/i,
    code: "image-missing",
    hint: "build it with `assay build`, or name an image that a registry has",
  },
  {
    pattern: /no command( or entrypoint)? (specified|provided)/i,
    code: "no-command",
    hint: "the image declares none: say `command` or `entrypoint`, or `idle: true` for a container that waits",
  },
  {
    pattern: /executable file not found|exec: .* (no such file|permission denied)/i,
    code: "cannot-start",
    hint: "the image's entrypoint or command is not there or not executable; compare it with `image()` checks",
  },
  {
    pattern: /unable to find (user|group)|no matching entries in (passwd|group)/i,
    code: "unknown-user",
    hint: "name a user that the image has, or give numbers, as in 1000:1000",
  },
  {
    pattern: /not a directory|cannot mkdir/i,
    code: "not-a-directory",
    hint: "correct `workdir` or a mount's target: the image has a file there, or the source is of the other kind",
  },
  {
    pattern: /error gathering device information/i,
    code: "device-missing",
    hint: "name a device that the engine's machine has",
  },
  {
    pattern: /not a shared (or slave )?mount/i,
    code: "not-shared",
    hint: "make the source's mount shared on the host (`mount --make-shared`), or leave `propagation` out",
  },
  {
    pattern: /unable to apply caps/i,
    code: "rights-missing",
    hint: "the engine itself lacks rights that the container is to have: drop `privileged` or the added capability, or use a host that has them",
  },
  {
    pattern: /no space left on device/i,
    code: "disk-full",
    hint: "free space where the engine keeps its data (`docker info`, Docker Root Dir)",
  },
  {
    pattern: /pool overlaps|overlaps with other one/i,
    code: "subnet-taken",
    hint: "choose another subnet for the network, or leave it out",
  },
  {
    pattern: /is already in use by container|already exists/i,
    code: "name-taken",
    hint: "run `assay gc`: an earlier run left it",
  },
  {
    pattern: /ECONNREFUSED|ENOENT|ECONNRESET|EPIPE|socket hang up/,
    code: "engine-lost",
    hint: "the engine went away in mid-run; look at its log, then run `assay gc`",
  },
  {
    pattern: /minimum memory limit|invalid|unknown capability|bad request/i,
    code: "engine-refused",
    hint: "correct the declaration",
  },
];

/** The engine's refusal as an error that says what to do; what says so already is given back as it is. */
export function engineError(error: unknown, phase: Phase, node: string): HarnessError {
  if (error instanceof HarnessError) return error;
  const seen = wordsOf(error);
  const match = known.find(({ pattern }) => pattern.test(seen));
  return new ProvisionError({
    code: match?.code ?? "engine-error",
    phase,
    node,
    seen,
    hint: match?.hint ?? "the engine's own log may say more; `assay doctor` tells what this host can do",
    cause: error,
  });
}

/** What the engine said, without the client's own words around it; else the error's message. */
export function wordsOf(error: unknown): string {
  const json = (error as { json?: { message?: unknown } } | null)?.json?.message;
  return (typeof json === "string" ? json : messageOf(error)).replace(/^\(HTTP code \d+\) [\w ]+ - /, "").trim();
}
