// Decides how boot loaders' configurations are read: which loader it is, and what its default entry would boot.
// Pure. Refuses to run a configuration: GRUB's is a script, of which only what its generator writes is understood.
import { posix } from "node:path";

export type BootLoaderKind = "grub" | "extlinux" | "systemd-boot";

export interface BootEntry {
  readonly title: string;
  /** As the configuration writes it. */
  readonly kernel: string;
  readonly initrds: readonly string[];
  readonly arguments: string;
}

export interface BootConfig {
  readonly kind: BootLoaderKind;
  /** The file that was read. */
  readonly path: string;
  /** `undefined` where the configuration has none that can be understood. */
  readonly entry: BootEntry | undefined;
}

/** A file by its path, and its text. */
export type ConfigFiles = ReadonlyMap<string, string>;

/** Where loaders look for their configuration, the likeliest first. */
export const configPaths = {
  grub: ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"],
  extlinux: [
    "/boot/extlinux/extlinux.conf",
    "/boot/extlinux.conf",
    "/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux/extlinux.conf",
  ],
  "systemd-boot": ["/boot/efi/loader/loader.conf", "/efi/loader/loader.conf", "/boot/loader/loader.conf"],
} as const;

/** The configuration that is there; of several loaders, the first in the order above. `undefined` for none. */
export function readBootConfig(files: ConfigFiles): BootConfig | undefined {
  for (const kind of Object.keys(configPaths) as BootLoaderKind[]) {
    const path = configPaths[kind].find((each) => files.has(each));
    if (path === undefined) continue;
    const text = files.get(path) ?? "";
    if (kind === "grub")
      return { kind, path, entry: readGrub(text, files.get(posix.join(posix.dirname(path), "grubenv")) ?? "") };
    return { kind, path, entry: kind === "extlinux" ? readExtlinux(text) : readLoaderEntries(text, path, files) };
  }
  return undefined;
}

/** Where a file that an entry names may lie, as the running system sees it: the likeliest first. */
export function whereIs(file: string, { kind, path }: BootConfig): readonly string[] {
  // Paths on an EFI system partition start at its root, which is mounted two directories above the configuration.
  if (kind === "systemd-boot") return [posix.join(posix.dirname(path), "..", file)];
  const name = file.replace(/^\(\$?[\w,]+\)/, "");
  if (!name.startsWith("/")) return [posix.join(posix.dirname(path), name)];
  return [name, posix.join("/boot", name)];
}

/** The kernel's release, by the name of its file. @example releaseOf("/boot/vmlinuz-6.1.0-56-cloud-amd64") // "6.1.0-56-cloud-amd64" */
export function releaseOf(path: string): string | undefined {
  return /(?:vmlinuz|vmlinux|linux|initrd\.img|initramfs|initrd)-(\d[\w.+~-]*?)(?:\.img)?$/.exec(path)?.[1];
}

/** Keywords in whichever case, one a line; `label` begins an entry. */
function readExtlinux(text: string): BootEntry | undefined {
  let wanted: string | undefined;
  const entries: { label: string; held: Record<string, string> }[] = [];
  for (const line of text.split("\n")) {
    const [, word = "", rest = ""] = /^\s*([A-Za-z]+)\s+(.*?)\s*$/.exec(line) ?? [];
    const key = word.toLowerCase();
    if (key === "default") wanted = rest;
    else if (key === "label") entries.push({ label: rest, held: {} });
    else if (key !== "") (entries.at(-1)?.held ?? {})[key] = rest;
  }
  const entry = entries.find(({ label }) => label === wanted) ?? (wanted === undefined ? entries[0] : undefined);
  const kernel = entry?.held["linux"] ?? entry?.held["kernel"];
  if (entry === undefined || kernel === undefined) return undefined;
  const append = entry.held["append"] ?? "";
  const initrds = entry.held["initrd"] ?? /(?:^| )initrd=(\S+)/.exec(append)?.[1] ?? "";
  return { title: entry.label, kernel, initrds: initrds.split(/[,\s]+/).filter(Boolean), arguments: append };
}

interface GrubItem {
  readonly title: string;
  readonly id: string | undefined;
  readonly lines: string[];
  /** `undefined` for an entry; a submenu has items. */
  readonly items: GrubItem[] | undefined;
}

function readGrub(text: string, environment: string): BootEntry | undefined {
  const defaults = [...text.matchAll(/^\s*set default="?([^"\n]*?)"?\s*$/gm)].map((match) => match[1] ?? "");
  const said = defaults.findLast((each) => !each.includes("next_entry")) ?? "0";
  const wanted = said.includes("saved_entry") ? (/^saved_entry=(.+)$/m.exec(environment)?.[1] ?? "0") : said;
  let items = readGrubMenu(text);
  let item: GrubItem | undefined;
  // `1>2`, or ids in the same way, lead through submenus.
  for (const step of wanted.split(">")) {
    item = /^\d+$/.test(step) ? items[Number(step)] : items.find(({ title, id }) => title === step || id === step);
    items = item?.items ?? [];
  }
  const [, kernel, words = ""] = /^\s*linux(?:efi|16)?\s+(\S+)\s*(.*?)\s*$/m.exec(item?.lines.join("\n") ?? "") ?? [];
  if (item === undefined || kernel === undefined) return undefined;
  const initrd = /^\s*initrd(?:efi|16)?\s+(.+?)\s*$/m.exec(item.lines.join("\n"))?.[1] ?? "";
  return { title: item.title, kernel, initrds: initrd.split(/\s+/).filter(Boolean), arguments: words };
}

/** `menuentry 'title' … $menuentry_id_option 'id' {` up to the line with its brace. */
function readGrubMenu(text: string): GrubItem[] {
  const top: GrubItem[] = [];
  const open: (GrubItem | undefined)[] = [];
  for (const line of text.split("\n")) {
    const [, word, title = ""] = /^\s*(menuentry|submenu)\s+["']([^"']*)["'].*\{\s*$/.exec(line) ?? [];
    if (word !== undefined) {
      const id = /(?:\$menuentry_id_option|--id)\s+["']?([^"'\s]+)["']?/.exec(line)?.[1];
      const item: GrubItem = { title, id, lines: [], items: word === "submenu" ? [] : undefined };
      (open.findLast((each) => each !== undefined)?.items ?? top).push(item);
      open.push(item);
    } else if (/\{\s*$/.test(line)) open.push(undefined);
    else if (/^\s*\}\s*$/.test(line)) open.pop();
    else open.findLast((each) => each !== undefined)?.lines.push(line);
  }
  return top;
}

/** Type 1 entries of the Boot Loader Specification; `default` is a pattern for their names, else the newest is taken. */
function readLoaderEntries(text: string, path: string, files: ConfigFiles): BootEntry | undefined {
  const directory = posix.join(posix.dirname(path), "entries/");
  const names = [...files.keys()].filter((file) => file.startsWith(directory) && file.endsWith(".conf"));
  const pattern = /^default\s+(\S+)/m.exec(text)?.[1];
  const sorted = names.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  const matches = (file: string) =>
    pattern !== undefined &&
    posix.matchesGlob(
      posix.basename(file),
      pattern.endsWith(".conf") || pattern.endsWith("*") ? pattern : `${pattern}.conf`,
    );
  const chosen = sorted.find(matches) ?? sorted[0];
  const entry = chosen === undefined ? "" : (files.get(chosen) ?? "");
  const all = (key: string) =>
    [...entry.matchAll(new RegExp(`^${key}\\s+(.+?)\\s*$`, "gm"))].map((match) => match[1] ?? "");
  const [kernel] = all("linux");
  if (chosen === undefined || kernel === undefined) return undefined;
  return {
    title: all("title")[0] ?? posix.basename(chosen, ".conf"),
    kernel,
    initrds: all("initrd"),
    arguments: all("options").join(" "),
  };
}
