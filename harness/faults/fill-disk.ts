// Decides how a file system is made full: by one file of ours, for which its blocks are taken and nothing is written. Refuses every file system
// that is the host's own: a container's root, volumes and bind mounts lie on its disk, and memory without a bound is its memory.
import { faultsOf } from "../lifecycle/faults.ts";
import { callSite } from "../model/call-site.ts";
import { type Size, sayBytes, sizeBytes } from "../model/duration.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import type { Fault } from "../model/fault.ts";
import type { ContainerNode, VmNode } from "../model/node.ts";

/** What is known of the file system that a directory is on. */
export interface Room {
  /** `tmpfs`, `ext2/ext3`, as `stat -f` calls it. */
  readonly type: string;
  /** Bytes that root can still write; an ordinary user may have less. */
  readonly free: number;
  /** Bytes of a block. */
  readonly block: number;
  /** Bytes of memory that the machine below it has left. */
  readonly memory: number;
  /** `0:54`: the device that it is on. */
  readonly device: string;
}

/** The file's own map takes blocks of what is left. */
const nearly = 1024 ** 2;
const rounds = 3;

/**
 * Fills the file system that the directory `path` is on, until `leave` bytes are free: nobody there, root included, can write more than that; an
 * ordinary user less, where the file system keeps something for root. One file of ours in `path` has the rest, by `fallocate`: nothing is written
 * to it. `heal` removes it, and so does the end of the test.
 *
 * In machines any file system that `fallocate` works on. In a container only a `tmpfs` of its own, as all else of it lies on the disk of what
 * carries it; and of that no more than half of the memory that is free there: declare its `size`. Rejects with a
 * `DeclarationError`: `hosts-disk`, `hosts-memory`, `bad-size`; and with a `ProvisionError`: `no-room` (less is free already), `not-filled`.
 * A machine that is crashed meanwhile keeps the file: heal it after `start`.
 *
 * @example
 * await using full = await fillDisk(server, "/srv/nfs", { leave: "1m" });
 * await dev.fail(["cp", "/usr/bin/python3", "/mnt/vfx"]);
 */
export async function fillDisk(
  node: ContainerNode | VmNode,
  path: string,
  { leave }: { readonly leave: Size },
): Promise<Fault> {
  const at = callSite();
  const bytes = sizeBytes(leave, at);
  const faults = faultsOf(node, at);
  if (!path.startsWith("/"))
    throw new DeclarationError({ code: "bad-path", at, node: node.title, seen: `"${path}" is no absolute path` });
  const root = node.as("0");
  const room = await roomAt(root, path);
  const why = node.kind === "container" ? await hostsOwn(root, room, bytes) : undefined;
  if (why !== undefined)
    throw new DeclarationError({ ...why, at, node: node.title, seen: `${path} of ${node.title} ${why.seen}` });
  if (room.free < bytes)
    throw new ProvisionError({
      code: "no-room",
      phase: "exec",
      node: node.title,
      seen: `${path} has ${sayBytes(room.free)} free already, less than the ${sayBytes(bytes)} that were to be left`,
    });
  const { scope } = faults.standing;
  const file = `${path.replace(/\/+$/, "")}/.assay-fill-${scope}-${faults.next()}`;
  return faults.begin({
    title: `${path} of ${node.title} full`,
    apply: () => fill(root, path, file, bytes),
    undo: async () => {
      await must(root, ["rm", "-f", "--", file]);
    },
  });
}

async function fill(root: ContainerNode | VmNode, path: string, file: string, leave: number): Promise<void> {
  let size = 0;
  let said = "it takes no more, and says nothing";
  for (let round = 0; round < rounds; round += 1) {
    const { free } = await roomAt(root, path);
    if (free <= leave) return;
    size += free - leave;
    const { status, stderr } = await root.exec(["fallocate", "-l", String(size), "--", file], { env: { LC_ALL: "C" } });
    if (status === 0) continue;
    said = status === 127 ? "it has no fallocate (util-linux)" : stderr.trim();
    if (!/No space left/.test(said)) break;
  }
  const { free } = await roomAt(root, path);
  if (free > leave + nearly) throw notFilled(root, `${path} has ${sayBytes(free)} free all the same: ${said}`);
}

/** Whose disk or memory it would be; `undefined` where it is the container's own. */
async function hostsOwn(root: ContainerNode | VmNode, room: Room, leave: number) {
  if (room.type !== "tmpfs" || isMounted(await must(root.carrier, ["cat", "/proc/self/mountinfo"]), room.device))
    return {
      code: "hosts-disk",
      seen: `is on a file system of the machine that carries it (${room.type}), which it would fill`,
      hint: 'fill a tmpfs that it has for itself, tmpfs({ size: "64m" }), or the disk of a machine by the machine',
    };
  if (room.free - leave <= room.memory / 2) return undefined;
  return {
    code: "hosts-memory",
    seen: `would take ${sayBytes(room.free - leave)} of the ${sayBytes(room.memory)} of memory that its host has free`,
    hint: 'give the tmpfs a size: tmpfs({ size: "64m" })',
  };
}

/** Whether a device is mounted somewhere, in the words of /proc/self/mountinfo. */
export function isMounted(mountinfo: string, device: string): boolean {
  return mountinfo.split("\n").some((line) => line.split(" ")[2] === device);
}

async function roomAt(root: ContainerNode | VmNode, path: string): Promise<Room> {
  const [system, device, memory] = await Promise.all([
    must(root, ["stat", "-f", "-c", "%S %f %T", "--", path]),
    must(root, ["stat", "-c", "%d %F", "--", path]),
    must(root, ["cat", "/proc/meminfo"]),
  ]);
  const room = readRoom(system, device, memory);
  if (room === undefined) throw notFilled(root, `${path} is no directory: ${device.trim()}`);
  return room.type === "ext2/ext3" ? { ...room, free: room.free - (await keptByExt4(root, room)) } : room;
}

/** Bytes that ext4 keeps for its own maps, told as free, and gives to nobody; 0 for its elders, which keep none. */
async function keptByExt4(root: ContainerNode | VmNode, { device, block }: Room): Promise<number> {
  const script = 'cat "/sys/fs/ext4/$(basename "$(readlink "/sys/dev/block/$1")")/reserved_clusters"';
  const { status, stdout } = await root.exec(["sh", "-c", script, "sh", device]);
  return status === 0 ? Number(stdout.trim()) * block : 0;
}

/** Of `stat -f -c "%S %f %T"`, `stat -c "%d %F"` and /proc/meminfo; `undefined` for what is no directory. */
export function readRoom(system: string, directory: string, meminfo: string): Room | undefined {
  const [, block, blocks, type = ""] = /^(\d+) (\d+) (.+)$/.exec(system.trim()) ?? [];
  const [, device] = /^(\d+) directory$/.exec(directory.trim()) ?? [];
  const [, available] = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo) ?? [];
  if (block === undefined || device === undefined || available === undefined) return undefined;
  return {
    type,
    block: Number(block),
    free: Number(block) * Number(blocks),
    memory: Number(available) * 1024,
    device: numbersOf(BigInt(device)),
  };
}

/** Major and minor number of a device. @see makedev(3) */
function numbersOf(device: bigint): string {
  const major = ((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn);
  const minor = ((device >> 12n) & 0xffffff00n) | (device & 0xffn);
  return `${major}:${minor}`;
}

async function must(node: Pick<VmNode, "exec" | "title">, command: readonly [string, ...string[]]): Promise<string> {
  const { status, stdout, stderr } = await node.exec(command, { env: { LC_ALL: "C" } });
  if (status === 0) return stdout;
  throw notFilled(node, status === 127 ? `it has no ${command[0]}` : stderr.trim());
}

function notFilled({ title }: { readonly title: string }, seen: string): ProvisionError {
  return new ProvisionError({ code: "not-filled", phase: "exec", node: title, seen });
}
