// Decides how an engine on another machine is reached: through ssh, with a shell there; or by TCP and TLS, where nothing but the engine
// answers, and what is asked of its machine is refused.
import { readFileSync } from "node:fs";
import type Docker from "dockerode";
import { DeclarationError, messageOf, TransportError } from "../model/errors.ts";
import { ShellTransport } from "../transports/shell-transport.ts";
import { SshGuest } from "../transports/ssh.ts";
import { readSshUrl, sshTarget } from "../transports/ssh-user.ts";
import type { Transport } from "../transports/transport.ts";
import type { EngineAddress, TlsFiles } from "./docker-address.ts";
import { dockerClient } from "./docker-client.ts";
import { DialAgent } from "./docker-dial.ts";
import { findEngine } from "./docker-engine.ts";
import type { ReachedEngine } from "./docker-reach.ts";
import { noDirectories, remoteDirectories } from "./docker-scratch.ts";
import { hostNodeAt } from "./shell-node.ts";

/** See `reachEngine`. */
export function reachRemote(dockerHost: string, address: EngineAddress, scratch: string): Promise<ReachedEngine> {
  return dockerHost.startsWith("ssh:") ? throughSsh(dockerHost, address, scratch) : alone(dockerHost, address);
}

const usualSockets = { docker: "/var/run/docker.sock", podman: "/run/podman/podman.sock" };

async function throughSsh(dockerHost: string, address: EngineAddress, scratch: string): Promise<ReachedEngine> {
  const url = readSshUrl(dockerHost);
  if (url === undefined) throw wrong(`${dockerHost} is no address of an ssh server`, "write ssh://user@host:port");
  const guest = new SshGuest(await sshTarget(dockerHost, url, address.ssh));
  const socket = url.path === "" ? usualSockets[address.engine ?? "docker"] : url.path;
  const agent = new DialAgent(() => guest.forward(socket));
  const host = hostNodeAt(dockerHost, new ShellTransport(guest));
  return {
    docker: dockerClient({ protocol: "http", host: "engine", port: 80, agent } as object),
    host,
    directories: remoteDirectories(scratch, host),
    here: false,
    async close() {
      agent.destroy();
      await host.close();
      guest.close();
    },
  };
}

async function alone(dockerHost: string, { dockerTls }: EngineAddress): Promise<ReachedEngine> {
  const host = hostNodeAt(dockerHost, silent(dockerHost));
  const docker = dockerTls === undefined ? await findEngine(dockerHost) : inTls(dockerHost, dockerTls);
  return { docker, host, directories: noDirectories(dockerHost), here: false, close: () => host.close() };
}

function inTls(dockerHost: string, files: TlsFiles): Docker {
  const [, host, port = "2376"] = /^(?:tcp|https):\/\/(\[[^\]]+\]|[^/:]+)(?::(\d+))?\/?$/.exec(dockerHost) ?? [];
  if (host === undefined) throw wrong(`${dockerHost} is no address of an engine`, "write tcp://host:2376");
  const read = (file: string) => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw wrong(messageOf(cause), "it is a part of the docker context or of DOCKER_CERT_PATH", "tls-files", cause);
    }
  };
  const keys = Object.fromEntries(
    (["ca", "cert", "key"] as const).flatMap((name) => {
      const file = files[name];
      return file === undefined ? [] : [[name, read(file)]];
    }),
  );
  return dockerClient({ protocol: "https", host: host.replace(/^\[|\]$/g, ""), port: Number(port), ...keys });
}

function wrong(seen: string, hint: string, code = "unknown-address", cause?: unknown): DeclarationError {
  return new DeclarationError({ code, seen, hint, cause });
}

/** The machine of an engine that nothing but the engine answers on. */
function silent(address: string): Transport {
  const refuse = () =>
    Promise.reject(
      new TransportError({
        code: "no-host",
        phase: "exec",
        node: `host (${address})`,
        seen: "nothing but the engine answers on that machine: nobody can look at it from its own side",
        hint: "reach the engine by ssh://user@host",
      }),
    );
  return { exec: refuse, observe: refuse, dial: refuse, connect: refuse, close: async () => undefined };
}
