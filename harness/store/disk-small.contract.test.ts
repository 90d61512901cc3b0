// Disks of a root of a few megabytes with a kernel that is none: what needs no machine that boots, so that it can be tried often.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { copy, fromImage, fromRecipe, type Recipe, recipe, run } from "../model/recipe.ts";
import { smallRoot } from "./small-root.ts";
import { Store } from "./store.ts";

const named = (name: string) => `assay-small-disk-${name}-${process.pid}`;
const source = smallRoot();
const modules = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "virtio_net", "crc32c_generic", "ext4"];

let place: string;
let context: string;
let store: Store;
let bootable: Recipe;

beforeAll(() => {
  const { state } = readConfig();
  mkdirSync(state, { recursive: true });
  place = mkdtempSync(join(state, "disk-small-"));
  context = mkdtempSync(join(place, "context-"));
  store = new Store({ directory: join(place, "store"), disks: join(place, "disks") });
  write("hello", "hello\n");
  write("boot/vmlinuz-6.1.0-1", "kernel");
  write("boot/initrd.img-6.1.0-1", "initrd");
  write("modules/6.1.0-1/modules.builtin", "");
  write("modules/6.1.0-1/modules.dep", modules.map((name) => `kernel/${name}.ko:\n`).join(""));
  for (const name of modules) write(`modules/6.1.0-1/kernel/${name}.ko`, name);
  bootable = small("bootable", [copy("boot", "/boot"), copy("modules", "/lib/modules")]);
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

function write(name: string, content: string): void {
  mkdirSync(join(context, name, ".."), { recursive: true });
  writeFileSync(join(context, name), content);
}

function small(name: string, steps: Recipe["steps"], options: Partial<Parameters<typeof recipe>[1]> = {}): Recipe {
  return recipe(named(name), {
    version: "1",
    from: fromImage("small"),
    steps,
    disk: { size: "64m" },
    context,
    ...options,
  });
}
const onBootable = (name: string, steps: Recipe["steps"], options: Partial<Parameters<typeof recipe>[1]> = {}) =>
  small(name, steps, { from: fromRecipe(bootable), ...options });

test("a change of one step copies the tree, does the step, and makes the disk; it tells why", async () => {
  const one = onBootable("changed", [copy("hello", "/one")]);
  await store.build(one, { source });
  const lines: string[] = [];
  const two = onBootable("changed", [copy("hello", "/two")]);
  const { built, image } = await store.build(two, { source, say: (line) => lines.push(line) });
  expect(built).toBe(true);
  expect(lines.map((line) => line.replace(/:[^:]*$/, ""))).toEqual([
    "copy hello to /two",
    "digest of the tree",
    "disk",
  ]);
  expect(["one", "two"].map((name) => existsSync(join(image.tree, name)))).toEqual([false, true]);
  expect(await store.why(two, { source })).toContain("steps.1.target: /one → /two");
  const bigger = onBootable("changed", two.steps, { disk: { size: "128m", kernelArguments: ["quiet"] } });
  const why = (await store.why(bigger, { source })).join("\n");
  expect(why).toContain("disk.size: 67108864 → 134217728");
  expect(why).toContain('disk.kernelArguments: [] → ["quiet"]');
});

test("two builds at once make it once, and its files lie where they are looked for", async () => {
  const once = onBootable("once", [run(["sleep", "0.3"])]);
  const both = await Promise.all([store.build(once, { source }), store.build(once, { source })]);
  expect(both.map(({ built }) => built).sort()).toEqual([false, true]);
  const [{ image }] = both;
  expect(image).toEqual(both[1]?.image);
  expect(image.archive).toBeUndefined();
  expect(image.disk?.path.startsWith(join(place, "disks/"))).toBe(true);
  expect(image.imageId).toBe(image.disk?.digest);
  // Another process, which was not told where disks lie, finds them by the store.
  expect(await new Store({ directory: join(place, "store") }).find(once, { source })).toEqual(image);
  rmSync(image.disk?.kernel ?? "");
  expect(await store.find(once, { source })).toBeUndefined();
  await store.build(once, { source });
  for (const file of ["path", "carrierInitrd", "initrd"] as const) {
    truncateSync(image.disk?.[file] ?? "", 1);
    expect(await store.find(once, { source }), file).toBeUndefined();
    await store.build(once, { source });
  }
});

test("an image's disk goes with it; a disk of nobody is swept, a living one is not", async () => {
  const disks: string[] = [];
  for (const text of ["1", "2", "3"]) {
    const numbered = onBootable("numbered", [run(["sh", "-c", `echo ${text} > /number`])], { disk: { loader: false } });
    const { image } = await store.build(numbered, { source });
    disks.push(join(image.disk?.path ?? "", ".."));
    store.release();
    const then = Date.now() / 1000 - (9 - Number(text)) * 3600;
    utimesSync(join(image.tree, ".."), then, then);
  }
  const orphan = join(place, "disks", "0".repeat(64));
  mkdirSync(orphan);
  expect(await store.sweep()).toEqual(["1 disk of images that are gone"]);
  // The third build forgot the first.
  expect(disks.map((each) => existsSync(each))).toEqual([false, true, true]);
  expect(existsSync(orphan)).toBe(false);
});

describe("what cannot be is refused, and nothing is left", () => {
  const failure = async (of: Recipe) => {
    const error = await store.build(of, { source }).catch((thrown: unknown) => thrown);
    expect(readdirSync(join(place, "store/building"))).toEqual([]);
    return error;
  };
  const fill = run(["dd", "if=/dev/urandom", "of=/full", "bs=1M", "count=60"]);

  test("a disk too small for its tree, or for any", async () => {
    expect(await failure(onBootable("full", [fill]))).toMatchObject({
      code: "disk-too-small",
      seen: expect.stringContaining("does not fit into a disk of 64 MiB"),
    });
    expect(await failure(onBootable("tiny", [], { disk: { size: "63m" } }))).toMatchObject({ code: "disk-too-small" });
  });

  test("a tree without a kernel, without an initrd, without modules", async () => {
    expect(await failure(small("bare", []))).toMatchObject({ code: "no-kernel" });
    const noInitrd = onBootable("no-initrd", [run(["rm", "/boot/initrd.img-6.1.0-1"])]);
    expect(await failure(noInitrd)).toMatchObject({ code: "no-initrd" });
    write("other.dep", "kernel/ext4.ko:\n");
    const noModule = onBootable("no-module", [copy("other.dep", "/lib/modules/6.1.0-1/modules.dep")]);
    expect(await failure(noModule)).toMatchObject({
      code: "module-missing",
      seen: expect.stringContaining("virtio_pci, virtio_blk"),
    });
  });

  test("labels of a policy that the tree has not", async () => {
    expect(await failure(onBootable("unlabelled", [], { disk: { size: "64m", selinux: "default" } }))).toMatchObject({
      code: "no-policy",
      seen: expect.stringContaining("/etc/selinux/default"),
    });
  });

  test("an image for containers that starts from a disk", async () => {
    const contained = recipe(named("contained"), { version: "1", from: fromRecipe(bootable), context });
    expect(await failure(contained)).toMatchObject({
      code: "disk-as-base",
      at: expect.stringContaining("disk-small.contract"),
    });
  });
});
