// Decides what a report tells of nodes' health: what was found, what was allowed and why, and what nobody watched. Refuses to say "healthy".
import { z } from "zod";
import type { RunEvent } from "../model/event.ts";
import { findingKinds } from "../model/health.ts";
import { told } from "./escape.ts";

const kind = z.enum(findingKinds);
const time = z.iso.datetime();
const ms = z.number().min(0).describe("milliseconds");

const finding = z
  .strictObject({
    environment: z.string(),
    scope: z.string().optional(),
    node: z.string(),
    kind,
    at: time.describe("when it was seen; it may have happened a little earlier"),
    lines: z.array(z.string()).describe("in the words of the kernel, the engine or the unit manager"),
    file: z.string().optional().describe("the spec file that the node stood for"),
    test: z
      .string()
      .optional()
      .describe("which it failed, or which allowed it; absent: outside of any, which fails the run"),
    allowed: z
      .strictObject({ by: z.enum(["environment", "test"]), reason: z.string() })
      .optional()
      .describe("why it fails nothing"),
  })
  .meta({ id: "Finding" });

const watched = z
  .strictObject({
    environment: z.string(),
    scope: z.string().optional(),
    node: z.string(),
    watched: z.array(kind).describe("of these nothing would have been missed, but for what is in notWatched"),
    notWatched: z.array(z.strictObject({ kinds: z.array(kind), reason: z.string() })),
    optOuts: z
      .array(z.strictObject({ kind, reason: z.string(), test: z.string().optional() }))
      .describe("what was allowed beforehand, by the declaration or by a test, whether it was found or not"),
  })
  .meta({ id: "WatchedNode" });

export const health = z
  .strictObject({ nodes: z.array(watched), findings: z.array(finding) })
  .meta({ id: "Health", description: "what was found of nodes without being asked for" });

export const overhead = z.strictObject({ ledgerMs: ms, evidenceMs: ms, healthMs: ms }).meta({
  id: "Overhead",
  description: "what no test asked for: time waited for it, summed over all processes of the run",
});

export type Health = z.output<typeof health>;

export function healthIn(events: readonly RunEvent[]): Health {
  const nodes = events
    .filter((event) => event.event === "watched")
    .map(({ environment, scope, node, watched: kinds, notWatched, optOuts }) => ({
      ...placed({ environment, scope, node }),
      watched: [...kinds],
      notWatched: notWatched.map((each) => ({ kinds: [...each.kinds], reason: told(each.reason) })),
      optOuts: optOuts.map(({ kind: of, reason, test }) => ({
        kind: of,
        reason: told(reason),
        ...(test === undefined ? {} : { test: told(test) }),
      })),
    }));
  const findings = events
    .filter((event) => event.event === "finding")
    .map(({ environment, scope, node, kind: of, at, lines, file, test, allowed }) => ({
      ...placed({ environment, scope, node }),
      kind: of,
      at: new Date(at).toISOString(),
      lines: lines.map((line) => told(line)),
      ...(file === undefined ? {} : { file: told(file) }),
      ...(test === undefined ? {} : { test: told(test) }),
      ...(allowed === undefined ? {} : { allowed: { by: allowed.by, reason: told(allowed.reason) } }),
    }));
  return { nodes, findings };
}

export function overheadIn(events: readonly RunEvent[]): z.output<typeof overhead> {
  const spent = (of: "ledger" | "evidence" | "health") =>
    events.reduce((sum, each) => (each.event === "overhead" && each.of === of ? sum + Math.max(0, each.ms) : sum), 0);
  return { ledgerMs: spent("ledger"), evidenceMs: spent("evidence"), healthMs: spent("health") };
}

/** Lines for a page of text: findings first, those that fail something before those that do not; then what was not watched. */
export function sayHealth({ nodes, findings }: Health): readonly string[] {
  const open = findings.filter(({ allowed }) => allowed === undefined);
  const said = [...open, ...findings.filter(({ allowed }) => allowed !== undefined)].map((each) => {
    const during = each.test === undefined ? "outside of any test" : `during "${each.test}"`;
    const allowed = each.allowed === undefined ? "" : `; allowed by the ${each.allowed.by}: ${each.allowed.reason}`;
    return `${each.environment}/${each.node}: ${each.kind} ${during}${allowed}: ${each.lines[0] ?? ""}`;
  });
  const unused = nodes.flatMap(({ environment, node, optOuts }) =>
    optOuts
      .filter(
        (each) =>
          !findings.some((one) => one.node === node && one.environment === environment && one.kind === each.kind),
      )
      .map(({ kind: of, reason, test }) => {
        const by = test === undefined ? `"${reason}"` : `the test "${test}"`;
        return `${environment}/${node}: ${of} was allowed by ${by}, and not found`;
      }),
  );
  const blind = new Map<string, Set<string>>();
  for (const { environment, node, notWatched } of nodes)
    for (const { kinds, reason } of notWatched) {
      const what = `not watched: ${kinds.join(", ")}: ${reason}`;
      blind.set(what, (blind.get(what) ?? new Set()).add(`${environment}/${node}`));
    }
  return [...said, ...unused, ...[...blind].map(([what, where]) => `${what} (${several([...where])})`)];
}

function several(names: readonly string[]): string {
  const most = 3;
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

function placed({ environment, scope, node }: { environment: string; scope: string | undefined; node: string }) {
  return {
    environment: told(environment),
    ...(scope === undefined ? {} : { scope: told(scope) }),
    node: told(node),
  };
}
