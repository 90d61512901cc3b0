// Decides how a disk boots by itself, by BIOS and by UEFI: GRUB, put on the disk's bytes by ourselves. Refuses to mount
// anything, and to ask for a block device: a disk is a file.
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import { type DiskLayout, sectorBytes } from "./disk-layout.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";

/** Where Debian's packages grub-pc-bin and grub-efi-amd64-bin put GRUB's parts. */
const grub = "/usr/lib/grub";

const modules = [
  ...["part_gpt", "ext2", "search", "search_fs_uuid", "normal", "configfile", "linux"],
  ...["serial", "terminal", "echo", "test", "ls", "cat", "boot", "reboot", "halt"],
];

/** Writes both loaders onto the disk, whose partition tables are there already. */
export async function installLoaders(place: Workplace, disk: string, layout: DiskLayout): Promise<void> {
  const home = join(place.scratch, "loader");
  await mkdir(home, { mode: 0o700 });
  const config = join(home, "early.cfg");
  await writeFile(config, earlyConfig(layout.rootUuid));
  await bios(place, { disk, layout, config, home });
  await uefi(place, { disk, layout, config, home });
}

/** What the loader does before it has found the menu. */
export function earlyConfig(rootUuid: string): string {
  return `search --no-floppy --fs-uuid --set=root ${rootUuid}\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`;
}

interface Installing {
  readonly disk: string;
  readonly layout: DiskLayout;
  readonly config: string;
  readonly home: string;
}

async function bios(place: Workplace, { disk, layout, config, home }: Installing): Promise<void> {
  const core = join(home, "core.img");
  await image(place, "i386-pc", config, core, ["biosdisk", ...modules]);
  const sector = layout.bios.start / sectorBytes;
  const bytes = await readFile(core);
  if (bytes.length > layout.bios.bytes)
    throw stepFailed(place, {
      code: "loader-failed",
      seen: `GRUB's core has ${bytes.length} bytes, too many for its partition`,
    });
  await using file = await open(disk, "r+");
  await file.write(patchedBoot(await readFile(join(grub, "i386-pc/boot.img")), sector), 0, undefined, 0);
  await file.write(patchedCore(bytes, sector), 0, undefined, layout.bios.start);
}

/** Of the boot sector, what is code: behind it lies the partition table. */
const bootCode = 440;

/**
 * GRUB's boot sector with the sector that its core begins at, as `grub-bios-setup` patches it. Pure. The jump that asks whether the
 * BIOS's drive number can be true is taken out: on a hard disk it is.
 */
export function patchedBoot(image: Buffer, coreSector: number): Buffer {
  const code = Buffer.from(image.subarray(0, bootCode));
  code.writeBigUInt64LE(BigInt(coreSector), 0x5c);
  code.fill(0x90, 0x66, 0x68);
  return code;
}

/** GRUB's core with the sector that its second one lies at: the first loads the rest by a list at its end. Pure. */
export function patchedCore(image: Buffer, coreSector: number): Buffer {
  const core = Buffer.from(image);
  core.writeBigUInt64LE(BigInt(coreSector + 1), sectorBytes - 12);
  return core;
}

async function uefi(place: Workplace, { disk, layout, config, home }: Installing): Promise<void> {
  const program = join(home, "BOOTX64.EFI");
  await image(place, "x86_64-efi", config, program, ["fat", ...modules]);
  const esp = join(home, "esp.img");
  await using made = await open(esp, "wx");
  await made.truncate(layout.esp.bytes);
  await run(place, ["mkfs.vfat", "--invariant", "-i", layout.espId, "-n", "ESP", esp]);
  await run(place, ["mmd", "-i", esp, "::/EFI", "::/EFI/BOOT"]);
  await run(place, ["mcopy", "-i", esp, program, "::/EFI/BOOT/BOOTX64.EFI"]);
  await using file = await open(disk, "r+");
  await file.write(await readFile(esp), 0, undefined, layout.esp.start);
}

async function image(
  place: Workplace,
  platform: string,
  config: string,
  output: string,
  parts: readonly string[],
): Promise<void> {
  const how = ["--format", platform, "--directory", join(grub, platform), "--prefix", "/boot/grub", "--config", config];
  await run(place, ["grub-mkimage", ...how, "--output", output, ...parts]);
}

async function run(place: Workplace, [name, ...args]: readonly [string, ...string[]]): Promise<void> {
  const status = await runTool(place, [findTool(name, place.recipe), ...args]);
  if (status === 0) return;
  const said = place.log.lines.filter((line) => !line.startsWith("$ ")).slice(-3);
  throw stepFailed(place, { code: "loader-failed", seen: `${name} ended with status ${status}: ${said.join(" / ")}` });
}

/** Refuses before anything is made: GRUB's parts are data, and no program's absence tells of theirs. */
export function checkLoader(recipe: string, exists: (path: string) => boolean): void {
  if (process.arch !== "x64") {
    throw new ProvisionError({
      code: "loader-unsupported",
      phase: "build",
      node: recipe,
      seen: `a boot loader is made for x86 only, and this machine is ${process.arch}`,
      hint: "write disk: { loader: false }",
    });
  }
  for (const platform of ["i386-pc", "x86_64-efi"]) {
    if (exists(join(grub, platform, "modinfo.sh"))) continue;
    throw new ProvisionError({
      code: "tool-missing",
      phase: "build",
      node: recipe,
      seen: `GRUB's parts for ${platform} are not installed`,
      hint: '"assay setup" installs grub-pc-bin and grub-efi-amd64-bin',
    });
  }
}
