// Decides how it is measured what watching machines costs: whole runs, as a user starts them, by what their own reports tell.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import { healthRows, type WatchedRuns } from "./health-rows.ts";
import type { Measuring } from "./measure.ts";
import { takeReport } from "./run-report.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";

const mostMs = 1_800_000;

/** Rows of both kinds of runs. Rejects where one of them is not met. */
export async function measureHealth(measuring: Measuring): Promise<Row[]> {
  const { config, say, rounds } = measuring;
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  const runs = async (of: string, by: string, words: readonly string[], count: number): Promise<WatchedRuns> => {
    const reports: WatchedRuns["reports"][number][] = [];
    for (let round = -measuring.warmUp; round < count; round += 1) {
      say(`${of}, round ${round + 1} of ${count}`);
      const command = [join(config.project, "harness/assay"), "run", ...words];
      await timed(host, command, { ASSAY_REPORTS: room }, mostMs);
      const report = takeReport(room);
      if (round >= 0) reports.push(report);
    }
    return { of, by, reports };
  };
  try {
    const empty = ["--project", "bench", "idle-machine.bench"];
    return [
      ...healthRows(await runs("nine empty tests on a machine", "assay run, the machine started warm", empty, rounds)),
      ...healthRows(
        await runs("specs/studio-hosts", "assay run, one machine and then three, booted", ["studio-hosts"], 1),
      ),
    ];
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}
