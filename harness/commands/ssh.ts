// Decides how `assay ssh` logs in to a machine that is kept: by OpenSSH's own client, with the key that was made for the machine and the one host
// key that it may show. Refuses what has no ssh of ours, with the way there is instead.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { quoteWord } from "../model/check.ts";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";
import { type KeptLogin, keptLogin, sshOptions } from "../transports/ssh-kept.ts";
import { type FoundNode, nodeNamed, standingRuns } from "./kept-runs.ts";

/**
 * `assay ssh <node> [-- command…]`. Resolves with the exit status of `ssh`, which is the command's, and 255 where ssh itself failed. A command
 * arrives as the words it was given, through whichever shell the user there has.
 */
export async function sshCommand(word: string, command: readonly string[]): Promise<number> {
  const config = readConfig();
  const found = foundIn(config, word);
  const login = loginOf(config, found);
  if (login === undefined) throw noSsh(found, command);
  const { host, port, user } = login;
  const child = spawn(
    "ssh",
    [
      ...sshOptions(login),
      "-p",
      String(port),
      `${user}@${host}`,
      ...(command.length === 0 ? [] : ["--", command.map(quoteWord).join(" ")]),
    ],
    { stdio: "inherit" },
  );
  // A terminal's Ctrl-C reaches ssh as well, which knows what to do with it.
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  try {
    const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return status ?? 128 + constants.signals[signal ?? "SIGKILL"];
  } catch (error) {
    throw new ProvisionError({
      code: "ssh-missing",
      phase: "connect",
      node: nameOf(found),
      seen: `ssh cannot be started: ${messageOf(error)}`,
      hint: "apt-get install openssh-client",
      cause: error,
    });
  } finally {
    process.off("SIGINT", ignore);
  }
}

function foundIn(config: Config, word: string): FoundNode {
  using ledger = Ledger.open(config.ledger);
  return nodeNamed(standingRuns(ledger), word);
}

/** How one logs in to a kept node by ssh; `undefined` where one does not. */
export function loginOf({ scratch }: Pick<Config, "scratch">, { run, stand, node }: FoundNode): KeptLogin | undefined {
  return node.kind === "vm" ? keptLogin(join(scratch, run, stand.scope, node.node)) : undefined;
}

function noSsh(found: FoundNode, command: readonly string[]): DeclarationError {
  const { run, stand, node } = found;
  const rest = command.length === 0 ? "" : ` -- ${command.map(quoteWord).join(" ")}`;
  return new DeclarationError({
    code: "no-ssh",
    seen:
      node.kind === "container"
        ? `${nameOf(found)} is a container, and nobody logs in to one by ssh`
        : `${nameOf(found)} is a machine without ssh of Assay's: transport: "ssh" in its declaration gives it one`,
    hint: `assay shell ${run}/${stand.scope}/${node.node}${rest}`,
  });
}

function nameOf({ stand, node }: FoundNode): string {
  return `${stand.environment}/${node.node}`;
}
