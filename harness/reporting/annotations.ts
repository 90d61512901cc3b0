// Decides what a GitHub job shows at the lines of a change: workflow commands. Text of others becomes none of these: what ends a command,
// or a property of it, is escaped as the runner unescapes it (actions/toolkit, command.ts), and `fence` keeps the runner from reading the rest.
import { randomUUID } from "node:crypto";
import { casesOf, placeOf } from "./cases.ts";
import { oneLine, plain } from "./escape.ts";
import type { Report } from "./report.ts";

/** The runner shows ten of a kind a step, and drops the others without a word. */
const most = 10;

/** Lines for standard output; none where nothing is wrong. */
export function annotationLines(report: Report): string[] {
  const wrong = casesOf(report).filter(({ outcome }) => outcome === "failed" || outcome === "errored");
  const shown = wrong.length > most ? wrong.slice(0, most - 1) : wrong;
  const lines = shown.map(({ file, name, outcome, told, at }) => {
    const place = at === undefined ? { file } : placeOf(at);
    const outside = place.file.startsWith("(") || /^(run|teardown)$/.test(place.file);
    return command({
      ...(outside ? {} : { file: place.file }),
      ...(place.line === undefined ? {} : { line: place.line }),
      ...(place.column === undefined ? {} : { col: place.column }),
      title: `${outcome === "failed" ? "Failed" : "Could not be asked"}: ${name}`,
      text: told.join("\n\n"),
    });
  });
  const rest = wrong.length - shown.length;
  return rest === 0
    ? lines
    : [...lines, command({ title: "Assay", text: `${rest} more did not pass: see the report` })];
}

/** Lines of others between two lines at which the runner stops, and begins again, to look for commands. */
export function fenced(lines: readonly string[]): string[] {
  const word = randomUUID();
  return [`::stop-commands::${word}`, ...lines, `::${word}::`];
}

function command({
  text,
  ...properties
}: {
  text: string;
  title: string;
  file?: string;
  line?: number;
  col?: number;
}): string {
  const given = Object.entries(properties).map(([key, value]) => `${key}=${property(oneLine(String(value)))}`);
  return `::error ${given.join(",")}::${data(plain(text, 2000) || "no more is known")}`;
}

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
