// Decides how a draft is seen: a first stand-up is looked at, a second, fresh one says what of that is true of each. A process of its own,
// below a supervisor, so that whatever it stands up is taken down.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { enginesOf } from "../engines.ts";
import { connectEvents } from "../lifecycle/event-socket.ts";
import { faultStep } from "../lifecycle/fault.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { type LiveEnvironment, standUp } from "../lifecycle/run.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { type ErrorFacts, HarnessError, messageOf } from "../model/errors.ts";
import type { Recipe } from "../model/recipe.ts";
import { redact } from "../model/secret.ts";
import { fromDockerArchive, fromOciLayout, fromRootfs, stillImage } from "../model/still.ts";
import { Store } from "../store/store.ts";
import { type RunSettings, scratchOf } from "../vitest/session.ts";
import { type Drafted, factsOf } from "./draft-facts.ts";
import { judged, type Left } from "./draft-judge.ts";
import { type Chapter, chapters } from "./draft-sentences.ts";
import type { DraftMode, DraftSource } from "./draft-text.ts";
import { proxies } from "./proxies.ts";

/** What the child is asked for, in `ASSAY_DRAFT`. */
export interface DraftOrder {
  readonly source: DraftSource;
  /** Whether the image's own program is started. */
  readonly run: boolean;
  /** How long that is given before it is looked at. */
  readonly settleMs: number;
  /** File that the answer is written to. */
  readonly answer: string;
}

export type DraftAnswer =
  | {
      readonly mode: DraftMode;
      /** Why its own program does not run, where that was tried. */
      readonly note?: string | undefined;
      /** The image's digest. */
      readonly id: string | undefined;
      readonly chapters: readonly Chapter[];
      readonly left: readonly Left[];
    }
  | { readonly error: Pick<ErrorFacts, "code" | "phase" | "node" | "seen" | "hint"> };

const settings: RunSettings = JSON.parse(process.env["ASSAY_SETTINGS"] ?? "{}");
const order: DraftOrder = JSON.parse(process.env["ASSAY_DRAFT"] ?? "{}");
const events = connectEvents(settings.socket);
const ledger = Ledger.open(settings.ledger, {
  step: faultStep(settings.fault, "worker", settings.run, settings.ledger),
});
const engines = enginesOf(settings.engines);
const store = new Store({
  directory: settings.store,
  disks: settings.disks,
  budget: settings.storeBudget,
  environment: proxies(),
});
let stands = 0;

async function declaration(mode: DraftMode) {
  const { source } = order;
  if (source.from === "docker-archive") return stillImage({ image: fromDockerArchive(source.path) });
  if (source.from === "oci-layout") return stillImage({ image: fromOciLayout(source.path) });
  if (source.from === "rootfs") return stillImage({ image: fromRootfs(source.path) });
  const image: Recipe | string =
    source.from === "recipe" ? (await import(pathToFileURL(source.path).href))[source.word] : source.reference;
  if (mode === "still") return stillImage({ image });
  return container({ image, ...(mode === "idle" ? { idle: true } : {}) });
}

async function up(mode: DraftMode): Promise<LiveEnvironment> {
  stands += 1;
  const scope = `p${process.pid}n${stands}`;
  const environment = defineEnvironment("draft", { nodes: { box: await declaration(mode) } });
  return standUp({
    environment,
    owner: { run: settings.run, identity: settings.identity },
    scope,
    drivers: await engines.of(environment),
    ledger,
    images: store,
    events,
    directory: scratchOf(settings, scope),
    report: settings.report,
  });
}

class Ended extends Error {}

/** What `see` sees of a fresh node. An `Ended` when the image's own program ends before or while it is looked at. */
async function seen<Answer>(mode: DraftMode, see: (node: Drafted) => Promise<Answer>): Promise<Answer> {
  const live = await up(mode).catch((error: unknown) => {
    if (mode === "runs" && error instanceof HarnessError && error.code === "died") throw new Ended(error.seen);
    throw error;
  });
  try {
    const node = live.nodes.get("box") as Drafted;
    if (mode !== "runs") return await see(node);
    const clock = new Promise<void>((resolve) => setTimeout(resolve, order.settleMs));
    const death = await Promise.race([node.died, clock]);
    if (typeof death !== "object") return await see(node);
    const last = death.lastLines.findLast((line) => line.trim() !== "");
    throw new Ended(`it ended with status ${death.status}${last === undefined ? "" : `, its last line: ${last}`}`);
  } finally {
    await live.takeDown();
  }
}

async function draft(): Promise<DraftAnswer> {
  const modes: DraftMode[] =
    order.source.from === "engine" || order.source.from === "recipe"
      ? [...(order.run ? (["runs"] as const) : []), "idle", "still"]
      : ["still"];
  const notes: string[] = [];
  for (const mode of modes) {
    try {
      const facts = await seen(mode, (node) => factsOf(node, { runs: mode === "runs" }));
      const found = await seen(mode, (node) => judged(node, chapters(facts)));
      return { mode, note: notes.join("; ") || undefined, id: facts.image?.id, ...found };
    } catch (error) {
      const ended =
        error instanceof Ended || (error instanceof HarnessError && ["create", "start", "ready"].includes(error.phase));
      if (!ended || mode === modes.at(-1)) throw error;
      notes.push(messageOf(error));
    }
  }
  throw new TypeError("there is no way to see it");
}

async function main(): Promise<void> {
  let answer: DraftAnswer;
  try {
    answer = await draft();
  } catch (error) {
    const {
      code,
      phase,
      node,
      seen: told,
      hint,
    } = error instanceof HarnessError
      ? error
      : {
          code: "draft-failed",
          phase: "observe" as const,
          node: undefined,
          seen: String((error as Error).stack),
          hint: undefined,
        };
    answer = { error: { code, phase, node, seen: told, hint } };
  }
  writeFileSync(order.answer, redact(JSON.stringify(answer)));
  await engines.close();
  await events.flushed();
  ledger.close();
}

await main();
process.exit(0);
