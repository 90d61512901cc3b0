// Decides how names are withdrawn of what is kept, before it goes: nobody holds a handle on its nodes, so nsupdate is run in the server as a
// person would run it, and addresses are those that were told when the nodes were left.
import { text } from "node:stream/consumers";
import type { Engines } from "../drivers/by-kind.ts";
import { changeNames, type Named, namesOf } from "../lifecycle/publish.ts";
import { type Environment, withCounts } from "../model/environment.ts";
import { DeclarationError, TransportError } from "../model/errors.ts";
import type { KeptNode, KeptStand } from "../model/event.ts";
import { attach } from "./shell.ts";

export interface Withdrawing {
  readonly engines: Engines;
  readonly environment: Environment;
  readonly stand: KeptStand;
  /** Of the stand-up's scratch mounts. */
  readonly directory: string;
  /** Nodes that go; all where none are named. */
  readonly which?: readonly string[];
}

/** Idempotent; asks nobody where nothing is published. Rejects as `changeNames` does, and where the server cannot be reached. */
export async function withdrawKept({ engines, environment, stand, directory, which }: Withdrawing): Promise<void> {
  if (!Object.values(environment.networks).some(({ publish }) => publish !== undefined)) return;
  const asKept = withCounts(environment, countsIn(environment, stand));
  const nodes = new Map(stand.nodes.map((node) => [node.node, named(engines, stand, node, directory)]));
  await changeNames("withdraw", asKept, nodes, namesOf(asKept, nodes, which));
}

/** How many of each group are kept: their names alone tell. */
function countsIn({ declared }: Environment, { nodes }: KeptStand): Readonly<Record<string, number>> {
  const kept = new Set(nodes.map(({ node }) => node));
  return Object.fromEntries(
    Object.entries(declared).flatMap(([name, each]) => {
      if (each.kind !== "vms") return [];
      let count = 0;
      while (kept.has(each.nameOf(count + 1))) count += 1;
      return [[name, count]];
    }),
  );
}

function named(engines: Engines, stand: KeptStand, node: KeptNode, directory: string): Named {
  const title = `${stand.environment}/${node.node}`;
  return {
    title,
    address(network) {
      const told = node.reach?.find((each) => each.endsWith(` on ${network}`));
      if (told !== undefined) return told.slice(0, -` on ${network}`.length);
      throw new DeclarationError({ code: "no-address", seen: `${title} has no address on network "${network}"` });
    },
    async exec(command, { stdin = "", timeoutMs = 60_000 }) {
      if ("shell" in command) throw new TypeError("a program and its words are run here, and no shell text");
      const attached = await attach(engines, { node, stand }, directory, { title, command, user: undefined });
      const late = setTimeout(() => attached.destroy(), timeoutMs);
      try {
        // A program that is not there reads nothing.
        attached.stdin.on("error", () => undefined);
        attached.stdin.end(stdin);
        const [stdout, stderr, status] = await Promise.all([
          text(attached.stdout),
          text(attached.stderr),
          attached.ended,
        ]);
        if (status !== undefined) return { status, stdout, stderr };
      } catch {
        // Cut off: the status is not known.
      } finally {
        clearTimeout(late);
        attached.destroy();
      }
      throw new TransportError({
        code: "status-unknown",
        phase: "exec",
        node: title,
        seen: `nobody said how "${command.join(" ")}" did`,
        hint: "assay list shows whether the node still stands",
      });
    },
  };
}
