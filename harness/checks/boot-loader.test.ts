// Decides how boot loaders' configurations are read, and every sentence about them.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { readBootConfig, releaseOf, whereIs } from "./boot-config.ts";
import { type BootFiles, bootFacts, bootLoader, judgeRelease } from "./boot-loader.ts";
import { probeContract } from "./contract.ts";
import type { FileStat } from "./file-stat.ts";
import { framed } from "./frames.ts";

const release = "6.1.0-56-cloud-amd64";
const root = "root=UUID=11111111-2222-3333-4444-555555555555 ro console=ttyS0 quiet";
const extlinuxPath = "/boot/extlinux/extlinux.conf";
const extlinux = `DEFAULT linux
TIMEOUT 1
PROMPT 0
LABEL rescue
  LINUX /boot/vmlinuz-5.10.0
LABEL linux
  MENU LABEL Debian
  LINUX /boot/vmlinuz-${release}
  INITRD /boot/initrd.img-${release}
  APPEND ${root}
`;
const config = (path: string, text: string, more: readonly [string, string][] = []) =>
  readBootConfig(new Map([[path, text], ...more]));
const entry = {
  title: "linux",
  kernel: `/boot/vmlinuz-${release}`,
  initrds: [`/boot/initrd.img-${release}`],
  arguments: root,
};

describe("extlinux", () => {
  test("the default entry, by its label", () => {
    expect(config(extlinuxPath, extlinux)).toEqual({ kind: "extlinux", path: extlinuxPath, entry });
  });

  test("without a default the first; an initrd among the arguments; lower case; the older word", () => {
    const text = "label a\n  kernel ../vmlinuz\n  append initrd=/initrd.img root=/dev/vda1\nlabel b\n linux /b\n";
    expect(config("/boot/syslinux/syslinux.cfg", text)?.entry).toEqual({
      title: "a",
      kernel: "../vmlinuz",
      initrds: ["/initrd.img"],
      arguments: "initrd=/initrd.img root=/dev/vda1",
    });
  });

  test("a default that is no entry is not understood", () => {
    expect(config(extlinuxPath, extlinux.replace("DEFAULT linux", "DEFAULT menu.c32"))).toMatchObject({
      entry: undefined,
    });
    expect(config(extlinuxPath, "nonsense")).toMatchObject({ kind: "extlinux", entry: undefined });
  });
});

describe("GRUB", () => {
  const path = "/boot/grub/grub.cfg";
  const uuid = "11111111-2222-3333-4444-555555555555";
  const id = `gnulinux-${release}-recovery-${uuid}`;
  const lines = (words: string) => `	insmod ext2
	search --no-floppy --fs-uuid --set=root ${uuid}
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	echo	'Loading Linux ${release} ...'
	linux	/boot/vmlinuz-${release} root=UUID=${uuid} ro ${words} 
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-${release}
`;
  /** What grub-mkconfig of Debian 12 wrote, shortened. */
  const grub = `if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
else
   set default="0"
fi
function savedefault {
  if [ -z "\${boot_once}" ]; then
    saved_entry="\${chosen}"
  fi
}
menuentry 'GNU/Linux' --class gnu-linux --class os $menuentry_id_option 'gnulinux-simple-${uuid}' {
${lines("quiet")}}
submenu 'Advanced options for GNU/Linux' $menuentry_id_option 'gnulinux-advanced-${uuid}' {
	menuentry 'GNU/Linux, with Linux ${release}' --class os $menuentry_id_option 'gnulinux-${release}-advanced-${uuid}' {
${lines("")}	}
	menuentry 'GNU/Linux, with Linux ${release} (recovery mode)' --class os $menuentry_id_option '${id}' {
${lines("single")}	}
}
if [ -f  \${config_directory}/custom.cfg ]; then
  source \${config_directory}/custom.cfg
fi
`;
  const usual = {
    title: "GNU/Linux",
    kernel: `/boot/vmlinuz-${release}`,
    initrds: [`/boot/initrd.img-${release}`],
    arguments: `root=UUID=${uuid} ro quiet`,
  };

  test("the first entry", () => {
    expect(config(path, grub)).toEqual({ kind: "grub", path, entry: usual });
  });

  test.each([["1>1"], [`gnulinux-advanced-${uuid}>${id}`], [`Advanced options for GNU/Linux>1`]])(
    "an entry of a submenu: %s",
    (wanted) => {
      const entry = config(path, grub.replace('default="0"', `default="${wanted}"`))?.entry;
      expect(entry).toMatchObject({
        title: expect.stringContaining("recovery"),
        arguments: `root=UUID=${uuid} ro single`,
      });
    },
  );

  test("the entry that was saved, else the first", () => {
    const saving = grub.replace('default="0"', `default="\${saved_entry}"`);
    const environment = (text: string): [string, string][] => [["/boot/grub/grubenv", text]];
    expect(config(path, saving)?.entry).toEqual(usual);
    expect(config(path, saving, environment("# GRUB Environment Block\nsaved_entry=1>0\n####"))?.entry?.title).toMatch(
      /with Linux/,
    );
  });

  test("an entry that is not there is not understood", () => {
    expect(config(path, grub.replace('default="0"', 'default="7"'))).toMatchObject({ kind: "grub", entry: undefined });
    expect(config(path, "")).toMatchObject({ kind: "grub", entry: undefined });
  });
});

describe("systemd-boot", () => {
  const loader = "/boot/efi/loader/loader.conf";
  const file = (name: string, version: string): [string, string] => [
    `/boot/efi/loader/entries/${name}.conf`,
    `title Debian\nversion ${version}\noptions root=/dev/vda2 ro\noptions quiet\nlinux /abc/${version}/linux\ninitrd /abc/${version}/initrd.img-${version}\n`,
  ];
  const entries = [file("abc-6.1.0-9-amd64", "6.1.0-9-amd64"), file("abc-6.1.0-56-amd64", "6.1.0-56-amd64")];

  test("the newest entry, or the one that is named", () => {
    expect(config(loader, "timeout 3\n", entries)?.entry).toEqual({
      title: "Debian",
      kernel: "/abc/6.1.0-56-amd64/linux",
      initrds: ["/abc/6.1.0-56-amd64/initrd.img-6.1.0-56-amd64"],
      arguments: "root=/dev/vda2 ro quiet",
    });
    for (const name of ["abc-6.1.0-9-*", "abc-6.1.0-9-amd64", "abc-6.1.0-9-amd64.conf"])
      expect(config(loader, `default ${name}\n`, entries)?.entry?.kernel).toBe("/abc/6.1.0-9-amd64/linux");
    expect(config(loader, "")?.entry).toBeUndefined();
  });

  test("its paths start at the EFI system partition", () => {
    expect(whereIs("/abc/linux", { kind: "systemd-boot", path: loader, entry: undefined })).toEqual([
      "/boot/efi/abc/linux",
    ]);
  });
});

test("no known configuration is none", () => {
  expect(readBootConfig(new Map([["/etc/lilo.conf", ""]]))).toBeUndefined();
});

test.each([
  [`/boot/vmlinuz-${release}`, release],
  [`/boot/initrd.img-${release}`, release],
  ["/boot/initramfs-6.6.8-1.fc39.x86_64.img", "6.6.8-1.fc39.x86_64"],
  ["/vmlinuz", undefined],
])("%s is of %s", (path, expected) => {
  expect(releaseOf(path)).toBe(expected);
});

test("a file is looked for where the loader's root may be mounted", () => {
  const at = (path: string) => ({ kind: "extlinux" as const, path, entry: undefined });
  expect(whereIs("/vmlinuz", at(extlinuxPath))).toEqual(["/vmlinuz", "/boot/vmlinuz"]);
  expect(whereIs("../vmlinuz", at(extlinuxPath))).toEqual(["/boot/vmlinuz"]);
  expect(whereIs("($root)/boot/vmlinuz", { kind: "grub", path: "/boot/grub/grub.cfg", entry: undefined })[0]).toBe(
    "/boot/vmlinuz",
  );
});

describe("the probe's answer is read", () => {
  const parse = (frames: Parameters<typeof framed>[0], stderr = "") =>
    bootFacts.parse({ stdout: framed(frames), stderr, status: 0 }, ["boot"])[0];
  const first = ["assay looked", "canary"] as const;
  const last = ["", "end"] as const;

  test("configuration and installed kernels", () => {
    const frames = [
      first,
      [extlinux, `0 ${extlinuxPath}`],
      ["", `modules /lib/modules/${release}/modules.dep`],
      last,
    ] as const;
    expect(parse(frames)).toEqual({ config: { kind: "extlinux", path: extlinuxPath, entry }, releases: [release] });
    expect(parse([first, last])).toEqual({ config: undefined, releases: [] });
  });

  test.each([
    ["a cat that is silent", [["", "canary"], last], ""],
    ["no end", [first], ""],
    ["no permission", [first, ["", "1 /boot/grub/grub.cfg"], last], "cat: /boot/grub/grub.cfg: Permission denied\n"],
    [
      "a file that cannot be read",
      [first, ["", "1 /boot/grub/grub.cfg"], last],
      "cat: /boot/grub/grub.cfg: Input/output error\n",
    ],
  ] as const)("%s is no answer", (_, frames, stderr) => {
    expect(() => parse(frames, stderr)).toThrow(ObservationError);
  });
});

test("a directory that may not be looked into is not one without a boot loader", async () => {
  const place = mkdtempSync(join(tmpdir(), "assay-boot-"));
  const asker = hostNode();
  chmodSync(place, 0o755);
  mkdirSync(join(place, "boot/grub2"), { recursive: true });
  const probe = { ...bootFacts, script: () => bootFacts.script([]).replaceAll("/boot/", `${place}/boot/`) };
  const ask = () => asker.as("65534:65534").observe(probe, "boot");
  expect(await ask()).toMatchObject({ config: undefined });
  chmodSync(join(place, "boot/grub2"), 0o700);
  await expect(ask()).rejects.toMatchObject({ code: "probe-denied", seen: expect.stringContaining("grub2") });
  await asker.close();
  rmSync(place, { recursive: true });
});

probeContract(hostNode, { probe: bootFacts, subject: "boot", tools: ["cat"] });

const stat = (size: number): FileStat => ({
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  user: "root",
  group: "root",
  size,
  target: undefined,
});
const files = (kernel = release, initrd = release, size = 1): BootFiles => ({
  config: { kind: "extlinux", path: extlinuxPath, entry },
  releases: [release],
  found: [
    { named: entry.kernel, path: `/boot/vmlinuz-${kernel}`, stat: stat(1) },
    { named: "/boot/initrd", path: `/boot/initrd.img-${initrd}`, stat: stat(size) },
  ],
});
const unreadableEntry: BootFiles = { ...files(), config: { kind: "grub", path: "/g", entry: undefined }, found: [] };
const none: BootFiles = { ...files(), config: undefined, found: [] };

test("which loader, which arguments", () => {
  expect(bootLoader().is("extlinux").judge(files())).toMatchObject({
    met: true,
    seen: expect.stringContaining("boots /boot/vmlinuz-"),
  });
  expect(bootLoader().is("grub").judge(files())).toMatchObject({ met: false });
  expect(bootLoader().is("none").judge(none)).toMatchObject({ met: true, seen: "none that is known" });
  expect(bootLoader().is("none").judge(files())).toMatchObject({ met: false });
  expect(bootLoader().hasArgument("quiet").judge(files())).toMatchObject({ met: true, seen: root });
  expect(
    bootLoader()
      .hasArgument(/^root=UUID/)
      .judge(files()),
  ).toMatchObject({ met: true });
  expect(bootLoader().hasArgument("selinux=1").judge(files())).toMatchObject({ met: false });
  expect(bootLoader().hasArgument("quiet").judge(none)).toMatchObject({ met: false });
});

test("the files of the default entry", () => {
  const check = bootLoader().hasFilesOfDefaultEntry();
  expect(check.judge(files())).toMatchObject({ met: true });
  expect(check.judge(files(release, release, 0))).toMatchObject({ met: false, seen: "/boot/initrd is empty" });
  const gone = { ...files(), found: [{ named: "/boot/vmlinuz", path: undefined, stat: undefined }] };
  expect(check.judge(gone)).toMatchObject({ met: false, seen: "/boot/vmlinuz is not there" });
  expect(check.judge(none)).toMatchObject({ met: false, seen: "none that is known" });
  expect(check.judge(unreadableEntry)).toMatchObject({ met: false, seen: expect.stringContaining("no default entry") });
});

test("the installed kernel", () => {
  expect(judgeRelease(files())).toMatchObject({ met: true, expected: `kernel and initrd of ${release}` });
  expect(judgeRelease(files("5.10.0-1-amd64", "5.10.0-1-amd64"))).toMatchObject({ met: false });
  expect(judgeRelease(files(release, "5.10.0-1-amd64"))).toMatchObject({ met: false });
  expect(judgeRelease({ ...files(), releases: [release, "6.1.0-9-cloud-amd64"] })).toMatchObject({ met: true });
  expect(judgeRelease({ ...files(), releases: [release, "6.1.0-57-cloud-amd64"] })).toMatchObject({ met: false });
  expect(judgeRelease({ ...files(), releases: [] })).toMatchObject({
    met: false,
    seen: expect.stringContaining("no modules"),
  });
  expect(judgeRelease(none)).toMatchObject({ met: false });
  expect(judgeRelease(unreadableEntry)).toMatchObject({ met: false });
});
