// Decides how `assay bench` goes: the image first, then the measurements, then the table, on the terminal and in reports/bench.md.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { gossVersion } from "../bench/goss.ts";
import { measure } from "../bench/measure.ts";
import { type Machine, markdownPage, plainTable, verdictOf } from "../bench/table.ts";
import { benchRecipe } from "../bench/work.ts";
import { type Config, readConfig } from "../config.ts";
import type { Driver } from "../drivers/driver.ts";
import { enginesOf } from "../engines.ts";
import { ExitCode, messageOf } from "../model/errors.ts";
import { Store } from "../store/store.ts";
import { proxies } from "./proxies.ts";
import { engineFacts } from "./surroundings.ts";

/** Measures and tells. 0 when every target is met, 1 when one is not, 3 when a peer is missing and nothing can be said. */
export async function benchCommand(): Promise<number> {
  const config = readConfig();
  const driver = await enginesOf(engineFacts(config)).docker();
  const say = (line: string) => console.error(`bench: ${line}`);
  const engines = await prepared(config, driver, say);
  const { rows, gossMissing } = await measure({ config, say, warmUp: 5, rounds: 15 });
  const machine: Machine = {
    cpus: cpus().length,
    memoryBytes: totalmem(),
    versions: {
      assay: config.version,
      node: process.version,
      ...engines,
      "docker command": await dockerCommand(),
      ...(gossMissing === undefined ? { goss: gossVersion } : {}),
    },
  };
  const page = join(config.project, "reports", "bench.md");
  writeFileSync(page, markdownPage(rows, machine));
  console.log(`${plainTable(rows)}\n\nwritten to ${relative(process.cwd(), page)}`);
  const verdicts = rows.map(verdictOf);
  if (verdicts.includes("not met")) return ExitCode.failed;
  return verdicts.includes("peer missing") ? ExitCode.couldNotAsk : ExitCode.met;
}

/** The image is in the engine, so that no run builds or loads it. Answers the engine's version. */
async function prepared(config: Config, driver: Driver, say: (line: string) => void) {
  try {
    const engines = await driver.probe();
    const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
    const { image } = await store.build(benchRecipe, { say, source: driver.images });
    await driver.load(image);
    return engines;
  } finally {
    await driver.close();
  }
}

async function dockerCommand(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("docker", ["--version"]);
    return /version ([^,\s]+)/.exec(stdout)?.[1] ?? stdout.trim();
  } catch (error) {
    return `missing (${messageOf(error)})`;
  }
}
