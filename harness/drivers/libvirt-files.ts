// Decides which files a machine runs on, and makes them: overlay, empty disks, seed, initrd, NVRAM. All lie in the machine's own
// directory, and belong to whom QEMU runs as; an image is only read.
import { execFile } from "node:child_process";
import { appendFile, chmod, chown, constants, copyFile, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { BuiltDisk } from "../model/image.ts";
import type { QemuUser } from "./libvirt-client.ts";
import type { MachineFiles } from "./libvirt-names.ts";

const run = promisify(execFile);

/** What is put before the guest beside its disks, so that a shell of the harness comes up in it. */
export interface Injected {
  /** A cpio archive that is appended to the image's initrd. */
  readonly cpio?: Uint8Array | undefined;
  /** Files of a NoCloud seed, by name: `user-data`, `meta-data`. */
  readonly seed?: Readonly<Record<string, string>> | undefined;
}

export interface WantedFiles {
  /** `environment/node`, for messages. */
  readonly title: string;
  readonly files: MachineFiles;
  readonly owner: QemuUser | undefined;
  readonly base: BuiltDisk;
  /** Empty disks by name, in bytes. */
  readonly disks: ReadonlyMap<string, number>;
  readonly injected: Injected;
  /** The initrd that the cpio is appended to; without a cpio it is used where it lies. */
  readonly initrd: string | undefined;
  /** Template of the UEFI variables. */
  readonly nvram: string | undefined;
}

/** Makes all of a machine's files in its directory, which is there. Rejects with `no-space`, `tool-missing` or `file-not-made`. */
export async function makeFiles(wanted: WantedFiles): Promise<void> {
  const { files, base, injected, owner, title } = wanted;
  try {
    await Promise.all([
      makeOverlay(files.overlay, base.path),
      ...[...wanted.disks].map(([name, size]) => makeDisk(files.disk(name), size)),
      injected.seed === undefined ? undefined : makeSeed(files, injected.seed),
      injected.cpio === undefined || wanted.initrd === undefined
        ? undefined
        : joinInitrd(wanted.initrd, injected.cpio, files.initrd),
      wanted.nvram === undefined ? undefined : copyFile(wanted.nvram, files.nvram),
      // The log is watched from before the first word, and read by root alone until then.
      writeFile(files.console, "", { mode: 0o600, flag: "a" }),
    ]);
    const theirs = [files.directory, files.overlay, ...[...wanted.disks.keys()].map((name) => files.disk(name))];
    if (wanted.nvram !== undefined) theirs.push(files.nvram);
    await giveTo(owner, theirs);
  } catch (error) {
    throw notMade(error, title);
  }
}

/** Files that QEMU is to write belong to whom it runs as: libvirt is told to leave them alone. */
export async function giveTo(owner: QemuUser | undefined, paths: readonly string[]): Promise<void> {
  if (owner === undefined) return;
  await Promise.all(paths.map((path) => chown(path, owner.uid, owner.gid)));
}

/** An overlay over an image; the image's format is stated, so that QEMU never guesses it. */
async function makeOverlay(path: string, base: string): Promise<void> {
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path]);
}

/** An empty disk. */
export async function makeDisk(path: string, bytes: number): Promise<void> {
  await run("qemu-img", ["create", "-q", "-f", "qcow2", path, String(bytes)]);
}

/** A NoCloud volume; the guest's cloud-init finds it by its label. */
async function makeSeed(files: MachineFiles, seed: Readonly<Record<string, string>>): Promise<void> {
  const source = join(files.directory, "seed");
  await mkdir(source, { recursive: true, mode: 0o700 });
  try {
    await Promise.all(Object.entries(seed).map(([name, text]) => writeFile(join(source, name), text, { mode: 0o600 })));
    const words = ["-as", "mkisofs", "-quiet", "-volid", "cidata", "-joliet", "-rational-rock", "-output", files.seed];
    await run("xorriso", [...words, source]);
    await chmod(files.seed, 0o444);
  } finally {
    await rm(source, { recursive: true, force: true });
  }
}

/** The kernel reads archives one after the other when each begins at a multiple of 512 bytes. */
async function joinInitrd(initrd: string, cpio: Uint8Array, target: string): Promise<void> {
  // A former one may be there, which nobody but root could write to.
  await rm(target, { force: true });
  await copyFile(initrd, target, constants.COPYFILE_FICLONE);
  await chmod(target, 0o600);
  const { size } = await stat(target);
  await appendFile(target, Buffer.concat([Buffer.alloc((512 - (size % 512)) % 512), cpio]));
  await chmod(target, 0o444);
}

/** Of a tool that was run: what it said last; of a system call: which file. */
function notMade(error: unknown, node: string): ProvisionError {
  const { code, path, stderr } = error as { code?: unknown; path?: string; stderr?: string };
  const said = stderr?.trim().split("\n").at(-1) || messageOf(error);
  const tool = code === "ENOENT" && /^spawn /.test(messageOf(error)) ? path : undefined;
  const full = code === "ENOSPC" || /No space left on device/.test(said);
  return new ProvisionError({
    code: tool !== undefined ? "tool-missing" : full ? "no-space" : "file-not-made",
    phase: "create",
    node,
    seen: tool === undefined ? said : `${tool} is not installed`,
    hint: tool === undefined ? (full ? "free space below the state directory" : undefined) : "run `assay setup`",
    cause: error,
  });
}
