// Decides how a machine's tree becomes what a machine is booted from: a qcow2 with its boot loader, the kernel and initrd beside it.
import { existsSync } from "node:fs";
import { chmod, copyFile, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sayMs } from "../model/duration.ts";
import { ProvisionError } from "../model/errors.ts";
import type { RecipeDisk } from "../model/recipe.ts";
import { type Kernel, kernelArguments } from "./boot-files.ts";
import { checkLoader, installLoaders } from "./boot-loader.ts";
import { hashFile } from "./canonical.ts";
import { makeCarrierInitrd } from "./carrier-initrd.ts";
import { type DiskFile, diskNames, type StoredDisk } from "./disk-entry.ts";
import { type DiskLayout, leastDisk, partitionScript } from "./disk-layout.ts";
import { clampTimes, makeFileSystem } from "./file-system.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";
import { inTree } from "./tree-path.ts";
import { stampOf } from "./verify-disk.ts";

export interface DiskMaking {
  readonly place: Workplace;
  /** Where the files are put. */
  readonly directory: string;
  readonly layout: DiskLayout;
  readonly wanted: RecipeDisk;
  readonly kernel: Kernel;
  readonly epochSeconds: number;
  readonly say: (line: string) => void;
}

/** Makes the disk of a finished tree, whose boot files are written already. */
export async function makeDisk(making: DiskMaking): Promise<StoredDisk> {
  const { place, directory, layout, wanted, kernel, epochSeconds, say } = making;
  const started = performance.now();
  place.log.begin("disk");
  const raw = join(place.scratch, "disk.raw");
  clampTimes(place.tree, epochSeconds);
  await makeFile(raw, layout.bytes);
  await partition(place, raw, layout, wanted.loader);
  await makeFileSystem(place, { disk: raw, layout, epochSeconds });
  if (wanted.loader) await installLoaders(place, raw, layout);
  const file = (name: string) => join(directory, name);
  const convert = ["convert", "-m", "1", "-f", "raw", "-O", "qcow2", raw, file(diskNames.disk)];
  await run(place, ["qemu-img", ...convert]);
  await rm(raw);

  await copyFile(await inTree(place.tree, kernel.image), file(diskNames.kernel));
  await copyFile(await inTree(place.tree, kernel.initrd), file(diskNames.initrd));
  await makeCarrierInitrd(place, { version: kernel.version, file: file(diskNames.carrierInitrd), epochSeconds });

  const recorded = await Promise.all(
    Object.entries(diskNames).map(async ([key, name]) => [key, await record(file(name))] as const),
  );
  await chmod(directory, 0o711);
  say(`disk: ${sayMs(performance.now() - started)}`);
  return {
    virtualSize: layout.bytes,
    rootUuid: layout.rootUuid,
    kernelArguments: kernelArguments(layout.rootUuid, wanted.kernelArguments),
    files: Object.fromEntries(recorded) as unknown as StoredDisk["files"],
  };
}

/** QEMU runs as a user of its own, and reads these; nobody writes them again. */
async function record(path: string): Promise<DiskFile> {
  await chmod(path, 0o444);
  return { ...stampOf(path), digest: `sha256:${await hashFile(path)}` };
}

async function makeFile(path: string, bytes: number): Promise<void> {
  await using file = await open(path, "wx");
  await file.truncate(bytes);
}

async function partition(place: Workplace, raw: string, layout: DiskLayout, loader: boolean): Promise<void> {
  const script = join(place.scratch, "partitions");
  await writeFile(script, partitionScript(layout, loader));
  const sfdisk = findTool("sfdisk", place.recipe);
  await run(place, [
    "sh",
    "-c",
    'exec "$1" --quiet --no-reread --no-tell-kernel "$2" < "$3"',
    "sh",
    sfdisk,
    raw,
    script,
  ]);
}

async function run(place: Workplace, [name, ...args]: readonly [string, ...string[]]): Promise<void> {
  const status = await runTool(place, [findTool(name, place.recipe), ...args]);
  if (status === 0) return;
  const said = place.log.lines.filter((line) => !line.startsWith("$ ")).slice(-3);
  throw stepFailed(place, { code: "disk-failed", seen: `${name} ended with status ${status}: ${said.join(" / ")}` });
}

/** Refuses before anything is made what could not be finished. */
export function checkDisk(recipe: string, wanted: RecipeDisk): void {
  const tools = ["mke2fs", "debugfs", "sfdisk", "qemu-img", "busybox", "cpio", "find", "sort"];
  if (wanted.loader) tools.push("grub-mkimage", "mkfs.vfat", "mmd", "mcopy");
  for (const tool of tools) findTool(tool, recipe);
  if (wanted.loader) checkLoader(recipe, existsSync);
  if (wanted.size < leastDisk) {
    throw new ProvisionError({
      code: "disk-too-small",
      phase: "build",
      node: recipe,
      seen: `a disk of ${wanted.size} bytes has no room for a file system`,
      hint: `give disk a size of ${leastDisk / 1024 ** 2}m at least`,
    });
  }
}
