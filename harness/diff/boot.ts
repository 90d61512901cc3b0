// Decides what differs in what would be booted: kernels that are there, by their releases, and the loader's default entry. Pure.
import { configPaths, readBootConfig } from "../checks/boot-config.ts";
import type { TreeEntry } from "../model/tree.ts";
import { isRegular } from "./entries.ts";
import { bothKeys, type DiffChange, differing, kindOf } from "./image-diff.ts";

const modules = /^\/(?:usr\/)?lib\/modules\/([^/]+)\/modules\.dep$/;
const image = /^\/(?:boot|usr\/lib\/modules\/[^/]+)\/(?:vmlinuz|vmlinux|linux|Image)-?(.*)$/;
const initrd = /^\/boot\/(?:initrd\.img|initramfs|initrd)-(.+?)(?:\.img)?$/;
/** A file that is a kernel, an initrd, or lies beside them. */
export const kernelFile = /^\/boot\/(vmlinu[xz]|initrd|initramfs|System\.map|config-|linux|Image)[^/]*$/;
/** A file that a boot loader reads, or is made of. */
export const bootFile = /^\/(boot|efi)\/|^\/etc\/(default\/grub(\.d\/.*)?|grub\.d\/.*|kernel\/.*|kernel-img\.conf)$/;

/** Releases, each with what is there of it: `image`, `initrd`, `modules`. */
export function kernels(paths: ReadonlyMap<string, TreeEntry>): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const found = new Map<string, Record<string, string>>();
  for (const [path, entry] of paths) {
    if (!isRegular(entry)) continue;
    for (const [what, pattern] of [
      ["modules", modules],
      ["image", image],
      ["initrd", initrd],
    ] as const) {
      const release = pattern.exec(path)?.[1];
      if (release === undefined || release === "") continue;
      found.set(release, { ...found.get(release), [what]: path });
    }
  }
  return found;
}

export function kernelChanges(old: ReturnType<typeof kernels>, now: ReturnType<typeof kernels>): DiffChange[] {
  return bothKeys(old, now).flatMap((release): DiffChange[] => {
    const [had, has] = [old.get(release), now.get(release)];
    const details = ["image", "initrd", "modules"].flatMap((of) => differing(of, had?.[of] ?? null, has?.[of] ?? null));
    return details.length === 0
      ? []
      : [{ topic: "kernel", kind: kindOf(had, has), subject: `release ${release}`, details }];
  });
}

/** Files that the loader's configuration is read of. */
export function bootPaths(paths: ReadonlyMap<string, TreeEntry>): string[] {
  const wanted = new Set<string>([...Object.values(configPaths).flat(), "/boot/grub/grubenv", "/boot/grub2/grubenv"]);
  return [...paths]
    .filter(([path, entry]) => isRegular(entry) && (wanted.has(path) || /\/loader\/entries\/[^/]+\.conf$/.test(path)))
    .map(([path]) => path);
}

/** What the loader would boot without being asked. */
export function bootChanges(old: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): DiffChange[] {
  const facts = (texts: ReadonlyMap<string, string>) => {
    const config = readBootConfig(texts);
    if (config === undefined) return undefined;
    const { kind, path, entry } = config;
    return {
      loader: kind,
      configuration: path,
      entry: entry?.title ?? null,
      kernel: entry?.kernel ?? null,
      initrds: entry?.initrds.join(" ") ?? null,
      arguments: entry?.arguments ?? null,
    };
  };
  const [had, has] = [facts(old), facts(now)];
  const details = (["loader", "configuration", "entry", "kernel", "initrds", "arguments"] as const).flatMap((of) =>
    differing(of, had?.[of] ?? null, has?.[of] ?? null),
  );
  return details.length === 0 ? [] : [{ topic: "boot", kind: kindOf(had, has), subject: "default entry", details }];
}

/** Partitions beside the root's: loaders lie there, and nothing of them is told but that they differ. */
export function partChanges(
  old: ReadonlyMap<string, string> | undefined,
  now: ReadonlyMap<string, string> | undefined,
): DiffChange[] {
  if (old === undefined || now === undefined) return [];
  return bothKeys(old, now).flatMap((subject): DiffChange[] => {
    const [had, has] = [old.get(subject), now.get(subject)];
    const details = differing("contents", had ?? null, has ?? null);
    return details.length === 0 ? [] : [{ topic: "boot", kind: kindOf(had, has), subject, details }];
  });
}
