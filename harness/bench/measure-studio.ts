// Decides how studios are measured: in runs of their own, one after the other, whose supervisor clears up. Disks that are
// not in the store are built by the first stand-up of each, which is not timed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import type { Measuring } from "./measure.ts";
import type { BenchSettings } from "./settings.ts";
import { studioRows } from "./studio-rows.ts";
import type { Row } from "./table.ts";
import { haveTestinfra, testinfraOwners, testinfraVersion } from "./testinfra.ts";
import { toldBy } from "./told.ts";

/** All rows of studios, and what they were measured with. */
export async function measureStudio({
  config,
  say,
  rounds,
  warmUp,
}: Measuring): Promise<{ rows: Row[]; versions: Record<string, string> }> {
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  try {
    const testinfra = await haveTestinfra(config.state, say);
    writeFileSync(join(room, "test_files.py"), testinfraOwners());
    writeFileSync(join(room, "test_defect.py"), testinfraOwners("nobody"));
    const settings: BenchSettings = {
      answer: join(room, "answer.json"),
      warmUp,
      rounds,
      ...("pytest" in testinfra ? { testinfra: { pytest: testinfra.pytest, directory: room } } : {}),
    };
    const told = (pattern: string) => toldBy({ config, host, say, settings }, pattern);
    const up = await told("studio-up.bench");
    const reset = await told("studio-reset.bench");
    const growth = await told("studio-growth.bench");
    const lacking = "missing" in testinfra ? { ...up, why: testinfra.missing } : up;
    return {
      rows: studioRows({ up, testinfra: lacking, reset, growth, cores: availableParallelism() }),
      versions: { testinfra: "missing" in testinfra ? "missing" : testinfraVersion },
    };
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}
