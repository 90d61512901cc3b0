// Decides what a machine's tree says of its own boot: which kernel, fstab, the loader's menu. Written by the store because all
// three name the root file system by a UUID that follows from the recipe.
import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import { inTree } from "./tree-path.ts";

/** Where the kernel's console goes: the screen, and the serial port, which is the one that systemd asks for a login on. */
const consoles = ["console=tty0", "console=ttyS0,115200"];

export interface Kernel {
  /** `6.1.0-32-cloud-amd64` */
  readonly version: string;
  /** In the image: `/boot/vmlinuz-…` */
  readonly image: string;
  readonly initrd: string;
}

/** The newest kernel of a tree that has an initrd. A `ProvisionError` (`no-kernel`, `no-initrd`) says what to install. */
export async function findKernel(tree: string, recipe: string): Promise<Kernel> {
  const boot = await inTree(tree, "/boot");
  const names = (() => {
    try {
      return readdirSync(boot);
    } catch {
      return [];
    }
  })();
  const version = newestVersion(
    names.flatMap((name) => (name.startsWith("vmlinuz-") ? [name.slice("vmlinuz-".length)] : [])),
  );
  const refused = (code: string, seen: string, hint: string) =>
    new ProvisionError({ code, phase: "build", node: recipe, seen, hint });
  if (version === undefined)
    throw refused("no-kernel", "the tree has no /boot/vmlinuz-*", "install linux-image-cloud-amd64 in a step");
  if (!names.includes(`initrd.img-${version}`))
    throw refused(
      "no-initrd",
      `the tree has no /boot/initrd.img-${version} beside its kernel`,
      "install initramfs-tools before the kernel",
    );
  return { version, image: `/boot/vmlinuz-${version}`, initrd: `/boot/initrd.img-${version}` };
}

/** The newest of kernel versions, numbers compared as numbers. @example newestVersion(["6.1.0-9-amd64", "6.1.0-32-amd64"]) */
export function newestVersion(versions: readonly string[]): string | undefined {
  return versions.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}

/** What the kernel is told, from outside or by the loader. */
export function kernelArguments(rootUuid: string, own: readonly string[]): string[] {
  return [`root=UUID=${rootUuid}`, "ro", ...own];
}

/** fstab with its line for `/` naming the root file system by UUID; other lines stay. Pure. */
export function fstabFor(text: string, rootUuid: string): string {
  const line = `UUID=${rootUuid} / ext4 errors=remount-ro 0 1`;
  const lines = text.split("\n").filter((each) => each !== "");
  const at = lines.findIndex((each) => !each.startsWith("#") && each.trim().split(/\s+/)[1] === "/");
  const all = at === -1 ? [...lines, line] : lines.with(at, line);
  return `${all.join("\n")}\n`;
}

/** GRUB's menu: one entry, booted at once, on screen and serial port. Pure. */
export function grubMenu(kernel: Kernel, rootUuid: string, own: readonly string[]): string {
  const words = [...kernelArguments(rootUuid, own), ...consoles];
  return `# Written when the image was built. There is one kernel, and it is booted at once.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
set default=0

menuentry "Linux ${kernel.version}" --id ${kernel.version} {
	search --no-floppy --fs-uuid --set=root ${rootUuid}
	linux ${kernel.image} ${words.map(grubWord).join(" ")}
	initrd ${kernel.initrd}
}
`;
}

/** One word for GRUB's shell, which knows single quotes as other shells do. */
function grubWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Writes fstab, and with a loader its menu, into the tree. */
export async function writeBootFiles(
  tree: string,
  options: {
    readonly kernel: Kernel;
    readonly rootUuid: string;
    readonly kernelArguments: readonly string[];
    readonly loader: boolean;
  },
): Promise<void> {
  const { kernel, rootUuid } = options;
  const fstab = await inTree(tree, "/etc/fstab");
  const known = await readFile(fstab, "utf8").catch(() => "");
  await writeFile(fstab, fstabFor(known, rootUuid), { mode: 0o644 });
  if (!options.loader) return;
  const menu = await inTree(tree, "/boot/grub/grub.cfg");
  await mkdir(dirname(menu), { recursive: true, mode: 0o755 });
  await writeFile(menu, grubMenu(kernel, rootUuid, options.kernelArguments), { mode: 0o644 });
}
