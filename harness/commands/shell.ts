// Decides how `assay shell` joins a person's terminal, or pipes, to a program in a node that some run left standing.
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { readConfig } from "../config.ts";
import type { Attached, Attaching } from "../drivers/attach.ts";
import { enginesOf } from "../engines.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { DeclarationError, TransportError } from "../model/errors.ts";
import { type FoundNode, nodeNamed, standingRuns } from "./kept-runs.ts";
import { engineFacts } from "./surroundings.ts";

/** `assay shell <node> [-- command…]`. Resolves with the program's own exit status; rejects when that is not known. */
export async function shellCommand(
  word: string,
  command: readonly string[],
  options: { readonly user?: string },
): Promise<number> {
  const config = readConfig();
  const found = await withLedger(config.ledger, (ledger) => nodeNamed(standingRuns(ledger), word));
  const { stdin, stdout } = process;
  const terminal =
    stdin.isTTY && stdout.isTTY ? { ...sizeOf(stdout), name: process.env["TERM"] || "xterm" } : undefined;
  const [program, ...words] = command;
  const attaching: Attaching = {
    title: `${found.stand.environment}/${found.node.node}`,
    command: program === undefined ? undefined : [program, ...words],
    user: options.user,
    ...(terminal === undefined ? {} : { terminal }),
  };
  const engines = enginesOf(engineFacts(config));
  try {
    return await joined(await attach(engines, found, join(config.scratch, found.run, found.stand.scope), attaching));
  } finally {
    await engines.close();
  }
}

/** A program in a node that some run left standing. `directory`: of the stand-up's scratch mounts. */
export function attach(
  engines: ReturnType<typeof enginesOf>,
  { node, stand }: Pick<FoundNode, "node" | "stand">,
  directory: string,
  attaching: Attaching,
): Promise<Attached> {
  if (node.kind === "vm") return engines.attachMachine(join(directory, node.node), attaching);
  if (node.on === undefined) return engines.attachContainer(node.name, attaching);
  if (!stand.nodes.some(({ node: name }) => name === node.on))
    throw new DeclarationError({ code: "no-such-node", seen: `the machine ${node.on} that carries it is not kept` });
  // On a machine the engine is asked by its own client: there is a way to that machine already.
  const { command = ["sh"], user, terminal } = attaching;
  const flags = [terminal === undefined ? "-i" : "-it", ...(user === undefined ? [] : ["--user", user])];
  return engines.attachMachine(join(directory, node.on), {
    ...attaching,
    user: undefined,
    command: ["docker", "exec", ...flags, node.name, ...command],
  });
}

/** Streams both ways until the program has ended. */
async function joined(attached: Attached): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const raw = stdin.isTTY && stdout.isTTY;
  const resized = () => void attached.resize(sizeOf(stdout));
  if (raw) {
    stdin.setRawMode(true);
    stdout.on("resize", resized);
  }
  // A program that does not read its input may end before that does.
  attached.stdin.on("error", () => {});
  stdin.pipe(attached.stdin);
  attached.stdout.pipe(stdout, { end: false });
  if (attached.stderr !== attached.stdout) attached.stderr.pipe(stderr, { end: false });
  try {
    const [status] = await Promise.all([
      attached.ended,
      ...[...new Set([attached.stdout, attached.stderr])].map((stream) =>
        finished(stream, { writable: false, cleanup: true }).catch(() => undefined),
      ),
    ]);
    if (status !== undefined) return status;
    throw new TransportError({
      code: "status-unknown",
      phase: "exec",
      seen: "the connection ended, and nobody said how the command did",
      hint: "assay list shows whether the node still stands",
    });
  } finally {
    stdin.unpipe(attached.stdin);
    stdin.pause();
    if (raw) {
      stdin.setRawMode(false);
      stdout.off("resize", resized);
    }
    attached.destroy();
  }
}

function sizeOf({ columns, rows }: NodeJS.WriteStream): { columns: number; rows: number } {
  return { columns: columns || 80, rows: rows || 24 };
}

async function withLedger<Answer>(file: string, ask: (ledger: Ledger) => Answer): Promise<Answer> {
  using ledger = Ledger.open(file);
  return ask(ledger);
}
