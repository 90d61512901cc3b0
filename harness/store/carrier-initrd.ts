// Decides what a guest that only carries others is booted with: busybox, the modules that lead to its disk and to the harness, and
// a script of ours. Nothing is compressed: a guest without hardware virtualisation unpacks slowly.
import { chmod, copyFile, mkdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import { modulesFor } from "./kernel-modules.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";
import { inTree } from "./tree-path.ts";

/** In the order of their use. The checksum that ext4 asks the kernel for at run time is in no index. */
const wanted = [
  ...["virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "virtio_net", "crc32c_generic", "ext4"],
] as const;

/** Makes the initrd for a kernel of the tree. Rejects with `module-missing` where a kernel lacks what is needed. */
export async function makeCarrierInitrd(
  place: Workplace,
  options: { readonly version: string; readonly file: string; readonly epochSeconds: number },
): Promise<void> {
  const { version, file, epochSeconds } = options;
  const home = join(place.scratch, "carrier");
  for (const directory of ["bin", "dev", "modules", "proc", "root", "run", "sys"])
    await mkdir(join(home, directory), { recursive: true, mode: 0o755 });
  await copyFile(join(import.meta.dirname, "carrier-init.sh"), join(home, "init"));
  await chmod(join(home, "init"), 0o755);
  const busybox = findTool("busybox", place.recipe);
  if (!isStatic(await readFile(busybox))) {
    throw new ProvisionError({
      code: "tool-missing",
      phase: "build",
      node: place.recipe,
      seen: `${busybox} needs libraries, which an initrd has not`,
      hint: "install busybox-static in place of busybox",
    });
  }
  await copyFile(busybox, join(home, "bin/busybox"));
  const applets = await said(place, [busybox, "--list"]);
  for (const applet of applets) if (applet !== "busybox") await symlink("busybox", join(home, "bin", applet));
  const order = await copyModules(place, version, home);
  await writeFile(join(home, "modules/order"), order.map((name) => `${name}\n`).join(""), { mode: 0o644 });
  await utimes(join(home, "init"), epochSeconds, epochSeconds);
  const script =
    'cd "$1" && find . -exec touch --no-dereference --date "@$3" {} + && find . -print0 | LC_ALL=C sort --zero-terminated |' +
    ' cpio --quiet --null --create --format=newc --reproducible --owner=+0:+0 > "$2"';
  const status = await runTool(place, ["sh", "-c", script, "sh", home, file, String(epochSeconds)]);
  if (status !== 0) throw stepFailed(place, { code: "initrd-failed", seen: `cpio ended with status ${status}` });
}

/** Whether a 64-bit ELF program runs without a loader of libraries. Pure. */
export function isStatic(program: Buffer): boolean {
  if (program.length < 64 || program.toString("latin1", 0, 5) !== "\x7fELF\x02") return false;
  const table = Number(program.readBigUInt64LE(32));
  const [size, count] = [program.readUInt16LE(54), program.readUInt16LE(56)];
  const interpreter = 3;
  return !Array.from({ length: count }, (_, at) => table + at * size).some(
    (at) => at + 4 <= program.length && program.readUInt32LE(at) === interpreter,
  );
}

async function copyModules(place: Workplace, version: string, home: string): Promise<string[]> {
  // The index and what it names are the image's word: links and `..` lead into the tree.
  const inModules = (name: string) => inTree(place.tree, `/lib/modules/${version}/${name}`);
  const read = async (name: string) => readFile(await inModules(name), "utf8");
  const { paths, missing } = modulesFor(wanted, {
    dep: await read("modules.dep"),
    builtin: await read("modules.builtin"),
  });
  if (missing.length > 0) {
    throw new ProvisionError({
      code: "module-missing",
      phase: "build",
      node: place.recipe,
      seen: `kernel ${version} has no module ${missing.join(", ")}`,
      hint: "a machine needs a kernel with virtio and ext4, as linux-image-cloud-amd64 has",
    });
  }
  const order: string[] = [];
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    await copyFile(await inModules(path), join(home, "modules", name));
    const unpack = { xz: "xz", zst: "zstd", gz: "gzip" }[/\.ko\.(\w+)$/.exec(name)?.[1] ?? ""];
    if (unpack !== undefined) {
      const how = [findTool(unpack, place.recipe), "--decompress", "--force", join(home, "modules", name)] as const;
      if ((await runTool(place, how)) !== 0)
        throw stepFailed(place, { code: "initrd-failed", seen: `${unpack} could not unpack ${name}` });
      // zstd alone keeps what it unpacked.
      await rm(join(home, "modules", name), { force: true });
    }
    order.push(name.replace(/(\.ko)\.\w+$/, "$1"));
  }
  return order;
}

/** Lines that a program prints. */
async function said(place: Workplace, command: readonly [string, ...string[]]): Promise<string[]> {
  const file = join(place.scratch, "said");
  const status = await runTool(place, ["sh", "-c", 'out=$1; shift; exec "$@" > "$out"', "sh", file, ...command]);
  if (status !== 0)
    throw stepFailed(place, { code: "initrd-failed", seen: `${command[0]} ended with status ${status}` });
  return (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
}
