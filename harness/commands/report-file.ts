// Decides which report is meant by a run's name, a directory or a file. Reads nothing of it.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { DeclarationError } from "../model/errors.ts";
import { oneLine } from "../reporting/escape.ts";

/** By a run's name, a directory with a report, or a report: the path of that; the newest run's without a word. A `DeclarationError` (code `no-report`) where there is none. */
export function reportFile({ runs }: Pick<Config, "runs">, wanted: string | undefined): string {
  if (wanted === undefined) {
    const [newest] = (existsSync(runs) ? readdirSync(runs) : [])
      .map((name) => join(runs, name, "report.json"))
      .flatMap((file) => {
        const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
        return at === undefined ? [] : [{ file, at }];
      })
      .sort((a, b) => b.at - a.at);
    if (newest !== undefined) return newest.file;
    throw new DeclarationError({
      code: "no-report",
      seen: `there is no report below ${runs}`,
      hint: "assay run makes one",
    });
  }
  const found = [join(runs, wanted, "report.json"), join(resolve(wanted), "report.json"), resolve(wanted)].find(
    (file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true,
  );
  if (found !== undefined) return found;
  throw new DeclarationError({
    code: "no-report",
    seen: `"${oneLine(wanted)}" is no run, no report and no directory with one`,
    hint: "name a run of reports/runs, or a report.json",
  });
}
