// Decides how `assay history` tells what became of tests and checks in the runs that this machine remembers.
import { existsSync } from "node:fs";
import { readConfig } from "../config.ts";
import { History } from "../lifecycle/history.ts";
import { ExitCode } from "../model/errors.ts";
import { historyLines, historyOf } from "../reporting/history.ts";

/**
 * `assay history [name]`: of tests and checks whose name contains it, a line a run; without one, a line for each test that ever failed or
 * could not be asked. With `json` prints `HistoryOf` of all that match. 0, also where nothing is remembered.
 */
export function historyCommand(part: string | undefined, options: { readonly json?: boolean }): number {
  const { history: file } = readConfig();
  // Looking makes no file.
  const past = existsSync(file) ? read(file, part ?? "") : [];
  const all = historyOf(past);
  if (options.json === true) console.log(JSON.stringify(all, null, 2));
  else if (all.length === 0)
    console.log(part === undefined ? "no run is remembered" : `no test and no check is called "${part}"`);
  else if (part !== undefined) console.log(historyLines(all, true).join("\n"));
  else {
    const runs = new Set(past.map(({ run }) => run)).size;
    const tests = all.filter(({ check }) => check === undefined);
    const bad = all.filter(({ counts }) => counts.failed + counts.errored > 0);
    console.log(
      [
        ...historyLines(bad, false),
        `${tests.length} tests in ${runs} runs, of which ${bad.filter(({ check }) => check === undefined).length} were not always met`,
      ].join("\n"),
    );
  }
  return ExitCode.met;
}

function read(file: string, part: string) {
  using history = History.open(file);
  return history.of(part);
}
