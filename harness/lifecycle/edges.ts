// Decides when what a node waits for of others is true, and ends the waiting when it cannot become so any more.
import { sayMs } from "../model/duration.ts";
import type { Edge } from "../model/edge.ts";
import { ProvisionError } from "../model/errors.ts";
import type { Death, Node } from "../model/node.ts";
import { redact } from "../model/secret.ts";
import { untilMet } from "../model/until-met.ts";

interface Waiting {
  /** Those that are ready, by name. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** `environment/node` of who waits; for the words. */
  readonly waiter: string;
  readonly say: (why: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** Resolves when every edge is true. Who stood before this stand-up began was asked when somebody waited for it first. */
export async function untilAllTrue(edges: readonly Edge[], { nodes, waiter, say, signal }: Waiting): Promise<void> {
  await Promise.all(
    edges.map(async (edge) => {
      const other = nodes.get(edge.node);
      if (other === undefined) return;
      say(`waiting until ${edge.node}: ${redact(edge.check.title)}`);
      await untilTrue(edge, other, waiter, signal);
    }),
  );
}

/**
 * Resolves when `node`, which is ready, meets the edge's check. Rejects with `not-ready` at its deadline, saying what was seen last, with
 * `died` at once when the node has ended, and with the reason of `signal`.
 */
async function untilTrue(edge: Edge, node: Node, waiter: string, signal: AbortSignal | undefined): Promise<void> {
  const { check, within } = edge;
  const over = new AbortController();
  const last: { last?: string | undefined } = {};
  const refused = (code: string, seen: string) =>
    new ProvisionError({
      code,
      phase: "create",
      node: waiter,
      seen: `not started, because it waits for "${check.title}" of ${node.title}: ${seen}`,
      hint: `to see the same: ${check.command}; the logs are in the run's evidence`,
    });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seen = () =>
      last.last === undefined
        ? `nothing was answered within ${sayMs(within)}`
        : `not so after ${sayMs(within)} (last: ${last.last})`;
    timer = setTimeout(() => reject(refused("not-ready", seen())), within);
  });
  const ended: Promise<never>[] =
    "died" in node
      ? [
          (node.died as Promise<Death>).then((death) =>
            Promise.reject(refused("died", `it ended (status ${death.status})`)),
          ),
        ]
      : [];
  const stopped = new Promise<never>((_, reject) =>
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true, signal: over.signal }),
  );
  try {
    signal?.throwIfAborted();
    const ask = async () => check.judge(await check.observe(node));
    await Promise.race([untilMet(over.signal, ask, last), late, stopped, ...ended]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
