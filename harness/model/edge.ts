// Decides what a node may wait for of another one beyond that it is ready. Data only; who stands the environment up asks.
import { z } from "zod";
import type { Check } from "./check.ts";
import type { Duration } from "./duration.ts";
import type { Node } from "./node.ts";
import { duration, name } from "./option-words.ts";
import { readOptions } from "./options.ts";

/** What has to be true of `node`, once that is ready, before the node that declares it is started. */
export interface Edge {
  readonly node: string;
  readonly check: Check<Node>;
  /** Milliseconds from the moment at which `node` is ready. */
  readonly within: number;
}

const edgeOptions = z.strictObject({ within: duration.default(60_000) });
const isCheck = (value: unknown): value is Check<Node> =>
  typeof value === "object" && value !== null && "observe" in value && "judge" in value && "title" in value;

/** As `when` makes it. */
export const edge: z.ZodType<Edge> = z.strictObject({
  node: name,
  check: z.custom<Check<Node>>(isCheck, "expected a check"),
  within: z.number().positive(),
});

/** What a node waits for: a node that is ready, or one of which something is true. */
export const waits = z
  .array(z.union([name, edge], { error: "expected a node's name, or when(node, check)" }))
  .default([]);

/**
 * An edge with a condition: the node that has it in its `after` is started when `node` is ready and meets `check`, and no later. It is
 * asked again and again, at the latest `within` (60 s) after `node` was ready; then, and at once when `node` has ended, standing up
 * fails with what was seen last (code `not-ready`, `died`).
 *
 * @example
 * container({ image: worker, after: [when("database", mongodb().database("pulp").exists())] })
 * @example
 * container({ image: web, after: [when("broker", amqp(login).queue("tasks").exists(), { within: "20s" })] })
 */
export function when(node: string, check: Check<Node>, options: { readonly within?: Duration } = {}): Edge {
  const { within } = readOptions("when", edgeOptions, options);
  return readOptions("when", edge, { node, check, within });
}

/** The names in `after`, and its conditions apart. */
export function edgesOf(after: z.output<typeof waits>): { readonly after: string[]; readonly awaits: readonly Edge[] } {
  const names = after.map((each) => (typeof each === "string" ? each : each.node));
  return { after: [...new Set(names)], awaits: after.filter((each) => typeof each !== "string") };
}
