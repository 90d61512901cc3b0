// Decides how `assay bisect` finds the first commit with which a spec fails: each step is the files of one commit in a scratch project.
// Refuses to touch the repository: commits are read, never checked out.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { recipeMoved } from "../capsule/differences.ts";
import { imagesOf } from "../capsule/facts.ts";
import type { CapsuleImage } from "../capsule/manifest.ts";
import { type Config, readConfig } from "../config.ts";
import { cancelledCode, listenForSignals } from "../lifecycle/supervisor.ts";
import { DeclarationError, ExitCode, ProvisionError } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { installed } from "../place.ts";
import { oneLine } from "../reporting/escape.ts";
import type { Digest } from "../store/canonical.ts";
import { readManifest } from "../store/entry.ts";
import { Rooms } from "../store/rooms.ts";
import { type Bisected, bisected, type Judged } from "./bisect-search.ts";
import { Commits } from "./commits.ts";
import { runThere } from "./run-there.ts";
import { layProject } from "./scratch-project.ts";
import { openWorkplace, sweepWorkplaces, type Workplace } from "./workplaces.ts";

export interface BisectWords {
  readonly good: string;
  readonly bad: string;
  /** A part of a spec file's path. */
  readonly spec: string;
}

/** One commit that was tried. */
interface Step {
  readonly commit: string;
  readonly subject: string;
  readonly judged: Judged;
  readonly exitCode: number;
  readonly run?: string;
  readonly images: readonly CapsuleImage[];
}

interface Bisecting {
  readonly config: Config;
  readonly commits: Commits;
  readonly place: Workplace;
  readonly files: readonly string[];
  readonly only: readonly string[] | undefined;
  readonly signals: ReturnType<typeof listenForSignals>;
  readonly say: (line: string) => void;
}

/**
 * `assay bisect <good> <bad> <spec>`. Exit code 0 where the first bad commit was found, 3 where too many could not be asked; a
 * `DeclarationError` for commits and specs that there are not, and where the spec does not pass with the one and fail with the other.
 */
export async function bisectCommand(words: BisectWords, options: Readonly<Record<string, unknown>>): Promise<number> {
  const config = readConfig();
  const commits = await Commits.of(config.project);
  const [good, bad] = [await commits.named(words.good), await commits.named(words.bad)];
  if (!(await commits.leadsTo(good, bad)))
    throw new DeclarationError({
      code: "not-an-ancestor",
      seen: `${words.bad} does not descend from ${words.good}`,
      hint: "name the good one first; of two lines of work, take the commit that both come from",
    });
  const files = specsNamed(config.project, words.spec);
  sweepWorkplaces(config);
  const place = openWorkplace(config, "bisect");
  const signals = listenForSignals();
  const say = (line: string) => void process.stderr.write(`${oneLine(redact(line), 2_000)}\n`);
  const only = options["test"] as readonly string[] | undefined;
  const steps = new Map<string, Step>();
  const bisecting = { config, commits, place, files, only, signals, say };
  try {
    const judge = async (commit: string): Promise<Judged> => {
      const step = await tried(commit, bisecting);
      steps.set(commit, step);
      return step.judged;
    };
    for (const end of ["good", "bad"] as const) {
      const commit = { good, bad }[end];
      if ((await judge(commit)) !== end) throw notAsSaid(words[end], end, steps.get(commit));
    }
    const found = await bisected({ good, bad, next: (known) => commits.between(known), judge });
    const because = found.first === undefined ? [] : await reasons(found.first, steps, config, commits);
    const changed = found.first === undefined ? [] : await commits.filesOf(found.first);
    if (options["json"] === true) await printJson({ good, bad, files, found, because, changed, steps, commits });
    else await printFound(found, { because, changed, commits });
    return found.first === undefined ? ExitCode.couldNotAsk : ExitCode.met;
  } catch (error) {
    const signal = signals.signal();
    if (signal === undefined) throw error;
    return cancelledCode(signal);
  } finally {
    signals.stop();
    place.close();
  }
}

/** Spec files of the project whose path contains the word. */
function specsNamed(project: string, word: string): readonly string[] {
  const room = join(project, "specs");
  const all = existsSync(room) ? readdirSync(room, { recursive: true, encoding: "utf8" }) : [];
  const found = all.map((name) => `specs/${name}`).filter((path) => path.endsWith(".spec.ts") && path.includes(word));
  if (word !== "" && found.length > 0) return found.sort();
  throw new DeclarationError({
    code: "no-such-spec",
    seen: `no spec file's path contains "${word}"`,
    hint: "the spec must be in the working tree; commits that lack it are given that one",
  });
}

/** The spec run with the files of a commit. Rejects where the search is cancelled, or something leaked. */
async function tried(commit: string, { config, commits, place, files, only, signals, say }: Bisecting): Promise<Step> {
  const directory = join(place.directory, "project");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  await commits.write(commit, directory, place.directory);
  layProject(directory, installed ? "package" : "checkout");
  for (const file of files.filter((each) => !existsSync(join(directory, each)))) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    cpSync(join(config.project, file), join(directory, file));
  }
  const cancelled = signals.first.then(() => signals.signal() ?? "SIGINT");
  const log = join(place.directory, "steps.log");
  const wanted = { files, projects: ["specs"], ...(only === undefined ? {} : { only }) };
  const { exitCode, report } = await runThere(wanted, { config, place, directory, cancelled, log });
  if (signals.signal() !== undefined) throw new Error("cancelled");
  if (exitCode === ExitCode.leak)
    throw new ProvisionError({
      code: "leaked",
      phase: "destroy",
      seen: `run ${report?.run ?? "of"} of commit ${commit} left something that could not be removed`,
      hint: "assay gc tries again",
    });
  const judged = exitCode === ExitCode.met ? "good" : exitCode === ExitCode.failed ? "bad" : "skip";
  const subject = await commits.subject(commit);
  const why = judged === "skip" ? `: ${report?.reason ?? "it could not be begun"}` : "";
  say(`${commit.slice(0, 12)}  ${{ good: "good", bad: "bad", skip: "could not be asked" }[judged]}${why}  ${subject}`);
  const images = report === undefined ? [] : imagesOf(report);
  return { commit, subject, judged, exitCode, images, ...(report === undefined ? {} : { run: report.run }) };
}

function notAsSaid(word: string, end: "good" | "bad", step: Step | undefined): Error {
  const facts = {
    code: end === "good" ? "not-good" : "not-bad",
    hint: step?.run === undefined ? "see why with assay run" : `its report is that of run ${step.run}`,
  };
  if (step?.judged === "skip")
    return new ProvisionError({ ...facts, phase: "setup", seen: `with ${word} the spec could not be asked` });
  return new DeclarationError({
    ...facts,
    seen: `with ${word} the spec ${end === "good" ? "fails" : "does not fail"} already`,
  });
}

/** What changed in recipes beside the good commit that comes before it, by the manifests that the store has of both. */
async function reasons(
  first: string,
  steps: ReadonlyMap<string, Step>,
  config: Config,
  commits: Commits,
): Promise<string[]> {
  const before = (await commits.parents(first))
    .map((parent) => steps.get(parent))
    .find((step) => step?.judged === "good");
  const then = before?.images ?? [];
  const rooms = new Rooms(config.store, config.disks);
  const manifest = ({ recipeDigest }: CapsuleImage) => readManifest(rooms.image(recipeDigest as Digest));
  return (steps.get(first)?.images ?? []).flatMap((image) => {
    const was = then.find(({ recipe }) => recipe === image.recipe);
    const [old, now] = [was === undefined ? undefined : manifest(was), manifest(image)];
    if (old === undefined || now === undefined || was?.recipeDigest === image.recipeDigest) return [];
    return recipeMoved(old, now).map((line) => `${image.recipe}: ${line}`);
  });
}

interface Telling {
  readonly because: readonly string[];
  readonly changed: readonly string[];
  readonly commits: Commits;
}

async function printFound({ first, possible }: Bisected, { because, changed, commits }: Telling): Promise<void> {
  const named = async (commit: string) => `${commit}  ${await commits.subject(commit)}`;
  const lines =
    first === undefined
      ? [
          "the first bad commit is one of these; the others could not be asked:",
          ...(await Promise.all(possible.map(named))),
        ]
      : [
          `first bad: ${await named(first)}`,
          ...because.map((line) => `  ${line}`),
          ...changed.map((file) => `  ${file}`),
        ];
  process.stdout.write(`${lines.map((line) => `${/^ */.exec(line)}${oneLine(redact(line), 2_000)}`).join("\n")}\n`);
}

async function printJson(
  all: Telling & {
    good: string;
    bad: string;
    files: readonly string[];
    found: Bisected;
    steps: ReadonlyMap<string, Step>;
  },
): Promise<void> {
  const { good, bad, files, found, because, changed, steps, commits } = all;
  const first = found.first === undefined ? null : { commit: found.first, subject: await commits.subject(found.first) };
  const told = [...steps.values()].map(({ images: _, ...step }) => step);
  const document = { good, bad, files, first, because, changed, possible: found.possible, steps: told };
  process.stdout.write(`${redact(JSON.stringify(document, null, 2))}\n`);
}
