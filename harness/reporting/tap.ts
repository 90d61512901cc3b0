// Decides how a report looks to what reads TAP (Test Anything Protocol 13, which readers of 14 take too): a line a test, diagnostics in
// YAML whose values are JSON texts. What could not be asked is `not ok`, with `severity: errored`.
import { sayFlaky } from "./account.ts";
import { casesOf } from "./cases.ts";
import { oneLine, plain } from "./escape.ts";
import type { Report } from "./report.ts";

/** `results.tap` of a report. */
export function tapOf(report: Report): string {
  const cases = casesOf(report);
  const lines = cases.flatMap(({ file, name, outcome, ms, told, code, at, test }, index) => {
    const number = index + 1;
    const about = described(`${file} > ${name}`);
    const flaky = test?.flaky;
    if (outcome === "passed")
      return [`ok ${number} - ${about}`, ...(flaky === undefined ? [] : [`# flaky: ${sayFlaky(flaky)}`])];
    if (outcome === "skipped") return [`ok ${number} - ${about} # SKIP ${described(told.join("; "))}`];
    const yaml = {
      severity: outcome,
      message: plain(told.join("\n\n"), 8000),
      ...(code === undefined ? {} : { code: oneLine(code) }),
      ...(at === undefined ? {} : { at: oneLine(at) }),
      duration_ms: Math.round(ms),
    };
    return [
      `not ok ${number} - ${about}`,
      "  ---",
      ...Object.entries(yaml).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
      "  ...",
    ];
  });
  return `${["TAP version 13", `1..${cases.length}`, ...lines].join("\n")}\n`;
}

/** What follows a `#` could be read as a directive, so that a test could excuse itself by its name. */
function described(text: string): string {
  return oneLine(text, 500).replace(/[\\#]/g, "\\$&");
}
