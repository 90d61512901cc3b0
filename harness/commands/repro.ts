// Decides how `assay repro` sees a failure again from its capsule: in a scratch project, what differs told first, then the tests that
// failed, and a shell where they stopped. Refuses a capsule before anything of it is unpacked, and never writes over a checkout.
import { cpus, hostname, release, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { hostDifferences, missingLines } from "../capsule/differences.ts";
import { seenAgain } from "../capsule/seen-again.ts";
import { readCapsule, unpackRoom } from "../capsule/unpack.ts";
import { type Config, readConfig } from "../config.ts";
import { listenForSignals } from "../lifecycle/supervisor.ts";
import { redact } from "../model/secret.ts";
import { oneLine } from "../reporting/escape.ts";
import type { Report } from "../reporting/report.ts";
import { comparedImages } from "./repro-images.ts";
import { againLines, differenceLines, nodeToEnter } from "./repro-lines.ts";
import { loopRepro } from "./repro-loop.ts";
import { readReproOptions, secretsGiven } from "./repro-options.ts";
import { runThere, type There } from "./run-there.ts";
import { layProject } from "./scratch-project.ts";
import type { ScratchRun } from "./scratch-run.ts";
import { openDrivers } from "./surroundings.ts";
import { openWorkplace, sweepWorkplaces, type Workplace } from "./workplaces.ts";

/**
 * `assay repro <capsule>`. The exit code is that of the run here: 1 where a check failed again, 0 where it did not, 3 where it could not be
 * asked. With `json` `{ capsule, run, differences, missing, seen, loop, exitCode, enter }`.
 */
export async function reproCommand(file: string, words: Readonly<Record<string, unknown>>): Promise<number> {
  const options = readReproOptions(words);
  const config = readConfig();
  const capsule = await readCapsule(resolve(file));
  const { manifest } = capsule;
  const { contents, names } = secretsGiven(capsule, options.secrets);
  sweepWorkplaces(config);
  const place = openWorkplace(config, "repro");
  const signals = listenForSignals();
  const cancelled = signals.first.then(() => signals.signal() ?? "SIGINT");
  try {
    const directory = join(place.directory, "project");
    unpackRoom(capsule, "project", directory, contents);
    layProject(directory, manifest.project.kind);
    const say = (line: string) => void process.stderr.write(`${oneLine(redact(line), 2_000)}\n`);
    const { assay, host, run, failures } = manifest;
    say(`run ${run} of ${manifest.startedAt}: ${failures.length} of its tests did not pass`);
    const differences = hostDifferences({ assay, host }, { assay: config.version, host: await hostHere(config, host) });
    const missing = missingLines(manifest, names, (variable) => (process.env[variable] ?? "") !== "");
    for (const line of differenceLines(differences)) say(`differs   ${line}`);
    for (const line of missing) say(`missing   ${line}`);
    const wanted: ScratchRun = {
      files: manifest.specs,
      projects: manifest.projects,
      seed: manifest.seed,
      images: manifest.images,
      ...(manifest.with === undefined ? {} : { with: manifest.with }),
      // Of a file that could not be read no test is known.
      ...(options.all || failures.length === 0 ? {} : { only: [...new Set(failures.map(({ test }) => test))] }),
    };
    const there: There = { config, place, directory, cancelled };
    if (options.loop !== undefined) {
      const log = join(place.directory, "loop.log");
      const looped = await loopRepro(manifest, wanted, { ...there, log }, { times: options.loop, say, signals });
      if (options.json)
        print({ capsule: file, run, differences, missing, loop: looped.loop, exitCode: looped.exitCode });
      return looped.exitCode;
    }
    const keep = options.check ? {} : { keep: "on-failure" as const, keepMs: options.keepMs };
    const { exitCode, report } = await runThere({ ...wanted, ...keep }, there);
    if (report === undefined) return exitCode;
    const images = await comparedImages(capsule, report, config);
    const seen = seenAgain(failures, run, report);
    const told = [...images, ...differences];
    for (const line of differenceLines(images)) say(`differs   ${line}`);
    for (const line of againLines(seen, { all: options.all, exitCode })) say(line);
    const enter = nodeToEnter(seen, report);
    if (enter !== undefined) place.stayFor(report.run);
    if (options.json)
      print({
        capsule: file,
        run: report.run,
        differences: told,
        missing,
        seen,
        exitCode,
        ...(enter === undefined ? {} : { enter }),
      });
    else if (enter !== undefined) await entered(enter, report.run, { place, say, signals });
    return exitCode;
  } finally {
    signals.stop();
    place.close();
  }
}

interface Entering {
  readonly place: Workplace;
  readonly say: (line: string) => void;
  readonly signals: ReturnType<typeof listenForSignals>;
}

/** A shell where it stopped; all goes when that ends. Without a terminal it stands under its lease. */
async function entered(enter: string, run: string, { place, say, signals }: Entering): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    say(`standing  assay shell ${enter} goes in; assay down ${run} ends it`);
    return;
  }
  // From here on Ctrl-C is for whoever works in the shell.
  signals.stop();
  say(`entered   ${enter}; when this shell ends, so does all that stands`);
  const [{ shellCommand }, { downCommand }] = await Promise.all([import("./shell.ts"), import("./down.ts")]);
  try {
    await shellCommand(enter, [], {});
  } finally {
    await downCommand([run], {});
    place.ended();
  }
}

/** What of the first machine's facts this one has; engines that it does not name are not asked. */
async function hostHere(config: Config, there: Report["host"]): Promise<Report["host"]> {
  const drivers = openDrivers(config);
  try {
    const asked = drivers.filter(
      ({ kind }) => kind === config.engine || (kind === "libvirt" && "libvirt" in there.engines),
    );
    const engines = await Promise.all(asked.map((driver) => driver.probe().catch(() => ({}))));
    return {
      ...{
        hostname: hostname(),
        kernel: release(),
        cpus: cpus().length,
        memoryBytes: totalmem(),
        node: process.version,
      },
      engines: Object.assign({}, ...engines) as Record<string, string>,
    };
  } finally {
    for (const driver of drivers) await driver.close();
  }
}

function print(document: unknown): void {
  process.stdout.write(`${redact(JSON.stringify(document, null, 2))}\n`);
}
