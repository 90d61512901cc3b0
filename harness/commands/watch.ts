// Decides what `assay watch` runs when: each spec file that depends on what has changed, as an ordinary run of its own. What stands ahead
// between rounds is a run as well, the watch's, so that whatever ends it, nothing is left.
import { relative } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { occupy } from "../lifecycle/places.ts";
import { endProcesses } from "../lifecycle/processes.ts";
import { reap } from "../lifecycle/reap.ts";
import { cancelledCode, keepReaper, listenForSignals } from "../lifecycle/supervisor.ts";
import { DeclarationError, ExitCode, HarnessError, messageOf } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { redact } from "../model/secret.ts";
import { oneLine } from "../reporting/escape.ts";
import { newRunId, runCommand } from "./run.ts";
import { openDrivers, placesOf, reaperProgram } from "./surroundings.ts";
import { StandsAhead } from "./watch-ahead.ts";
import { WatchedFiles } from "./watch-files.ts";
import { WatchedSpecs } from "./watch-specs.ts";

/** `assay watch [pattern…]`. Ends by a signal, with 130 or 143, or 4 when something could not be removed. */
export async function watchCommand(patterns: readonly string[]): Promise<number> {
  const config = readConfig();
  const specs = new WatchedSpecs(config.project, patterns);
  if (specs.present().length === 0)
    throw new DeclarationError({
      code: "nothing-to-watch",
      seen:
        patterns.length === 0
          ? "there are no spec files"
          : `no spec file's path contains ${patterns.map((each) => `"${each}"`).join(" or ")}`,
    });
  const run = newRunId();
  const identity = identityOf();
  const places = placesOf(config);
  using ledger = Ledger.open(config.ledger);
  ledger.beginRun(run, identity, ["assay", "watch", ...patterns].join(" "));
  const signals = listenForSignals();
  const reaper = keepReaper(reaperProgram(config, run), (pid) => ledger.reaperStarted(run, identityOf(pid)));
  const files = new WatchedFiles();
  let leaked: readonly string[] = [];
  try {
    occupy(places, run, identity);
    const stop = new AbortController();
    void signals.first.then(() => stop.abort());
    // Nobody reads what it says any more, and nothing else would end it.
    process.stdout.once("error", () => stop.abort());
    await rounds({
      config,
      specs,
      files,
      ahead: new StandsAhead(config, ledger, { run, identity }),
      signal: stop.signal,
    });
  } finally {
    files.close();
    process.stdin.pause();
    await endProcesses(run);
    const drivers = openDrivers(config);
    const totals = await reap(run, { ledger, drivers, places });
    for (const driver of drivers) await driver.close();
    leaked = totals.leaked;
    if (totals.error === undefined) reaper.dismiss();
    else console.error(`assay: ${redact(totals.error.message)}`);
    signals.stop();
  }
  if (leaked.length > 0) return ExitCode.leak;
  return cancelledCode(signals.signal() ?? "SIGINT");
}

interface Watching {
  readonly config: Config;
  readonly specs: WatchedSpecs;
  readonly files: WatchedFiles;
  readonly ahead: StandsAhead;
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
}

async function rounds({ config, specs, files, ahead, signal }: Watching): Promise<void> {
  const say = (line: string) => console.log(oneLine(line));
  let again = new AbortController();
  if (process.stdin.isTTY) process.stdin.on("data", () => again.abort());
  for (let due = specs.present(); !signal.aborted; ) {
    const began = Date.now();
    const heard = (event: RunEvent) => specs.hear(event);
    specs.begin();
    try {
      await runCommand(due, { projects: ["specs"], warm: ahead.settings, heard });
    } catch (error) {
      // An engine that is down just now is no reason to stop watching; a fault of Assay itself is.
      if (!(error instanceof HarnessError)) throw error;
      console.error(`assay: ${redact(messageOf(error))}`);
    }
    if (signal.aborted) return;
    files.follow([...specs.reads(), specs.room], began);
    await ahead.sweep();
    await ahead.prepare(specs.environments(), signal);
    if (signal.aborted) return;
    const keys = process.stdin.isTTY ? "Enter runs all again, " : "";
    const { length } = specs.present();
    const whose = length === 1 ? "a spec file is" : `${length} spec files are`;
    say(`watching the ${files.count} files that ${whose} made of; ${keys}Ctrl-C ends`);
    for (due = []; due.length === 0 && !signal.aborted; ) {
      again = new AbortController();
      const changed = await files.next(AbortSignal.any([signal, again.signal]));
      due = again.signal.aborted ? specs.present() : specs.madeOf(changed);
      if (due.length > 0 && changed.length > 0)
        say(`changed: ${changed.map((path) => relative(config.project, path)).join(", ")}`);
    }
  }
}
