// Decides what the store holds that takes room: bases, images with their disks, and what is kept for speed beside them. Each is an
// entry with a size, a last use, and other entries that it needs. Removes nothing.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ImageEntry, readEntry } from "./entry.ts";
import { namesIn } from "./names.ts";
import type { Rooms } from "./rooms.ts";

/** `warm`: a machine that was ready, kept beside the images. Its last use is its directory's time of change (`markUsed`). */
export type KeptKind = "base" | "image" | "warm";

/** An entry of the store. */
export interface Kept {
  readonly kind: KeptKind;
  /** 64 hexadecimal digits. */
  readonly hex: string;
  /** For people: `vfx-studio-soe:0.1.0`, `debian bookworm`. */
  readonly title: string;
  /** The recipe, of an image that is whole. */
  readonly recipe?: string | undefined;
  /** Directories that are the entry. The first is what makes it one. */
  readonly places: readonly string[];
  /** Disk space, bytes. */
  readonly bytes: number;
  /** When it was used last, or made: milliseconds since the epoch. */
  readonly usedMs: number;
  /** Names of entries without which it is nothing. */
  readonly needs: readonly string[];
}

const run = promisify(execFile);

/** Everything in the store, in no order. Measures what nobody measured yet. What vanishes meanwhile is left out. */
export async function listKept(rooms: Rooms): Promise<Kept[]> {
  const found = [
    ...under(join(rooms.directory, "bases")).map((hex) => entry("base", hex, [join(rooms.directory, "bases", hex)])),
    ...under(join(rooms.directory, "images")).map((hex) =>
      entry("image", hex, [join(rooms.directory, "images", hex), join(rooms.disks, hex)]),
    ),
    ...under(rooms.warm).map((hex) => entry("warm", hex, [join(rooms.warm, hex)])),
  ].filter((each) => each !== undefined);
  return Promise.all(found.map(async (each) => ({ ...each, bytes: await sizeOf(rooms, each) })));
}

type Unmeasured = Omit<Kept, "bytes">;

function entry(kind: KeptKind, hex: string, places: readonly string[]): Unmeasured | undefined {
  const [directory = ""] = places;
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  // What is damaged is nothing, and made of nothing.
  const told = kind === "warm" ? read(directory) : (readEntry(directory, places[1]) as Told | undefined);
  const tree = treeOf(directory);
  const layers = (told?.layers ?? []).map(({ file }) => file.split("/")[1] ?? "");
  const disk = /([0-9a-f]{64})\/[^/]*$/.exec(told?.base ?? "")?.[1];
  const needs = [...layers, ...[tree, disk].filter((each) => each !== undefined)];
  return {
    kind,
    hex,
    title: told?.tag ?? told?.title ?? { base: "base", image: "not whole", warm: "ready machine" }[kind],
    ...(told?.recipe === undefined ? {} : { recipe: told.recipe }),
    places: places.filter((place) => place === directory || statSync(place, { throwIfNoEntry: false }) !== undefined),
    usedMs: stat.mtimeMs,
    needs: [...new Set(needs)].filter((other) => other !== hex && other !== ""),
  };
}

type Told = Partial<Pick<ImageEntry, "tag" | "title" | "recipe" | "layers">> & {
  /** Of a kept machine: the path of the disk below it. */
  readonly base?: string;
};

function read(directory: string): Told | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, "entry.json"), "utf8")) as Told;
  } catch {
    return undefined;
  }
}

/** The entry whose tree this one's is a link to. */
function treeOf(directory: string): string | undefined {
  try {
    return /([0-9a-f]{64})\/tree$/.exec(readlinkSync(join(directory, "tree")))?.[1];
  } catch {
    return undefined;
  }
}

/** Entries never change, so that each is measured once; what lies there half-made for ever is measured once too. */
async function sizeOf(rooms: Rooms, { kind, hex, places }: Unmeasured): Promise<number> {
  const file = join(rooms.sizes, `${kind}-${hex}`);
  try {
    const known = Number(readFileSync(file, "utf8"));
    // A power cut may leave an empty file; no entry takes nothing.
    if (known > 0) return known;
  } catch {}
  // `du` ends with 1 when something vanished while it looked; what it counted counts.
  const { stdout } = await run("du", ["--summarize", "--block-size=1", ...places]).catch(
    (error: { stdout?: string }) => ({ stdout: error.stdout ?? "" }),
  );
  const bytes = stdout.split("\n").reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0), 0);
  if (bytes === 0) return 0;
  try {
    mkdirSync(rooms.sizes, { recursive: true, mode: 0o700 });
    const own = `${file}.${process.pid}`;
    writeFileSync(own, String(bytes));
    renameSync(own, file);
  } catch {}
  return bytes;
}

function under(directory: string): string[] {
  return namesIn(directory).filter((name) => /^[0-9a-f]{64}$/.test(name));
}
