// Decides how an engine is named: its address, what belongs to that, and what the ledger calls it. Opens nothing.
import type { SshSettings } from "../transports/ssh-user.ts";

/** Files in PEM form. @see docker(1), --tlscacert, --tlscert, --tlskey */
export interface TlsFiles {
  /** Who may have signed the engine's certificate; absent: whom this machine trusts. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Where an engine is, as plain data. */
export interface EngineAddress {
  /**
   * `unix:///run/docker.sock`, `tcp://host:2375`, `ssh://user@host`; for ssh a path may name the socket there. Default: the usual
   * socket of this machine.
   */
  readonly dockerHost?: string | undefined;
  readonly engine?: "docker" | "podman";
  /** A `tcp://` address is spoken to in TLS with these. */
  readonly dockerTls?: TlsFiles | undefined;
  /** Of an `ssh://` address. */
  readonly ssh?: SshSettings | undefined;
}

/** Whether an address is one of this machine, as far as it tells: another machine's socket may have been brought here. */
export function isHere(dockerHost: string | undefined): dockerHost is undefined | `unix:${string}` {
  return dockerHost === undefined || /^(unix:|\/)/.test(dockerHost);
}

/**
 * What the ledger calls an engine: `docker` and `podman` of this machine, another one with its address, so that nobody looks on one
 * engine for what is on another.
 * @example engineKind({ dockerHost: "ssh://root@farm" }) // "docker ssh://root@farm"
 */
export function engineKind({ engine = "docker", dockerHost }: EngineAddress): string {
  return isHere(dockerHost) ? engine : `${engine} ${dockerHost}`;
}

/** The other way; `undefined` for what is no engine elsewhere. */
export function engineOfKind(
  kind: string,
): (Required<Pick<EngineAddress, "engine">> & { dockerHost: string }) | undefined {
  const [, engine, dockerHost] = /^(docker|podman) (\w+:\/\/\S+)$/.exec(kind) ?? [];
  if (dockerHost === undefined) return undefined;
  return { engine: engine as "docker" | "podman", dockerHost };
}
