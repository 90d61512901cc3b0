// Decides what a person sees while a run goes on: a live tree where a terminal can draw one, else plain lines that only
// ever get longer. The events are the truth; nothing here is remembered by anybody else.

import { styleText } from "node:util";
import type { createLogUpdate } from "log-update";
import { sayMs } from "../model/duration.ts";
import type { Instant, RunEvent } from "../model/event.ts";
import { countOutcomes, type Outcome } from "../model/outcome.ts";
import { oneLine } from "./escape.ts";
import { sayPreference } from "./preference.ts";
import { type FileState, ProgressTree, type UnderWay } from "./progress-tree.ts";

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream | NodeJS.WritableStream;
  readonly color: boolean;
  /** Draw a tree that changes in place; only on a terminal. */
  readonly live: boolean;
}

const frameMs = 100;
const signs: Record<Outcome, { sign: string; style: Style; word: string }> = {
  passed: { sign: "✓", style: "green", word: "" },
  failed: { sign: "✗", style: "red", word: "failed " },
  errored: { sign: "!", style: "yellow", word: "errored " },
  skipped: { sign: "-", style: "dim", word: "skipped " },
};

/**
 * Shows a run's events as they come. `see` never throws and never blocks; `close` leaves the terminal as it was, with
 * the lasting lines on it, and is idempotent.
 *
 * @example
 * const progress = new Progress({ stream: process.stdout, color: config.color, live: config.live });
 * for await (const event of events) progress.see(event);
 * progress.close();
 */
export class Progress {
  readonly #stream: ProgressOptions["stream"];
  readonly #paint: Paint;
  readonly #tree = new ProgressTree();
  readonly #images = new Set<string>();
  readonly #live: boolean;
  #draw: ReturnType<typeof createLogUpdate> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Lasting lines of a live tree that cannot draw yet. */
  #early: string[] = [];
  #drawnAt = 0;
  #closed = false;

  constructor({ stream, color, live }: ProgressOptions) {
    this.#stream = stream;
    this.#paint = color ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
    this.#live = live;
    // Loaded only where it is drawn with: runs without a terminal start quicker.
    if (live) void import("log-update").then((module) => this.#begin(module.createLogUpdate(stream)));
  }

  see(event: RunEvent): void {
    if (this.#closed) return;
    const completed = this.#tree.see(event);
    const lines = this.#lasting(event, completed);
    if (!this.#live) this.#append(lines);
    else if (this.#draw === undefined) this.#early.push(...lines);
    else {
      for (const line of lines) this.#draw.persist(line);
      if (lines.length > 0 || Date.now() - this.#drawnAt >= frameMs) this.#frame();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#draw?.clear();
    this.#draw?.done();
    this.#append(this.#early);
  }

  #begin(draw: ReturnType<typeof createLogUpdate>): void {
    if (this.#closed) return;
    this.#draw = draw;
    for (const line of this.#early.splice(0)) draw.persist(line);
    this.#frame();
    // Time passes without events, and the tree shows it.
    this.#timer = setInterval(() => this.#frame(), frameMs).unref();
  }

  #append(lines: readonly string[]): void {
    if (lines.length > 0) this.#stream.write(`${lines.join("\n")}\n`);
  }

  /** What stays on the screen of an event. A live tree shows passing tests only while they run. */
  #lasting(event: RunEvent, completed: FileState | undefined): string[] {
    const live = this.#live;
    const paint = this.#paint;
    switch (event.event) {
      case "run-started": {
        const about = [`run ${event.run}`, event.host.hostname].map((each) => oneLine(each));
        const engines = sayEngines(event.host.engines);
        return [`${paint("bold", `Assay ${oneLine(event.version)}`)}  ${[...about, ...engines].join(", ")}`];
      }
      case "engines":
        return [`machines run on ${sayEngines(event.engines).join(", ")}`];
      case "image": {
        if (!event.built && this.#images.has(event.imageId)) return [];
        this.#images.add(event.imageId);
        const how = event.built ? `built in ${sayMs(event.ms)}` : `found in ${sayMs(event.ms)}`;
        return [
          `${paint("green", "✓")} image ${oneLine(event.tag)} ${how}  ${paint("dim", oneLine(event.recipeDigest).slice(0, 19))}`,
        ];
      }
      case "preference":
        return [`  ${oneLine(sayPreference(event))}`];
      case "phase":
        return this.#phase(event, live);
      case "resource":
        return event.state === "leaked" ? [`${paint("red", "✗ leaked")} ${event.kind} ${oneLine(event.name)}`] : [];
      case "test-ended": {
        const quiet = live && event.outcome === "passed";
        const done = live && completed !== undefined ? [sayFile(completed, event.at, paint)] : [];
        return quiet ? done : [sayTest(event, paint), ...done];
      }
      case "trouble": {
        const { sign, style, word } = signs[event.outcome];
        const where = event.file === undefined ? "" : `${shortName(event.file)}: `;
        return [`${paint(style, `${sign} ${word}`)}${where}${oneLine(event.error.message)}`];
      }
      case "run-ended":
        return event.cancelled === undefined ? [] : [paint("yellow", `! cancelled by ${event.cancelled}`)];
      default:
        return [];
    }
  }

  #phase(event: Extract<RunEvent, { event: "phase" }>, live: boolean): string[] {
    const paint = this.#paint;
    const where = oneLine(event.node === undefined ? event.environment : `${event.environment}/${event.node}`);
    const detail = event.detail === undefined ? "" : `: ${oneLine(event.detail)}`;
    if (event.state === "failed") return [`${paint("red", "✗")} ${where} ${event.phase} failed${detail}`];
    // What was remarked at a teardown is nowhere else on the screen.
    if (event.phase === "destroy" && event.state === "started" && detail !== "")
      return [`${paint("yellow", "!")} ${where} destroy${detail}`];
    if (live) return [];
    // Without a tree, a build that takes minutes must not be silent.
    if (event.state === "started" && detail !== "") return [`  ${where} ${event.phase}${detail}`];
    const node = event.node !== undefined && event.phase === "ready" && event.state === "done";
    return node ? [`  ${where} ready in ${sayMs(event.ms ?? 0)}`] : [];
  }

  #frame(): void {
    if (this.#closed || this.#draw === undefined) return;
    this.#drawnAt = Date.now();
    const { columns = 80, rows = 24 } = this.#stream as Partial<NodeJS.WriteStream>;
    this.#draw(frameLines(this.#tree, { now: this.#drawnAt, columns, rows, paint: this.#paint }).join("\n"));
  }
}

/** The tree as it stands at `now`: at most `rows` lines of at most `columns` characters. */
export function frameLines(
  tree: ProgressTree,
  { now, columns, rows, paint }: { now: Instant; columns: number; rows: number; paint: Paint },
): string[] {
  const short = (text: string, used: string) => {
    const whole = oneLine(text);
    const room = Math.max(8, columns - used.length - 14);
    return whole.length <= room ? whole : `${[...whole].slice(0, room - 1).join("")}…`;
  };
  const since = (at: Instant) => sayMs(Math.max(0, now - at));
  const doing = (indent: string, { title, since: at, detail }: UnderWay) => {
    const about = `${title}${detail === undefined ? "" : ` · ${detail}`}`;
    return `${indent}${short(about, indent)}  ${paint("dim", since(at))}`;
  };
  const lines = tree
    .underWay()
    .flatMap(({ file, planned, ended, phases, tests, since: at }) => [
      ...(file === ""
        ? []
        : [
            `${paint("cyan", "›")} ${short(shortName(file), "")}  ${ended.length}/${planned}  ${paint("dim", since(at))}`,
          ]),
      ...[...phases.values()].map((phase) => doing(file === "" ? "  " : "    ", phase)),
      ...[...tests.values()].map((test) => doing("    ", test)),
    ]);
  const counts = tree.counts();
  const total = (["passed", "failed", "errored", "skipped"] as const)
    .filter((outcome) => counts[outcome] > 0 || outcome === "passed")
    .map((outcome) => paint(signs[outcome].style, `${counts[outcome]} ${outcome}`));
  const shown = lines.length > rows - 3 ? [...lines.slice(0, Math.max(1, rows - 4)), paint("dim", "  …")] : lines;
  return [...shown, `${total.join(", ")}, ${tree.toGo()} to go`];
}

function sayTest(event: Extract<RunEvent, { event: "test-ended" }>, paint: Paint): string {
  const { sign, style, word } = signs[event.outcome];
  const name = `${shortName(event.file)} > ${oneLine(event.test)}`;
  if (event.outcome === "skipped")
    return `${paint(style, `${sign} ${word}`)}${name}: ${oneLine(event.reason ?? "no reason was given")}`;
  return `${paint(style, `${sign} ${word}`)}${name} ${paint("dim", sayMs(event.ms))}`;
}

function sayFile({ file, since, ended }: FileState, at: Instant, paint: Paint): string {
  const counts = countOutcomes(ended);
  const worst =
    (["failed", "errored", "passed", "skipped"] as const).find((outcome) => counts[outcome] > 0) ?? "skipped";
  const said = (["passed", "failed", "errored", "skipped"] as const)
    .filter((outcome) => counts[outcome] > 0)
    .map((outcome) => `${counts[outcome]} ${outcome}`);
  const { sign, style } = signs[worst];
  return `${paint(style, sign)} ${shortName(file)}  ${said.join(", ")}  ${paint("dim", sayMs(Math.max(0, at - since)))}`;
}

/** `specs/docker-soe-bash.spec.ts` is `docker-soe-bash` to the reader. */
function shortName(file: string): string {
  return oneLine(file)
    .replace(/^specs\//, "")
    .replace(/\.spec\.ts$/, "");
}

function sayEngines(engines: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(engines).map(([name, version]) => oneLine(`${name} ${version}`));
}
