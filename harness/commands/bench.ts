// Decides how `assay bench` goes: the image first, then the measurements, then the table on the terminal, and page, chart and numbers in `reports`.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { containerDiff, containerStructureTest, goss } from "../bench/go-program.ts";
import { machineRecipe } from "../bench/machine-work.ts";
import { measure } from "../bench/measure.ts";
import { measureDiff } from "../bench/measure-diff.ts";
import { measureHealth } from "../bench/measure-health.ts";
import { measureMachines } from "../bench/measure-machines.ts";
import { measurePeers } from "../bench/measure-peers.ts";
import { measureProve } from "../bench/measure-prove.ts";
import { measureReport } from "../bench/measure-report.ts";
import { measureStack, measureStackReset } from "../bench/measure-stack.ts";
import { measureStill } from "../bench/measure-still.ts";
import { measureStudio } from "../bench/measure-studio.ts";
import { keepPart } from "../bench/page.ts";
import { type Machine, plainTable, type Row, verdictOf } from "../bench/table.ts";
import { benchRecipe } from "../bench/work.ts";
import { type Config, readConfig } from "../config.ts";
import type { Driver } from "../drivers/driver.ts";
import { openLibvirt } from "../drivers/libvirt-client.ts";
import { enginesOf } from "../engines.ts";
import { DeclarationError, ExitCode, messageOf } from "../model/errors.ts";
import { Store } from "../store/store.ts";
import { proxies } from "./proxies.ts";
import { engineFacts } from "./surroundings.ts";

const parts = [
  "containers",
  "peers",
  "images",
  "diff",
  "machines",
  "health",
  "studio",
  "stack",
  "stack-reset",
  "prove",
  "report",
  "all",
] as const;

export interface BenchOptions {
  /** Default `all`; `machines` without the disk that is built from nothing, `studio` once, `stack` and `diff` twice each: `--quick`. */
  readonly part?: string;
  readonly quick?: boolean;
}

/** Measures and tells. 0 when every target is met, 1 when one is not, 3 when a peer is missing and nothing can be said. */
export async function benchCommand({ part = "all", quick = false }: BenchOptions = {}): Promise<number> {
  if (!parts.some((known) => known === part))
    throw new DeclarationError({
      code: "unknown-part",
      seen: `there is no part "${part}" to measure`,
      hint: `say ${parts.join(", ")}`,
    });
  const config = readConfig();
  const say = (line: string) => console.error(`bench: ${line}`);
  const all: Row[] = [];
  const tell = (title: string, rows: readonly Row[], machine: Machine) => {
    all.push(...rows);
    const page = keepPart(join(config.project, "reports"), title, { rows, machine });
    console.log(`${plainTable(rows)}\n\nwritten to ${relative(process.cwd(), page)}`);
  };
  const wanted = (one: (typeof parts)[number]) => part === "all" || part === one;
  if (wanted("containers")) await containers(config, say, (rows, machine) => tell("Containers", rows, machine));
  if (wanted("peers")) await peers(config, say, (rows, machine) => tell("Containers, other peers", rows, machine));
  if (wanted("images")) await images(config, say, (rows, machine) => tell("Images at rest", rows, machine));
  if (wanted("diff")) await diff(config, quick, say, (rows, machine) => tell("Image difference", rows, machine));
  if (wanted("machines")) await machines(config, quick, say, (rows, machine) => tell("Machines", rows, machine));
  if (wanted("health")) await health(config, quick, say, (rows, machine) => tell("Health of machines", rows, machine));
  if (wanted("studio")) await studio(config, quick, say, (rows, machine) => tell("Studio", rows, machine));
  if (wanted("stack")) await stack(config, quick, say, (rows, machine) => tell("Stack", rows, machine));
  if (wanted("stack-reset"))
    await stackReset(config, quick, say, (rows, machine) => tell("Stack on a machine", rows, machine));
  if (wanted("report")) tell("Reports", await measureReport(quick ? 3 : 7, say), thisMachine({}, config.version));
  if (wanted("prove")) await proofs(config, quick, say, (rows, machine) => tell("Proof", rows, machine));
  const verdicts = all.map(verdictOf);
  if (verdicts.includes("not met")) return ExitCode.failed;
  return verdicts.includes("peer missing") || verdicts.includes("not measured") ? ExitCode.couldNotAsk : ExitCode.met;
}

type Tell = (rows: readonly Row[], machine: Machine) => void;

function thisMachine(versions: Readonly<Record<string, string>>, assay: string): Machine {
  return { cpus: cpus().length, memoryBytes: totalmem(), versions: { assay, node: process.version, ...versions } };
}

async function containers(config: Config, say: (line: string) => void, tell: Tell): Promise<void> {
  const driver = await enginesOf(engineFacts(config)).docker();
  const engines = await prepared(config, driver, say);
  const { rows, gossMissing } = await measure({ config, say, warmUp: 5, rounds: 15 });
  const peer = gossMissing === undefined ? { goss: goss.version } : {};
  tell(rows, thisMachine({ ...engines, "docker command": await dockerCommand(), ...peer }, config.version));
}

async function peers(config: Config, say: (line: string) => void, tell: Tell): Promise<void> {
  const driver = await enginesOf(engineFacts(config)).docker();
  const engines = await prepared(config, driver, say);
  const { rows, versions } = await measurePeers({ config, say, warmUp: 1, rounds: 5 });
  const { version } = createRequire(import.meta.url)("testcontainers/package.json") as { version: string };
  tell(rows, thisMachine({ ...engines, testcontainers: version, ...versions }, config.version));
}

async function images(config: Config, say: (line: string) => void, tell: Tell): Promise<void> {
  await prepared(config, await enginesOf(engineFacts(config)).docker(), say);
  const rows = await measureStill({ config, say, warmUp: 1, rounds: 5 });
  tell(rows, thisMachine({ "container-structure-test": containerStructureTest.version }, config.version));
}

async function diff(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const rows = await measureDiff({ config, say, warmUp: 1, rounds: quick ? 2 : 5 });
  tell(rows, thisMachine({ "container-diff": containerDiff.version }, config.version));
}

async function machines(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const versions = await withDisk(config, say);
  const rows = await measureMachines({ config, say, warmUp: 1, rounds: 5, full: !quick });
  tell(rows, thisMachine({ ...versions, goss: goss.version }, config.version));
}

async function health(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const versions = await withDisk(config, say);
  const rows = await measureHealth({ config, say, warmUp: 1, rounds: quick ? 1 : 5 });
  tell(rows, thisMachine(versions, config.version));
}

async function studio(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const machine = await withDisk(config, say);
  // A round of it takes minutes where guests are emulated.
  const { rows, versions } = await measureStudio({ config, say, warmUp: 0, rounds: quick ? 1 : 2 });
  tell(rows, thisMachine({ ...machine, ...versions }, config.version));
}

async function stack(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const driver = await enginesOf(engineFacts(config)).docker();
  const engines = await driver.probe().finally(() => driver.close());
  const { version } = createRequire(import.meta.url)("testcontainers/package.json") as { version: string };
  const rows = await measureStack({ config, say, warmUp: 0, rounds: quick ? 2 : 5 });
  tell(
    rows,
    thisMachine({ ...engines, testcontainers: version, "docker command": await dockerCommand() }, config.version),
  );
}

async function stackReset(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const versions = await machinePrograms(config);
  const rows = await measureStackReset({ config, say, warmUp: 0, rounds: quick ? 1 : 2 });
  tell(rows, thisMachine(versions, config.version));
}

async function proofs(config: Config, quick: boolean, say: (line: string) => void, tell: Tell): Promise<void> {
  const driver = await enginesOf(engineFacts(config)).docker();
  const engines = await driver.probe().finally(() => driver.close());
  const rows = await measureProve({ config, say, warmUp: 0, rounds: quick ? 1 : 3 });
  tell(rows, thisMachine(engines, config.version));
}

/** The disk is in the store before anything is timed. Answers what runs it. */
async function withDisk(config: Config, say: (line: string) => void) {
  const versions = await machinePrograms(config);
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  await store.build(machineRecipe, { say });
  return versions;
}

async function machinePrograms(config: Config) {
  const client = await openLibvirt({ uri: config.libvirtUri });
  const { qemu, libvirt } = await client.version();
  await client.close();
  return { libvirt, qemu };
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
