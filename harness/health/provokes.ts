// Decides how a test says that what it does on purpose breaks something. Refuses to say it of a node that no test has.
import { callSite } from "../model/call-site.ts";
import { DeclarationError } from "../model/errors.ts";
import { type FindingKind, findingKinds } from "../model/health.ts";
import type { ContainerNode, VmNode } from "../model/node.ts";
import { watchOf } from "./environment-watch.ts";

/**
 * The test that says it breaks a node on purpose: what is found of these kinds on the node while it runs fails nothing, and is told in the
 * report as allowed by this test. Whether it really happens is for checks to say. Ends by a node's own verbs (`stop`, `kill`, `crash`,
 * `shutdown`, …) need no word; a declaration's `tolerates` is for what may happen at any time.
 *
 * A `DeclarationError` for a kind that there is not (`bad-option`), and outside of a test that has the node (`no-stand`).
 *
 * @example
 * test("a worker without its database says so and ends", async ({ database, worker }) => {
 *   provokes(worker, "exited");
 *   await database.stop();
 *   expect((await worker.died).status).toBe(1);
 * });
 */
export function provokes(node: ContainerNode | VmNode, ...kinds: readonly [FindingKind, ...FindingKind[]]): void {
  const at = callSite();
  const strange = kinds.find((kind) => !findingKinds.includes(kind));
  if (strange !== undefined)
    throw new DeclarationError({
      code: "bad-option",
      at,
      seen: `provokes: there is no finding "${strange}"`,
      hint: `write one of ${findingKinds.join(", ")}`,
    });
  const watch = watchOf(node);
  if (watch === undefined)
    throw new DeclarationError({
      code: "no-stand",
      at,
      node: node.title,
      seen: `${node.title} is watched for no test of this process`,
      hint: "say it of a node that the test at hand was given",
    });
  watch.provoke(node.name, kinds);
}
