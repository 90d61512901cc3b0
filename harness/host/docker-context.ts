// Decides which engine docker's own configuration means: what `docker context use` chose. Reads docker's files and nothing else; an
// engine whose certificate is not to be checked is refused.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DeclarationError, messageOf } from "../model/errors.ts";

/** What a context says of its engine. */
export interface DockerContext {
  readonly dockerHost: string;
  /** Paths of PEM files; those that the context has. */
  readonly dockerTls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/**
 * The context that is in use: `wanted` (`DOCKER_CONTEXT`), else the one that `config.json` names; `undefined` for the default one.
 * `directory` is docker's own: `~/.docker`. A `DeclarationError` (`unknown-context`, `bad-context`) when it cannot be had.
 * @see https://docs.docker.com/engine/manage-resources/contexts/
 */
export function dockerContext(directory: string, wanted: string | undefined): DockerContext | undefined {
  const name = wanted || chosen(directory);
  if (name === undefined || name === "" || name === "default") return undefined;
  // The CLI names directories by the digest of the name.
  const id = createHash("sha256").update(name).digest("hex");
  const meta = join(directory, "contexts", "meta", id, "meta.json");
  if (!existsSync(meta)) {
    const known = contextNames(directory).join(", ") || "none";
    throw refused("unknown-context", `there is no docker context "${name}"; there are: ${known}`, "docker context ls");
  }
  const endpoint = (readJson(meta) as Meta).Endpoints?.docker;
  if (typeof endpoint?.Host !== "string")
    throw refused("bad-context", `${meta} names no docker endpoint`, `docker context inspect ${name}`);
  if (endpoint.SkipTLSVerify === true)
    throw refused(
      "bad-context",
      `the docker context "${name}" does not want to know whose certificate it is shown`,
      "give it the authority's: docker context update --docker host=…,ca=…",
    );
  const files = Object.fromEntries(
    ["ca", "cert", "key"]
      .map((each) => [each, join(directory, "contexts", "tls", id, "docker", `${each}.pem`)] as const)
      .filter(([, file]) => existsSync(file)),
  );
  return { dockerHost: endpoint.Host, ...(Object.keys(files).length === 0 ? {} : { dockerTls: files }) };
}

interface Meta {
  readonly Name?: string;
  readonly Endpoints?: { readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean } };
}

function chosen(directory: string): string | undefined {
  const file = join(directory, "config.json");
  if (!existsSync(file)) return undefined;
  return (readJson(file) as { readonly currentContext?: string }).currentContext;
}

function contextNames(directory: string): string[] {
  const meta = join(directory, "contexts", "meta");
  if (!existsSync(meta)) return [];
  return readdirSync(meta).flatMap((id) => {
    const file = join(meta, id, "meta.json");
    return existsSync(file) ? ((readJson(file) as Meta).Name ?? []) : [];
  });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) ?? {};
  } catch (cause) {
    throw refused("bad-context", `${file} cannot be read: ${messageOf(cause)}`, "mend it, or set DOCKER_HOST", cause);
  }
}

function refused(code: string, seen: string, hint: string, cause?: unknown): DeclarationError {
  return new DeclarationError({ code, seen, hint, cause });
}
