// Decides when the playbooks of an environment's declaration are applied: once all nodes are ready, in their order, before anybody has the
// nodes and before the moment that they are brought back to. Their files are looked at before anything is created.
import { dirname, join } from "node:path";
import type { Environment } from "../model/environment.ts";
import { HarnessError, messageOf, ProvisionError } from "../model/errors.ts";
import type { EventSink } from "../model/event.ts";
import type { Node } from "../model/node.ts";
import { expandedPlays } from "../model/plays.ts";
import { contextFiles } from "../store/context-files.ts";

/** What of a stand-up its plays need to know. */
interface Standing {
  readonly environment: Environment;
  readonly scope: string;
  /** Of its scratch mounts; the run's own is the one above. */
  readonly directory: string;
  readonly report: string;
  readonly events: Pick<EventSink, "say">;
  readonly signal?: AbortSignal | undefined;
}

/** A `DeclarationError` for what they name and what is not there. */
export async function checkPlays({ plays }: Pick<Environment, "plays">): Promise<void> {
  await Promise.all(plays.map(({ play }) => contextFiles(play)));
}

/**
 * Applies them, and says of each node what came of it. Rejects with a `ProvisionError` (`play-failed`) when a task failed on a host,
 * which names host, task and output, and like `applyToNodes` else.
 */
export async function applyPlays(
  { environment, scope, directory, report, events, signal }: Standing,
  nodes: ReadonlyMap<string, Node>,
): Promise<void> {
  const { applyToNodes } = await import("../plays/apply.ts");
  const { sayCounts } = await import("../plays/told.ts");
  for (const [index, { play, hosts }] of expandedPlays(environment).entries()) {
    const inventory = Object.fromEntries(
      Object.entries(hosts).map(([group, names]) => [group, names.map((name) => nodes.get(name) as Node)]),
    );
    const title = `playbook ${play.name}`;
    const path = join("evidence", "plays", `${environment.name}-${scope}-${index + 1}.log`);
    const { played, wrong } = await applyToNodes(play, inventory, {
      // The run's own: what is left there goes with the run.
      directory: dirname(directory),
      log: join(report, path),
      signal,
    });
    for (const [node, counts] of Object.entries(played.hosts)) {
      const about = { at: Date.now(), environment: environment.name, scope, node };
      events.say({ event: "node", ...about, facts: { [title]: sayCounts(counts) } });
      events.say({ event: "evidence", ...about, title, path });
    }
    if (wrong instanceof HarnessError) throw wrong;
    if (wrong === undefined) continue;
    const { name: node } = environment;
    throw new ProvisionError({ code: "play-failed", phase: "ready", node, seen: messageOf(wrong), cause: wrong });
  }
}
