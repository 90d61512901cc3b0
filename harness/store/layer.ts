// Decides how a tree becomes a layer: GNU tar with everything that varies taken out, so that equal trees give equal bytes.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { ProvisionError } from "../model/errors.ts";
import type { Digest } from "./canonical.ts";
import { type Listing, readListing, type TreeChange } from "./entry-listing.ts";

/** A layer as a file. */
export interface Layer {
  /** SHA-256 of the uncompressed tar: OCI's diff id. */
  readonly diffId: Digest;
  readonly bytes: number;
}

/**
 * GNU tar's arguments. Times newer than the epoch become the epoch: what packages brought keeps its time (Python's
 * compiled files hold their source's), what this build made does not vary.
 */
export function tarArguments(epochSeconds: number): string[] {
  return [
    "--create",
    "--sort=name",
    "--numeric-owner",
    "--xattrs",
    "--xattrs-include=*",
    // A label of this host's policy, and overlay's own marks, are not the image's.
    "--xattrs-exclude=security.selinux",
    "--xattrs-exclude=trusted.overlay.*",
    `--mtime=@${epochSeconds}`,
    "--clamp-mtime",
    "--format=posix",
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
  ];
}

/** Reads a whole tree once: its listing, and, when `file` is given, the tree as a layer in that file. */
export async function scanTree(
  tree: string,
  epochSeconds: number,
  file?: string,
): Promise<{ listing: Listing; layer: Layer | undefined }> {
  const tar = startTar([...tarArguments(epochSeconds), "--directory", tree, "."]);
  const reader = readListing();
  const [layer, listing] = await Promise.all([drain(tar, [reader.sink], file), reader.listing]);
  return { listing, layer };
}

/** Writes the layer that makes one tree of another. `undefined` when there is nothing to write. */
export async function writeChange(
  change: TreeChange,
  options: { tree: string; epochSeconds: number; file: string; scratch: string },
): Promise<Layer | undefined> {
  if (change.present.length === 0) return undefined;
  const whiteouts = join(options.scratch, "whiteouts");
  await mkdir(whiteouts, { recursive: true });
  const marks = change.gone.map((path) => join(dirname(path), `.wh.${basename(path)}`));
  for (const mark of marks) {
    await mkdir(join(whiteouts, dirname(mark)), { recursive: true });
    await writeFile(join(whiteouts, mark), "", { mode: 0o644 });
  }
  const [present, gone] = [join(options.scratch, "present"), join(options.scratch, "gone")];
  await writeFile(present, change.present.map((path) => `${path}\0`).join(""));
  await writeFile(gone, marks.map((path) => `./${path}\0`).join(""));
  const tar = startTar([
    ...tarArguments(options.epochSeconds),
    "--no-recursion",
    "--null",
    "--verbatim-files-from",
    ...["--directory", options.tree, "--files-from", present],
    ...["--directory", whiteouts, "--files-from", gone],
  ]);
  return drain(tar, [], options.file);
}

type Tar = ChildProcessByStdio<null, Readable, Readable>;

function startTar(args: readonly string[]): Tar {
  return spawn("tar", args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } });
}

/** Passes tar's output to all sinks and, hashed, to a file; rejects unless tar ends well. */
async function drain(tar: Tar, sinks: readonly NodeJS.WritableStream[], path?: string): Promise<Layer | undefined> {
  const ended = once(tar, "close");
  const file = path === undefined ? undefined : createWriteStream(path, { flags: "wx" });
  const written = file === undefined ? undefined : once(file, "close");
  written?.catch(() => tar.kill("SIGKILL"));
  const hash = path === undefined ? undefined : createHash("sha256");
  let bytes = 0;
  let complaint = "";
  tar.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
    hash?.update(chunk);
    bytes += chunk.length;
    for (const sink of [...sinks, ...(file === undefined ? [] : [file])]) {
      if (!sink.write(chunk))
        await Promise.race([once(sink as Writable, "drain"), ...(written === undefined ? [] : [written])]);
    }
  }
  for (const sink of sinks) sink.end();
  file?.end();
  await written;
  const [status] = (await ended) as [number | null];
  if (status !== 0) {
    throw new ProvisionError({
      code: "tar-failed",
      phase: "build",
      seen: `tar ended with status ${status}: ${complaint.trim()}`,
    });
  }
  return hash === undefined ? undefined : { diffId: `sha256:${hash.digest("hex")}`, bytes };
}
