// Disks for real: built from the project's own machine, looked into by debugfs, booted by raw QEMU. Every image is the test's own
// and goes with it; the machine is shared, and made by whoever comes first.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { readConfig } from "../config.ts";
import type { BuiltDisk, BuiltImage } from "../model/image.ts";
import { copy, fromRecipe, type Recipe, recipe, run } from "../model/recipe.ts";
import { cpio } from "../transports/cpio.ts";
import { type Digest, hashFile, hexOf } from "./canonical.ts";
import { layoutOf } from "./disk-layout.ts";
import { Store } from "./store.ts";
import { verifyDisk } from "./verify-disk.ts";

const command = promisify(execFile);
const minutes = 60_000;
const said: string[] = [];

let directory: string;
let context: string;
let store: Store;
let built: BuiltImage;
let disk: BuiltDisk;
let raw: string;
let odd: Recipe;

const named = (name: string) => `assay-disk-${name}-${process.pid}`;
const shell = (text: string) => run(["sh", "-euc", text]);
const onMachine = (name: string, steps: Recipe["steps"]) =>
  recipe(named(name), { version: "1", from: fromRecipe(machine), steps, disk: {}, context });

/** A store of the test's own that has the project's bases, and the project's machine, at no cost. */
function storeOn(place: string, base: BuiltImage): Store {
  const config = readConfig();
  const hex = hexOf(base.recipeDigest as Digest);
  for (const room of ["images", "disks"]) mkdirSync(join(place, room), { recursive: true });
  for (const shared of ["bases", "locks"]) symlinkSync(join(config.store, shared), join(place, shared));
  symlinkSync(join(config.store, "images", hex), join(place, "images", hex));
  symlinkSync(join(base.disk?.path ?? "", ".."), join(place, "disks", hex));
  return new Store({ directory: place });
}

beforeAll(async () => {
  const config = readConfig();
  mkdirSync(config.state, { recursive: true });
  const shared = new Store({ directory: config.store, disks: config.disks });
  const { image } = await shared.build(machine);
  directory = mkdtempSync(join(config.state, "disk-test-"));
  context = mkdtempSync(join(directory, "context-"));
  store = storeOn(join(directory, "store"), image);
  writeFileSync(join(context, "hello"), "hello\n");
  odd = onMachine("odd", [
    copy("hello", "/srv/owned", { owner: { uid: 70_000, gid: 80_000 }, mode: 0o4750 }),
    shell(`cp /bin/true /srv/capable; setcap cap_net_bind_service=ep /srv/capable
      ln -s /etc/hosts /srv/link; ln /srv/owned /srv/same; mknod /srv/null c 1 3; mkfifo /srv/pipe
      ssh-keygen -A; mkdir -p /run/left /root/.ssh; echo id > /var/lib/dbus/machine-id; echo seed > /var/lib/systemd/random-seed
      echo ls > /root/.bash_history; mkdir -p /home/one/.cache; echo ls > /home/one/.python_history; echo kept > /home/one/.vault_pass
      mkdir -m 1777 /srv/sticky; head -c 1000000 /dev/zero > /srv/empty; printf x >> /srv/empty
      name=$(printf %0200d 0); : > /srv/$name; setfattr -n user.note -v kept /srv/sticky 2>/dev/null || python3 -c '
import os; os.setxattr("/srv/sticky", "user.note", b"kept")'`),
  ]);
  built = (await store.build(odd, { say: (line) => said.push(line) })).image;
  disk = built.disk ?? expect.fail("no disk");
  raw = join(directory, "disk.raw");
  await command("qemu-img", ["convert", "-O", "raw", disk.path, raw]);
}, 10 * minutes);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const rootOf = () => `${raw}?offset=${layoutOf(disk.virtualSize, built.recipeDigest as Digest).root.start}`;
const debugfs = async (request: string) => (await command("debugfs", ["-R", request, rootOf()])).stdout;

test("owners, modes, links, devices, capabilities and attributes are those of the tree", async () => {
  const facts = async (path: string) => {
    const text = await debugfs(`stat ${path}`);
    const [, type, mode] = /Type: (.*?) +Mode: +(\d+)/.exec(text) ?? [];
    const [, uid, gid] = /User: +(\d+) +Group: +(\d+)/.exec(text) ?? [];
    const [, links] = /Links: (\d+)/.exec(text) ?? [];
    return `${type} ${mode} ${uid}:${gid} ${links}`;
  };
  expect(await facts("/")).toMatch(/^directory 0755 0:0/);
  expect(await facts("/srv/owned")).toBe("regular 04750 70000:80000 2");
  expect(await facts("/srv/same")).toBe(await facts("/srv/owned"));
  expect(await facts("/srv/sticky")).toBe("directory 01777 0:0 2");
  expect(await facts("/srv/null")).toMatch(/^character special 0644 0:0/);
  expect(await facts("/srv/pipe")).toMatch(/^FIFO 0644 0:0/);
  expect(await debugfs("stat /srv/link")).toContain('Fast link dest: "/etc/hosts"');
  expect(await facts(`/srv/${"0".repeat(200)}`)).toBe("regular 0644 0:0 1");
  expect(await debugfs("ea_get /srv/capable security.capability")).toContain("security.capability");
  expect(await debugfs("ea_get /srv/sticky user.note")).toContain("kept");
  expect(await facts("/usr/bin/sudo")).toBe("regular 04755 0:0 1");
});

test("the file system is sound, has the declared UUID, and what fstab says of it", async () => {
  const { stdout } = await command("e2fsck", ["-f", "-n", rootOf()]);
  expect(stdout).toContain("Pass 5");
  expect((await command("dumpe2fs", ["-h", rootOf()])).stdout).toContain(disk.rootUuid);
  expect(await debugfs("cat /etc/fstab")).toContain(`UUID=${disk.rootUuid} / ext4 `);
  expect(disk.kernelArguments).toEqual([`root=UUID=${disk.rootUuid}`, "ro"]);
});

test("no time in it tells when it was built", async () => {
  const epoch = Number(/"epochSeconds": (\d+)/.exec(readFileSync(join(built.tree, "../entry.json"), "utf8"))?.[1]);
  for (const path of ["/", "/srv/owned", "/srv/link", "/etc/fstab", "/usr/bin/env", "/lost+found"]) {
    const times = [...(await debugfs(`stat ${path}`)).matchAll(/^ *([acm]|cr)time: 0x([0-9a-f]+):/gm)];
    expect(times.length, path).toBe(4);
    for (const [, which, hex = ""] of times)
      expect(Number.parseInt(hex, 16), `${path} ${which}`).toBeLessThanOrEqual(epoch);
  }
});

test("partition tables are sound, and hold what boots it by either firmware", async () => {
  const { stdout } = await command("sfdisk", ["--json", raw]);
  const { partitiontable } = JSON.parse(stdout) as {
    partitiontable: { label: string; partitions: { node: string; start: number; type: string }[] };
  };
  expect(partitiontable.label).toBe("gpt");
  expect(partitiontable.partitions.map(({ node }) => Number(/\d+$/.exec(node)?.[0])).sort((a, b) => a - b)).toEqual([
    1, 14, 15,
  ]);
  expect((await command("sfdisk", ["--verify", raw])).stdout).toContain("No errors detected");
});

test("what every machine must have of its own is not in the image", () => {
  const has = (path: string) => existsSync(join(built.tree, path));
  const keys = readdirSync(join(built.tree, "etc/ssh")).filter((name) => name.startsWith("ssh_host"));
  expect(keys).toEqual([]);
  expect(readFileSync(join(built.tree, "etc/machine-id"), "utf8")).toBe("");
  const gone = [
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "root/.bash_history",
    "home/one/.cache",
    "home/one/.python_history",
    "root/.ssh",
    "etc/hostname",
  ];
  expect(gone.filter(has)).toEqual([]);
  // What a step put there is the recipe's business, and for specs to find.
  expect(has("home/one/.vault_pass")).toBe(true);
  for (const empty of ["run", "tmp", "var/tmp", "var/lib/apt/lists", "var/cache/apt"])
    expect(readdirSync(join(built.tree, empty)), empty).toEqual([]);
});

test("QEMU's user reads the files and cannot change them; the store stays closed", async () => {
  const real = mkdtempSync(join(readConfig().state, "disk-test-"));
  try {
    chmodSync(real, 0o711);
    cpSync(join(disk.path, ".."), join(real, "disk"), { recursive: true });
    expect(statSync(join(disk.path, "..")).mode & 0o777).toBe(0o711);
    const nobody = (script: string) =>
      command("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script], { cwd: "/" });
    for (const path of [disk.path, disk.kernel, disk.initrd, disk.carrierInitrd]) {
      expect(statSync(path ?? "").mode & 0o777).toBe(0o444);
      await nobody(`head -c 1 ${join(real, "disk", (path ?? "").split("/").at(-1) ?? "")} > /dev/null`);
    }
  } finally {
    rmSync(real, { recursive: true });
  }
  expect(statSync(join(built.tree, "..")).mode & 0o777).toBe(0o700);
});

test(
  "damaged it is made anew, the same to the last bit",
  async () => {
    const before = { ...disk };
    const initrd = await hashFile(disk.carrierInitrd ?? "");
    await verifyDisk(disk, { whole: true });
    chmodSync(disk.path, 0o644);
    truncateSync(disk.path, 4096);
    await expect(verifyDisk(disk)).rejects.toMatchObject({ code: "base-changed" });
    expect(await store.find(odd)).toBeUndefined();
    const again = await store.build(odd);
    expect(again.built).toBe(true);
    built = again.image;
    disk = again.image.disk ?? expect.fail("no disk");
    expect(disk.digest).toBe(before.digest);
    expect(await hashFile(disk.carrierInitrd ?? "")).toBe(initrd);
    expect((await store.build(odd)).built).toBe(false);
    expect(said.filter((line) => /^base|apt-get/.test(line))).toEqual([]);
  },
  2 * minutes,
);

describe("it boots", () => {
  const login = ["GNU/Linux 12", "login:"];
  test(
    "by BIOS",
    async ({ signal }) => {
      await boots(signal, [], login);
    },
    5 * minutes,
  );

  test(
    "by UEFI",
    async ({ signal }) => {
      await boots(signal, ["-bios", "/usr/share/ovmf/OVMF.fd"], login);
    },
    5 * minutes,
  );

  test(
    "by its kernel from outside",
    async ({ signal }) => {
      await boots(signal, direct(disk.kernel ?? "", disk.initrd ?? ""), ["Welcome to"]);
    },
    5 * minutes,
  );

  test(
    "as a carrier, which runs what came beside its initrd",
    async ({ signal }) => {
      const beside = join(directory, "carrier.img");
      // It sees /run, and the root file system where it will be.
      const content =
        '#!/bin/sh\n[ -e /root/etc/fstab ] && echo yes > /run/mark\necho "installed beside $(cat /run/mark)" > /dev/console\n';
      const files = cpio([{ path: "assay/install", mode: 0o755, content }]);
      const initrd = readFileSync(disk.carrierInitrd ?? "");
      const padding = Buffer.alloc((512 - (initrd.length % 512)) % 512);
      writeFileSync(beside, Buffer.concat([initrd, padding, files]));
      await boots(signal, direct(disk.kernel ?? "", beside), ["installed beside yes", "Welcome to"]);
    },
    5 * minutes,
  );

  const direct = (kernel: string, initrd: string) => [
    ...["-kernel", kernel, "-initrd", initrd],
    ...["-append", [...disk.kernelArguments, "console=ttyS0"].join(" ")],
  ];

  /** Starts a machine on an overlay and resolves when its serial port has said all of it; rejects when it never will. */
  async function boots(signal: AbortSignal, how: readonly string[], wanted: readonly string[]): Promise<void> {
    const overlay = join(mkdtempSync(join(directory, "boot-")), "overlay.qcow2");
    await command("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk.path, overlay]);
    const qemu = spawn(
      "qemu-system-x86_64",
      [
        ...[
          "-machine",
          "q35",
          "-accel",
          "tcg",
          "-m",
          "512",
          "-smp",
          "2",
          "-nodefaults",
          "-display",
          "none",
          "-no-reboot",
        ],
        ...["-serial", "stdio", "-device", "virtio-rng-pci"],
        ...["-drive", `file=${overlay},format=qcow2,if=virtio,cache=unsafe`],
        ...how,
      ],
      { stdio: ["ignore", "pipe", "inherit"], signal, killSignal: "SIGKILL" },
    );
    // Aborting is an error to Node; the test has failed by then.
    qemu.on("error", () => {});
    const gone = once(qemu, "close");
    let text = "";
    try {
      for await (const chunk of qemu.stdout) {
        text += String(chunk);
        if (wanted.every((each) => text.includes(each))) return;
        if (text.includes("login:")) break;
      }
      expect.fail(`it said: ${text.slice(-2000)}`);
    } finally {
      qemu.kill("SIGKILL");
      await gone;
    }
  }
});
