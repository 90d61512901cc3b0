// Decides how `assay report` finds a run's report and shows it: its verdict and page, another format of it, what differs from another one.
// Refuses what is no report. It only reads, but for the page, which is written where it is not there or a comparison is asked for.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { type Config, readConfig } from "../config.ts";
import { DeclarationError, ExitCode, messageOf } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { annotationLines } from "../reporting/annotations.ts";
import { compareReports } from "../reporting/compare.ts";
import { compareLines, isWorse } from "../reporting/compare-lines.ts";
import { ctrfOf } from "../reporting/ctrf.ts";
import { junitOf } from "../reporting/junit.ts";
import { readDiff, readReport } from "../reporting/read.ts";
import type { Report } from "../reporting/report.ts";
import { sarifOf } from "../reporting/sarif.ts";
import { summaryOf } from "../reporting/summary.ts";
import { tapOf } from "../reporting/tap.ts";
import { verdictLines } from "../reporting/verdict.ts";
import { type Beside, pageOf, writePage, writeReport } from "../reporting/write.ts";

export interface ReportOptions {
  /** An earlier run, to compare with. */
  readonly against?: string;
  /** Files with what `assay diff --json` printed. */
  readonly diff?: readonly string[];
  /** A port on loopback, or `true` for any. */
  readonly serve?: string | true;
  readonly open?: boolean;
  /** One of `formats`, printed. */
  readonly as?: string;
  readonly json?: boolean;
}

const formats: Readonly<Record<string, (report: Report, directory: string, beside: Beside) => string>> = {
  html: (report, directory, beside) => pageOf(directory, report, beside),
  junit: junitOf,
  ctrf: ctrfOf,
  tap: tapOf,
  sarif: sarifOf,
  markdown: summaryOf,
  github: (report) =>
    annotationLines(report)
      .map((line) => `${line}\n`)
      .join(""),
};

/** `assay report [run]` and `assay report diff <a> <b>`. `DeclarationError`s of `readReport`; code `no-run` where no run has that name. */
export async function reportCommand(words: readonly string[], options: ReportOptions): Promise<number> {
  const config = readConfig();
  const [first, ...rest] = words;
  if (first === "diff") return difference(config, rest, options);
  if (rest.length > 0) throw usage(`assay report takes one run, and not also "${rest[0]}"`);
  const { directory, report } = found(config, first);
  const { against, diff: diffs = [] } = options;
  if ((against !== undefined || diffs.length > 0) && (options.json === true || (options.as ?? "html") !== "html"))
    throw usage("--against and --diff are shown by the page alone", "leave --json and --as out, or say --as html");
  const beside: Beside = {
    ...(against === undefined ? {} : { compared: compareReports(found(config, against).report, report) }),
    ...(diffs.length === 0 ? {} : { diffs: diffs.map(readDiff) }),
  };
  if (options.json === true) return printed(`${JSON.stringify(report, null, 2)}\n`);
  if (options.as !== undefined) {
    const format = Object.hasOwn(formats, options.as) ? formats[options.as] : undefined;
    if (format === undefined)
      throw usage(`there is no format "${options.as}"`, `say ${Object.keys(formats).join(", ")}`);
    return printed(format(report, directory, beside));
  }
  const page = await pageIn({ directory, report }, beside);
  const where = relative(process.cwd(), page);
  process.stdout.write(`${verdictLines(report, { color: config.color, where, page }).join("\n")}\n`);
  if (options.open === true) await open(page);
  if (options.serve === undefined) return ExitCode.met;
  return (await import("./report-serve.ts")).serveReport(directory, options.serve);
}

interface Found {
  readonly directory: string;
  readonly report: Report;
}

async function pageIn({ directory, report }: Found, beside: Beside): Promise<string> {
  const page = join(directory, "index.html");
  if (Object.keys(beside).length > 0) return writePage(directory, report, beside);
  // What CI kept is often the report alone.
  return existsSync(page) ? page : (await writeReport(directory, report)).html;
}

function difference(config: Config, words: readonly string[], { json }: ReportOptions): number {
  const [before, after, ...rest] = words;
  if (before === undefined || after === undefined || rest.length > 0)
    throw usage("assay report diff takes two runs, the earlier one first");
  const comparison = compareReports(found(config, before).report, found(config, after).report);
  if (json === true) printed(`${JSON.stringify(comparison, null, 2)}\n`);
  else printed(`${compareLines(comparison, { color: config.color }).join("\n")}\n`);
  return isWorse(comparison) ? ExitCode.failed : ExitCode.met;
}

/** A path, a run's name or the beginning of one; the newest run without. */
function found({ runs }: Config, word: string | undefined): Found {
  const path = word === undefined ? newest(runs) : existsSync(resolve(word)) ? resolve(word) : named(runs, word);
  const at = statSync(path).isDirectory() ? join(path, "report.json") : path;
  return { directory: dirname(at), report: readReport(at) };
}

function newest(runs: string): string {
  const [last] = runsIn(runs)
    .map((run) => ({ path: join(runs, run), at: statSync(join(runs, run, "report.json")).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  if (last === undefined)
    throw new DeclarationError({ code: "no-run", seen: `there is no report in ${runs}`, hint: "assay run makes one" });
  return last.path;
}

function named(runs: string, word: string): string {
  const known = runsIn(runs);
  const fitting = known.filter((run) => run === word || run.startsWith(word));
  const exact = fitting.find((run) => run === word) ?? (fitting.length === 1 ? fitting[0] : undefined);
  if (exact !== undefined) return join(runs, exact);
  const guess = nearest(word, known);
  throw new DeclarationError({
    code: "no-run",
    seen:
      fitting.length > 1 ? `"${word}" begins ${fitting.length} runs` : `there is no run "${word}", and no such file`,
    hint:
      fitting.length > 1
        ? fitting.slice(0, 5).join(", ")
        : guess === undefined
          ? `reports are in ${runs}`
          : `did you mean "${guess}"?`,
  });
}

function runsIn(runs: string): string[] {
  return existsSync(runs) ? readdirSync(runs).filter((run) => existsSync(join(runs, run, "report.json"))) : [];
}

async function open(page: string): Promise<void> {
  try {
    await promisify(execFile)("xdg-open", [page], { timeout: 20_000 });
  } catch (error) {
    throw new DeclarationError({
      code: "cannot-open",
      seen: `no browser opened ${page}: ${messageOf(error).split("\n")[0]}`,
      hint: "open it by hand, or use --serve",
      cause: error,
    });
  }
}

function printed(text: string): number {
  process.stdout.write(text);
  return ExitCode.met;
}

function usage(seen: string, hint = "see assay help report"): DeclarationError {
  return new DeclarationError({ code: "bad-usage", seen, hint });
}
