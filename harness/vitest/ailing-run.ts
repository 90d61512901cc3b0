// Decides how a run of a spec in fixtures/faults is looked at from outside: its exit code, its words, its report.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { readConfig } from "../config.ts";
import { type Report, reportSchema } from "../reporting/report.ts";

export interface AilingRun {
  readonly status: number | null;
  readonly said: string;
  readonly report: Report;
  readonly summary: string;
}

/** `assay run` of one spec, with a report directory of its own, which is gone when this resolves. */
export async function runAiling(name: string, env: NodeJS.ProcessEnv): Promise<AilingRun> {
  const reports = mkdtempSync(join(tmpdir(), "assay-ailing-"));
  try {
    const { project } = readConfig(env);
    const spec = `fixtures/faults/${name}.spec.ts`;
    const child = spawn(process.execPath, [join(project, "harness/cli.ts"), "run", "--project", "faults", spec], {
      cwd: project,
      env: { ...env, ASSAY_REPORTS: reports, NO_COLOR: "1", ASSAY_SETTINGS: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    const [run] = readdirSync(reports).filter((each) => each !== "latest");
    if (run === undefined) throw new Error(`the run wrote no report: ${out}${err}`);
    const read = (file: string) => readFileSync(join(reports, run, file), "utf8");
    const report = reportSchema.parse(JSON.parse(read("report.json")));
    return { status: status as number | null, said: out + err, report, summary: read("summary.md") };
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

/** Test → what was found while it ran, in the order of the report; `""` for what was found outside of tests. */
export function foundIn({ health }: Report): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {};
  for (const { test = "", kind, allowed } of health?.findings ?? []) {
    found[test] ??= [];
    found[test].push(allowed === undefined ? kind : `${kind} (allowed by the ${allowed.by})`);
  }
  return found;
}

/** Test → its outcome. */
export function outcomesIn({ tests }: Report): Readonly<Record<string, string>> {
  return Object.fromEntries(tests.map(({ name, outcome }) => [name, outcome]));
}
