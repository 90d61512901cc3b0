// Decides how a tree becomes an ext4 file system inside a disk's file: by mke2fs, with owners, modes and extended attributes, and
// with every time in it following from the recipe. Refuses to mount it.
import { lstatSync, lutimesSync, readdirSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskLayout } from "./disk-layout.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";

const blockBytes = 4096;

/** All that mke2fs is configured with, so that no file of this machine plays a part. What newer versions turn on is left off. */
const configuration = `[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = ${blockBytes}
inode_size = 256
inode_ratio = 16384
[fs_types]
ext4 = {
features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
`;

/** Makes the root file system in its partition of `disk`. Rejects with `disk-too-small` where the tree does not fit. */
export async function makeFileSystem(
  place: Workplace,
  options: { readonly disk: string; readonly layout: DiskLayout; readonly epochSeconds: number },
): Promise<void> {
  const { disk, layout, epochSeconds } = options;
  const { root, rootUuid, hashSeed } = layout;
  const config = join(place.scratch, "mke2fs.conf");
  await writeFile(config, configuration);
  const environment = { MKE2FS_CONFIG: config, E2FSPROGS_FAKE_TIME: String(epochSeconds) };
  const extended = [
    `offset=${root.start}`,
    `hash_seed=${hashSeed}`,
    "root_owner=0:0",
    // The file is new and holds nothing: no time is spent on writing zeros, here or in the guest.
    "assume_storage_prezeroed=1",
  ].join(",");
  const status = await runTool(
    place,
    [
      ...([findTool("mke2fs", place.recipe), "-q", "-F", "-t", "ext4", "-L", "root", "-U", rootUuid] as const),
      ...["-E", extended, "-d", place.tree, disk, `${Math.floor(root.bytes / blockBytes) * (blockBytes / 1024)}k`],
    ],
    { environment },
  );
  if (status !== 0) {
    const said = place.log.lines.filter((line) => !line.startsWith("$ ")).slice(-3);
    const small = said.some((line) => /Could not allocate|No free space|too small/i.test(line));
    throw stepFailed(place, {
      code: small ? "disk-too-small" : "file-system-failed",
      seen: small
        ? `the tree does not fit into a disk of ${Math.round(layout.bytes / 1024 ** 2)} MiB; give disk a bigger size`
        : `mke2fs ended with status ${status}: ${said.join(" / ")}`,
    });
  }
  await setTimes(place, disk, root.start, epochSeconds, environment);
}

/** Reads of the superblock how many inodes are in use. mke2fs uses them from the first on, without a gap. */
async function inodesUsed(disk: string, start: number): Promise<number> {
  await using file = await open(disk, "r");
  const { buffer } = await file.read(Buffer.alloc(64), 0, 64, start + 1024);
  return buffer.readUInt32LE(0) - buffer.readUInt32LE(16);
}

const rootInode = 2;
const firstInode = 11;

/**
 * mke2fs takes over when the tree's files were last read and changed, which is when they were built. The file system keeps
 * when they were written, and nothing else.
 */
async function setTimes(
  place: Workplace,
  disk: string,
  start: number,
  epochSeconds: number,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const used = await inodesUsed(disk, start);
  const inodes = [rootInode, ...Array.from({ length: used - firstInode + 1 }, (_, at) => firstInode + at)];
  const lines = inodes.flatMap((inode) =>
    ["atime", "ctime"].map((field) => `set_inode_field <${inode}> ${field} @${epochSeconds}`),
  );
  const [commands, answers] = [join(place.scratch, "times"), join(place.scratch, "times.out")];
  await writeFile(commands, `${[...lines, `testi <${used}>`, `testi <${used + 1}>`].join("\n")}\n`);
  const device = `${disk}?offset=${start}`;
  const script = 'exec "$1" -w -f "$2" "$3" > "$4" 2>&1';
  const debugfs = findTool("debugfs", place.recipe);
  await runTool(place, ["sh", "-c", script, "sh", debugfs, commands, device, answers], { environment });
  // Its exit status is 0 whatever it met.
  const said = (await readFile(answers, "utf8"))
    .split("\n")
    .filter((line) => line !== "" && !/^debugfs(:| \d)/.test(line));
  const expected = [`Inode ${used} is marked in use`, `Inode ${used + 1} is not in use`];
  if (said.join("\n") !== expected.join("\n"))
    throw stepFailed(place, { code: "file-system-failed", seen: `debugfs said: ${said.slice(0, 3).join(" / ")}` });
}

/** Dates back to the epoch what is newer, as layers do, links included. What packages brought keeps its time. */
export function clampTimes(path: string, epochSeconds: number): void {
  const stat = lstatSync(path);
  if (stat.isDirectory()) for (const name of readdirSync(path)) clampTimes(join(path, name), epochSeconds);
  if (stat.mtimeMs > epochSeconds * 1000) lutimesSync(path, epochSeconds, epochSeconds);
}
