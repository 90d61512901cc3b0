// Decides how `assay parity` runs the specs of two environments and shows where these differ.
import { readConfig } from "../config.ts";
import { DeclarationError, ExitCode } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { isParity, parityLines, parityTable } from "../reporting/parity.ts";
import type { Report } from "../reporting/report.ts";
import { findParities } from "./recipes.ts";
import { runCommand } from "./run.ts";

/**
 * With `json` prints `{ parity, alike, sides, lines, idle }` of `ParityTable` and nothing else on standard output, patterns as text.
 * 0 when both are alike, or differ as declared; 1 for any other difference; else what the run ended with.
 */
export async function parityCommand(name: string, options: { readonly json?: boolean } = {}): Promise<number> {
  const known = await findParities(readConfig().project);
  const parity = known.get(name);
  if (parity === undefined) {
    const guess = nearest(name, [...known.keys()]);
    throw new DeclarationError({
      code: "unknown-parity",
      seen: `there is no parity "${name}"`,
      hint: guess === undefined ? `there are ${[...known.keys()].join(", ") || "none"}` : `did you mean "${guess}"?`,
    });
  }
  const files = parity.environments.flatMap(({ name: environment }) =>
    parity.specs.map((behaviour) => `/${environment}-${behaviour}.spec.ts`),
  );
  const reports: Report[] = [];
  const json = options.json === true;
  const code = await runCommand(files, {
    projects: ["specs"],
    aside: json,
    concluded: (report) => reports.push(report),
  });
  const [report] = reports;
  // A check that fails on both sides is alike; what could not be asked is not known to be.
  if (report === undefined || (code !== ExitCode.met && code !== ExitCode.failed)) return code;
  const table = parityTable(parity, report);
  if (json) {
    const said = { parity: name, alike: isParity(table), ...table };
    console.log(JSON.stringify(said, (_, value: unknown) => (value instanceof RegExp ? String(value) : value), 2));
  } else console.log(["", `parity ${name}`, ...parityLines(table)].join("\n"));
  return isParity(table) ? ExitCode.met : ExitCode.failed;
}
