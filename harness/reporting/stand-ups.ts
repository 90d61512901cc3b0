// Decides the time line: which environments were stood up, and when each of their nodes went through which phase.
import type { Instant, Layout, RunEvent } from "../model/event.ts";
import { told } from "./escape.ts";
import type { PhaseReport, Report, StandUp } from "./report.ts";

type PhaseEvent = Extract<RunEvent, { event: "phase" }>;

interface Open {
  readonly phase: string;
  readonly from: Instant;
  readonly entry: PhaseReport;
  readonly wait: boolean;
}

interface Line {
  readonly open: Open[];
  readonly phases: PhaseReport[];
  facts?: Record<string, string>;
}

interface Known {
  readonly about: Omit<StandUp, "nodes" | "phases">;
  readonly whole: Line;
  readonly nodes: Map<string, Line>;
  layout?: StandUp["layout"];
}

/** The stand-ups in the order they began. A phase that never ended is `unfinished` and lasts until `endedAt`. */
export function standUpsIn(events: readonly RunEvent[], endedAt: Instant): StandUp[] {
  const all = new Map<string, Known>();
  for (const event of events) {
    if (event.event === "node") {
      const line = all.get(JSON.stringify([event.environment, event.scope]))?.nodes.get(event.node);
      const facts = Object.entries(event.facts).map(([name, fact]) => [told(name), told(fact)]);
      if (line !== undefined) line.facts = { ...line.facts, ...Object.fromEntries(facts) };
    }
    if (event.event !== "phase" && event.event !== "declared") continue;
    const key = JSON.stringify([event.environment, event.scope]);
    const known: Known = all.get(key) ?? { about: aboutOf(event), whole: newLine(), nodes: new Map() };
    all.set(key, known);
    if (event.event === "declared") {
      known.layout = layoutOf(event.layout);
      continue;
    }
    if (event.file !== undefined) known.about.file ??= told(event.file);
    endWaits(known.whole, event);
    if (event.node === undefined) record(known.whole, event);
    else {
      const line = known.nodes.get(event.node) ?? newLine();
      known.nodes.set(event.node, line);
      record(line, event);
    }
  }
  return [...all.values()].map(({ about, layout, whole, nodes }) => ({
    ...about,
    ...(layout === undefined ? {} : { layout }),
    phases: closed(whole, endedAt),
    nodes: [...nodes].map(([node, line]) => ({
      node: told(node),
      ...(line.facts === undefined ? {} : { facts: line.facts }),
      phases: closed(line, endedAt),
    })),
  }));
}

/** Evidence files; their paths relative to the report, with no way out of its directory. */
export function evidenceIn(events: readonly RunEvent[]): Report["evidence"] {
  return events
    .filter((event) => event.event === "evidence")
    .map(({ environment, scope, node, title, path }) => ({
      environment: told(environment),
      ...(scope === undefined ? {} : { scope: told(scope) }),
      node: told(node),
      title: told(title),
      path: belowEvidence(told(path)),
    }));
}

/** A path that leads nowhere but below `evidence/`. */
export function belowEvidence(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
  const from = parts.lastIndexOf("evidence");
  return ["evidence", ...parts.slice(from + 1)].join("/");
}

function layoutOf({ nodes, networks }: Layout): NonNullable<StandUp["layout"]> {
  return {
    nodes: nodes.map(({ node, kind, image, on, networks: joined, mounts, extras }) => ({
      node: told(node),
      kind,
      image: told(image),
      ...(on === undefined ? {} : { on: told(on) }),
      networks: joined.map(({ network, address }) => ({
        network: told(network),
        ...(address === undefined ? {} : { address: told(address) }),
      })),
      mounts: mounts.map(({ at, source }) => ({ at: told(at), source: told(source) })),
      extras: extras.map((each) => told(each)),
    })),
    networks: networks.map(({ network, about }) => ({
      network: told(network),
      ...(about === undefined ? {} : { about: told(about) }),
    })),
  };
}

function aboutOf({
  environment,
  scope,
  file,
}: Pick<PhaseEvent, "environment" | "scope" | "file">): Omit<StandUp, "nodes" | "phases"> {
  return {
    environment: told(environment),
    ...(scope === undefined ? {} : { scope: told(scope) }),
    ...(file === undefined ? {} : { file: told(file) }),
  };
}

function newLine(): Line {
  return { open: [], phases: [] };
}

function record(line: Line, event: PhaseEvent): void {
  const detail = event.detail === undefined ? undefined : told(event.detail);
  if (event.state === "started") {
    const running = line.open.findLast(({ phase }) => phase === event.phase);
    // Said again with a detail: how far a phase is, not another one.
    if (detail !== undefined && running !== undefined) {
      running.entry.detail = detail;
      return;
    }
    const entry: PhaseReport = {
      phase: event.phase,
      state: "unfinished",
      startedAt: new Date(event.at).toISOString(),
      ms: 0,
      ...(detail === undefined ? {} : { detail }),
    };
    line.phases.push(entry);
    // A phase that begins with a detail, while none of its kind runs, is a wait: nobody says its end.
    line.open.push({ phase: event.phase, from: event.at, entry, wait: detail !== undefined });
    return;
  }
  const began = event.ms === undefined ? undefined : event.at - event.ms;
  const open = takeOpen(line, event.phase, began);
  const from = open?.from ?? began ?? event.at;
  const entry: PhaseReport = open?.entry ?? {
    phase: event.phase,
    state: event.state,
    startedAt: new Date(from).toISOString(),
    ms: 0,
  };
  entry.state = event.state;
  entry.ms = Math.max(0, event.ms ?? event.at - from);
  if (detail !== undefined) entry.detail = detail;
  if (open === undefined) line.phases.push(entry);
}

/** Several of one phase may run at once (two networks are created): the one that began when this one says it did. */
function takeOpen(line: Line, phase: string, began: Instant | undefined): Open | undefined {
  const candidates = line.open.filter((each) => each.phase === phase);
  const far = ({ from }: Open) => (began === undefined ? 0 : Math.abs(from - began));
  const best = candidates.reduce<Open | undefined>(
    (near, each) => (near === undefined || far(each) < far(near) ? each : near),
    undefined,
  );
  if (best !== undefined) line.open.splice(line.open.indexOf(best), 1);
  return best;
}

/** A wait is over when the next thing happens in its stand-up. */
function endWaits(line: Line, event: PhaseEvent): void {
  if (event.state === "started" && event.detail !== undefined) return;
  for (const open of line.open.filter(({ wait }) => wait)) {
    open.entry.state = "done";
    open.entry.ms = Math.max(0, event.at - open.from);
    line.open.splice(line.open.indexOf(open), 1);
  }
}

function closed(line: Line, endedAt: Instant): PhaseReport[] {
  for (const { from, entry } of line.open) entry.ms = Math.max(0, endedAt - from);
  return line.phases;
}
