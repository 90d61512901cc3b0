// Decides how `assay draft` makes a first spec of an image: what it is called, where it is written, what is said of it. It runs the image
// under a supervisor, as any run does. Refuses to write over anything.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { faultStep } from "../lifecycle/fault.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { cancelledCode, supervise } from "../lifecycle/supervisor.ts";
import { durationMs } from "../model/duration.ts";
import { DeclarationError, ExitCode, ProvisionError } from "../model/errors.ts";
import { home, ownModule } from "../place.ts";
import { oneLine } from "../reporting/escape.ts";
import type { DraftAnswer, DraftOrder } from "./draft-child.ts";
import { type Draft, type DraftSource, environmentText, specText } from "./draft-text.ts";
import { sourceOf } from "./image-word.ts";
import { newRunId } from "./run.ts";
import { openDrivers, placesOf, reaperProgram, runSettings } from "./surroundings.ts";

export interface DraftOptions {
  /** Of the environment; made of the image's name without it. */
  readonly name?: string;
  /** `--no-run`: its own program is not started. */
  readonly run?: boolean;
  /** How long its own program is given; 3s without it. */
  readonly settle?: string;
  readonly json?: boolean;
}

/**
 * `assay draft <image>`: a recipe of the project, `name:tag` that the engine has, an archive of `docker save`, an OCI layout or a root file system. Writes
 * `environments/<name>.ts` and `specs/<name>-draft.spec.ts`. With `json` prints `{ environment, spec, image, mode, note, lines, left }`.
 * A `DeclarationError` (codes `bad-name`, `taken`) before anything is started.
 */
export async function draftCommand(word: string, options: DraftOptions): Promise<number> {
  const config = readConfig();
  const settleMs = durationMs(options.settle ?? "3s");
  const source = (await recipeSource(config.project, word)) ?? sourceOf(word);
  const name = options.name ?? nameOf(word);
  const files = {
    environment: join(config.project, "environments", `${name}.ts`),
    spec: join(config.project, "specs", `${name}-draft.spec.ts`),
  };
  await requireFree(config.project, name, Object.values(files));
  const answer = await looked(config, { source, run: options.run !== false, settleMs }, word);
  if (typeof answer === "number") return answer;
  if ("error" in answer) throw new ProvisionError(answer.error);
  const draft: Draft = {
    name,
    source: source.from === "engine" ? source : { ...source, path: pathFrom(config.project, source.path) },
    mode: answer.mode,
    image: oneLine([word, answer.id].filter(Boolean).join(", ")),
    chapters: answer.chapters,
    surface: config.project === home ? "../harness/index.ts" : "assay",
  };
  for (const [file, text] of [
    [files.environment, environmentText(draft)],
    [files.spec, specText(draft)],
  ] as const) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: "wx" });
  }
  const lines = answer.chapters.reduce((sum, { sentences }) => sum + sentences.length, 0);
  const { mode, note, left, id } = answer;
  if (options.json === true) {
    console.log(JSON.stringify({ ...files, image: id, mode, note, lines, left }, null, 2));
    return ExitCode.met;
  }
  const where = (file: string) => relative(process.cwd(), file);
  console.log(
    [
      `${where(files.environment)}`,
      `${where(files.spec)}: ${lines} lines, each true of a fresh ${mode === "still" ? "look at the image" : "container"}`,
      ...(note === undefined ? [] : [oneLine(`not as it runs by itself: ${note}`)]),
      ...left.map(({ sentence, why }) => oneLine(`left out: ${sentence}: ${why}`)),
      `next: npx assay run ${name}-draft`,
    ].join("\n"),
  );
  return ExitCode.met;
}

/** A recipe's name stands before a file's and an image's. A `DeclarationError` (code `not-a-container`) for one that gives a disk. */
async function recipeSource(project: string, word: string): Promise<DraftSource | undefined> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(word)) return undefined;
  const { recipeExport } = await import("./recipes.ts");
  const found = await recipeExport(project, word);
  if (found === undefined) return undefined;
  if (found.recipe.disk !== undefined)
    throw new DeclarationError({
      code: "not-a-container",
      at: found.recipe.at,
      seen: `the recipe "${word}" gives a machine's disk`,
      hint: "draft an image of containers",
    });
  return { from: "recipe", path: found.file, word: found.word };
}

/** @example nameOf("registry.example:5000/studio/web:1.2") // "web" */
export function nameOf(word: string): string {
  const last = word.replace(/[/]+$/, "").split("/").at(-1) ?? "";
  const name = last
    .replace(/@.*$/, "")
    .replace(/:[^:]*$/, "")
    .replace(/\.(tar|oci)$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" ? "image" : name;
}

async function requireFree(project: string, name: string, files: readonly string[]): Promise<void> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new DeclarationError({
      code: "bad-name",
      seen: `--name ${name} names no environment`,
      hint: "use lower-case letters, digits and single dashes",
    });
  const taken = files.find((file) => existsSync(file));
  const refuse = (seen: string) => {
    throw new DeclarationError({ code: "taken", seen, hint: "give the draft another name: --name" });
  };
  if (taken !== undefined) refuse(`${taken} is there already`);
  if (!existsSync(join(project, "environments"))) return;
  const { findEnvironments } = await import("./recipes.ts");
  const other = (await findEnvironments(project)).get(name);
  if (other !== undefined) refuse(`there is an environment "${name}" already, at ${other.at}`);
}

/** What is in the project moves with it. */
function pathFrom(project: string, path: string): string {
  return path.startsWith(`${project}/`) ? relative(join(project, "environments"), path) : path;
}

/** Supervises the child. The exit code where it was cancelled. */
async function looked(config: Config, wanted: Omit<DraftOrder, "answer">, word: string): Promise<DraftAnswer | number> {
  const run = newRunId();
  // With the run's other files: whoever takes the run down takes these.
  const directory = join(config.scratch, run, "draft");
  const ledger = Ledger.open(config.ledger, { step: faultStep(config.fault, "supervisor", run, config.ledger) });
  const places = placesOf(config);
  const order: DraftOrder = { ...wanted, answer: join(directory, "answer.json") };
  const settings = runSettings(config, run, directory);
  const log = join(directory, "child.log");
  let answer: DraftAnswer | undefined;
  let words = "";
  try {
    const ended = await supervise({
      run,
      command: `assay draft ${word}`,
      ledger,
      drivers: async () => openDrivers(config),
      child: {
        command: [process.execPath, ownModule("commands/draft-child")],
        env: { ...process.env, ASSAY_SETTINGS: JSON.stringify(settings), ASSAY_DRAFT: JSON.stringify(order) },
        cwd: config.project,
        log,
      },
      reaper: reaperProgram(config, run),
      places,
      event: () => {},
      // Asked between the child's end and teardown, after which the directory is gone. Nothing is kept.
      keep: () => {
        words = readFileSync(log, "utf8").trim().split("\n").slice(-5).join("\n");
        if (existsSync(order.answer)) answer = JSON.parse(readFileSync(order.answer, "utf8"));
        return undefined;
      },
    });
    const { cancelled, totals } = ended;
    if (totals.error !== undefined && (cancelled === undefined || totals.leaked.length > 0)) throw totals.error;
    if (cancelled !== undefined) return cancelledCode(cancelled);
    if (answer !== undefined) return answer;
    throw new ProvisionError({
      code: "draft-failed",
      phase: "observe",
      seen: `what looks at the image ended with status ${ended.childStatus}: ${words}`,
    });
  } finally {
    ledger.close();
  }
}
