// Decides what a run used and left: images by digest, resources by their last state, and whether all of them are gone.
import type { KeptTotals, RunEvent, TeardownTotals } from "../model/event.ts";
import { told } from "./escape.ts";
import type { Report } from "./report.ts";

type Resource = Report["resources"][number];

/** Each image once, however many spec files used it; `built` if any of them built it. */
export function imagesIn(events: readonly RunEvent[]): Report["images"] {
  const images = new Map<string, Report["images"][number]>();
  for (const event of events) {
    if (event.event !== "image") continue;
    const { recipe, tag, recipeDigest, treeDigest, imageId, disk, built, ms, from, steps, declaredAt } = event;
    const key = JSON.stringify([recipe, tag, imageId]);
    const known = images.get(key);
    if (known === undefined || (built && !known.built)) {
      images.set(key, {
        recipe: told(recipe),
        tag: told(tag),
        recipeDigest: told(recipeDigest),
        treeDigest: told(treeDigest),
        imageId: told(imageId),
        ...(disk === undefined ? {} : { disk: told(disk) }),
        built,
        ms: Math.max(0, ms),
        ...(from === undefined ? {} : { from: told(from, 1000) }),
        ...(steps === undefined ? {} : { steps: steps.slice(0, 200).map((step) => told(step, 1000)) }),
        ...(declaredAt === undefined ? {} : { declaredAt: told(declaredAt, 1000) }),
      });
    }
  }
  return [...images.values()];
}

/** Each file once; twice where the run read it at two times, and it had changed meanwhile. Nothing where nobody said any. */
export function inputsIn(events: readonly RunEvent[]): Pick<Report, "inputs"> {
  const all = new Map<string, { path: string; sha256: string }>();
  for (const event of events) {
    if (event.event !== "inputs") continue;
    for (const { path, sha256 } of event.inputs) all.set(`${path}\0${sha256}`, { path: told(path), sha256 });
  }
  if (all.size === 0) return {};
  return { inputs: [...all.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)) };
}

/** What was decided of preferred images; nothing where none was. */
export function preferencesIn(events: readonly RunEvent[]): Pick<Report, "preferences"> {
  const preferences = events.flatMap((event) => {
    if (event.event !== "preference") return [];
    const { recipe, reference, imageId, why } = event;
    const used = imageId === undefined ? {} : { imageId: told(imageId) };
    return [{ recipe: told(recipe), reference: told(reference), ...used, why: told(why) }];
  });
  return preferences.length === 0 ? {} : { preferences };
}

/** Each resource once, by kind and name, with the last that was said of it. */
export function resourcesIn(events: readonly RunEvent[]): Resource[] {
  const resources = new Map<string, Resource>();
  for (const event of events) {
    if (event.event !== "resource") continue;
    const key = JSON.stringify([event.kind, event.name]);
    const known: Resource = resources.get(key) ?? {
      environment: told(event.environment),
      ...(event.scope === undefined ? {} : { scope: told(event.scope) }),
      kind: event.kind,
      name: told(event.name),
      state: event.state,
    };
    resources.set(key, known);
    known.state = event.state;
    if (event.id !== undefined) known.id = told(event.id);
    if (event.state === "live") known.createdAt ??= new Date(event.at).toISOString();
    if (event.state === "gone") known.goneAt = new Date(event.at).toISOString();
  }
  return [...resources.values()];
}

/** What the inventory after teardown said; without one, what the events alone tell, marked as not inventoried. */
export function teardownOf(totals: TeardownTotals | undefined, resources: readonly Resource[]): Report["teardown"] {
  const leaked = resources.filter(({ state }) => state === "leaked").map(({ kind, name }) => `${kind} ${name}`);
  return {
    inventoried: totals !== undefined,
    created: totals?.created ?? resources.filter(({ createdAt }) => createdAt !== undefined).length,
    destroyed: totals?.destroyed ?? resources.filter(({ goneAt }) => goneAt !== undefined).length,
    leaked: [...new Set([...(totals?.leaked ?? []).map((each) => told(each)), ...leaked])],
    ...(totals?.kept === undefined ? {} : { kept: keptOf(totals.kept) }),
  };
}

function keptOf({ until, stands }: KeptTotals): Report["teardown"]["kept"] {
  return {
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    stands: stands.map(({ environment, scope, nodes, resources }) => ({
      environment: told(environment),
      scope: told(scope),
      nodes: nodes.map(({ node, kind, name, on, reach }) => ({
        node: told(node),
        kind,
        name: told(name),
        ...(on === undefined ? {} : { on: told(on) }),
        ...(reach === undefined ? {} : { reach: reach.map((each) => told(each)) }),
      })),
      resources: resources.map((each) => told(each)),
    })),
  };
}
