// Decides how one works by hand in a container that is there: an engine exec, with a terminal of the engine's or with pipes.
import type Docker from "dockerode";
import { ExecOpener, statusIn } from "../transports/docker-exec.ts";
import { type Attached, type Attaching, bestShell } from "./attach.ts";
import type { EngineAddress } from "./docker-address.ts";
import { engineError } from "./docker-engine.ts";
import { reachEngine } from "./docker-reach.ts";
import { busyboxShell, busyboxTarget, hasBusybox } from "./docker-tools.ts";

export interface ContainerPlace extends EngineAddress {
  /** Podman leaves a program running whose connection is cut; then it is ended by us. */
  readonly cut: "ends" | "stays";
}

/** Rejects with a `ProvisionError` or a `TransportError` when the program cannot be started: the container has ended, for instance. */
export async function attachContainer(place: ContainerPlace, name: string, attaching: Attaching): Promise<Attached> {
  // Directories are of no interest here: none is below nothing. The connection ends with the process.
  const { docker } = await reachEngine(place, "/nonexistent");
  const container = docker.getContainer(name);
  const { title, command = await shellIn(container, attaching.title), user, terminal } = attaching;
  if (terminal !== undefined) return withTerminal(container, { ...attaching, command, terminal });
  const channel = await new ExecOpener(container, title, place.cut).open(command, { user });
  return { ...channel, resize: async () => undefined };
}

/** The image's best shell; where it may have none, busybox's looks which, and stays where there is none. */
async function shellIn(container: Docker.Container, title: string): Promise<readonly [string, ...string[]]> {
  const facts = await container.inspect().catch((error: unknown) => Promise.reject(engineError(error, "exec", title)));
  if (!hasBusybox(facts)) return bestShell;
  return [...busyboxShell.argv, "-c", ownShell];
}

const ownShell = `for shell in /bin/bash /usr/bin/bash /bin/sh; do if [ -x $shell ]; then exec $shell; fi; done; exec ${busyboxTarget} sh`;

async function withTerminal(
  container: Docker.Container,
  { title, command, user, terminal }: Attaching & Required<Pick<Attaching, "terminal">>,
): Promise<Attached> {
  const failed = (error: unknown) => Promise.reject(engineError(error, "exec", title));
  const exec = await container
    .exec({
      Cmd: [...(command ?? bestShell)],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
      Env: [`TERM=${terminal.name}`],
      ...(user === undefined ? {} : { User: user }),
    })
    .catch(failed);
  const stream = await exec.start({ hijack: true, stdin: true, Tty: true }).catch(failed);
  const resize: Attached["resize"] = async ({ columns, rows }) => {
    // A program that has ended has no terminal to resize.
    await exec.resize({ w: columns, h: rows }).catch(() => undefined);
  };
  await resize(terminal);
  const ended = new Promise<number | undefined>((resolve) => {
    const finish = () =>
      exec.inspect().then(
        (facts) => resolve(statusIn(facts)),
        () => resolve(undefined),
      );
    for (const end of ["end", "close", "error"] as const) stream.once(end, finish);
  });
  return { stdin: stream, stdout: stream, stderr: stream, ended, resize, destroy: () => stream.destroy() };
}
