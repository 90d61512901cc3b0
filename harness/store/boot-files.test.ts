// What a tree says of its own boot, as text; and which kernel is the newest.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findKernel, fstabFor, grubMenu, newestVersion, writeBootFiles } from "./boot-files.ts";

const uuid = "10809cd3-062d-8e62-9db8-5189a319a81d";
const kernel = { version: "6.1.0-56", image: "/boot/vmlinuz-6.1.0-56", initrd: "/boot/initrd.img-6.1.0-56" };
let tree: string;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "assay-boot-files-"));
  mkdirSync(join(tree, "boot"));
  mkdirSync(join(tree, "etc"));
});
afterEach(() => rmSync(tree, { recursive: true }));

test("the root line of fstab is replaced, and nothing else; it is added where there is none", () => {
  const before = "# mine\nLABEL=root / ext3 defaults 0 1\ntmpfs /tmp tmpfs size=1g 0 0\n# / is above\n";
  expect(fstabFor(before, uuid)).toBe(
    `# mine\nUUID=${uuid} / ext4 errors=remount-ro 0 1\ntmpfs /tmp tmpfs size=1g 0 0\n# / is above\n`,
  );
  expect(fstabFor("", uuid)).toBe(`UUID=${uuid} / ext4 errors=remount-ro 0 1\n`);
  expect(fstabFor("tmpfs /tmp tmpfs 0 0 0", uuid)).toBe(
    `tmpfs /tmp tmpfs 0 0 0\nUUID=${uuid} / ext4 errors=remount-ro 0 1\n`,
  );
});

test("the menu boots the kernel by UUID, on both consoles, with the recipe's arguments as words", () => {
  const menu = grubMenu(kernel, uuid, ["quiet", "msg=it's; so"]);
  expect(menu).toContain(
    `linux /boot/vmlinuz-6.1.0-56 root=UUID=${uuid} ro quiet 'msg=it'\\''s; so' console=tty0 console=ttyS0,115200\n`,
  );
  expect(menu).toContain("initrd /boot/initrd.img-6.1.0-56\n");
  expect(menu).toContain(`--set=root ${uuid}\n`);
});

test("numbers in a kernel's version are compared as numbers", () => {
  expect(newestVersion(["6.1.0-9-amd64", "6.1.0-32-amd64", "5.10.0-40-amd64"])).toBe("6.1.0-32-amd64");
  expect(newestVersion([])).toBeUndefined();
});

test("a tree without a kernel, or with one that has no initrd, is refused with what to install", async () => {
  await expect(findKernel(tree, "one")).rejects.toMatchObject({ code: "no-kernel" });
  for (const name of ["vmlinuz-6.1.0-9", "initrd.img-6.1.0-9", "vmlinuz-6.1.0-10"])
    writeFileSync(join(tree, "boot", name), "");
  await expect(findKernel(tree, "one")).rejects.toMatchObject({
    code: "no-initrd",
    seen: expect.stringContaining("initrd.img-6.1.0-10"),
  });
  writeFileSync(join(tree, "boot/initrd.img-6.1.0-10"), "");
  expect(await findKernel(tree, "one")).toEqual({
    version: "6.1.0-10",
    image: "/boot/vmlinuz-6.1.0-10",
    initrd: "/boot/initrd.img-6.1.0-10",
  });
});

test("links of the tree lead into the tree; a disk without a loader gets no menu", async () => {
  symlinkSync("/etc/real", join(tree, "etc/fstab"));
  const wanted = { kernel, rootUuid: uuid, kernelArguments: [], loader: false };
  await writeBootFiles(tree, wanted);
  expect(readFileSync(join(tree, "etc/real"), "utf8")).toContain(uuid);
  expect(() => readFileSync(join(tree, "boot/grub/grub.cfg"))).toThrow("ENOENT");
  await writeBootFiles(tree, { ...wanted, loader: true });
  expect(readFileSync(join(tree, "boot/grub/grub.cfg"), "utf8")).toBe(grubMenu(kernel, uuid, []));
});
