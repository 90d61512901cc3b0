// Decides how machines that were ready are kept from one run to the next, and when what is kept may be used: whole, and by the same
// QEMU. Gives copies alone: what lies here is never opened by a machine.
import { execFile } from "node:child_process";
import { readFileSync, statfsSync, statSync, utimesSync } from "node:fs";
import { chmod, open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../model/errors.ts";
import type { FileStamp } from "../model/image.ts";
import { canonicalJson } from "./canonical.ts";
import type { Room } from "./room.ts";
import { Rooms } from "./rooms.ts";
import { sameStamp, stampOf } from "./verify-disk.ts";

const run = promisify(execFile);

/** `entry.json` of a kept machine. */
export interface WarmEntry {
  /** Emulator, processor: what the memory was kept by. Compared as a whole, and shown. */
  readonly host: string;
  /** Path of the disk below the overlay: while this is kept, so is that. */
  readonly base: string;
  readonly files: Readonly<Record<string, FileStamp>>;
  /** Whatever the driver wants to be told again. */
  readonly words: unknown;
  /** ISO time. */
  readonly keptAt: string;
}

export interface WarmFiles {
  readonly host: string;
  readonly base: string;
  /** Absolute paths by name. */
  readonly files: ReadonlyMap<string, string>;
  readonly words: unknown;
}

/** Left free on the file system, whatever is kept. Bytes. */
const spare = 2 * 1024 ** 3;

/**
 * Machines by the digest of what they are. Any number of processes may use one directory at the same time. Everything is for
 * its owner's eyes alone: a memory may hold secrets.
 */
export class WarmMachines {
  readonly #rooms: Rooms;

  /** Of the store; see `StoreOptions`. */
  constructor({ directory, disks }: { readonly directory: string; readonly disks: string }) {
    this.#rooms = new Rooms(directory, disks);
  }

  /**
   * Writes copies of what is kept to `places`, files by name that are there already. Resolves with the driver's words, or with the
   * reason why there is nothing to be used; `touched`: some of the files were written to. What is damaged is removed. Rejects with nothing.
   */
  async take(
    key: string,
    host: string,
    places: ReadonlyMap<string, string>,
  ): Promise<{ readonly words: unknown } | { readonly why: string; readonly touched?: true }> {
    const directory = this.#place(key);
    const entry = readWarm(directory);
    if (entry === undefined) return { why: "no machine like it was kept" };
    if ("damage" in entry)
      return this.forget(key).then(
        () => ({ why: `what was kept is damaged and was removed: ${entry.damage}` }),
        (error: unknown) => ({
          why: `what was kept is damaged: ${entry.damage}; and could not be removed: ${messageOf(error)}`,
        }),
      );
    if (entry.host !== host) return { why: `it was kept by ${entry.host}; this is ${host}` };
    try {
      const now = new Date();
      utimesSync(directory, now, now);
      for (const name of Object.keys(entry.files)) {
        const place = places.get(name);
        if (place === undefined) throw new Error(`a machine like it has no file ${name}`);
        await copy(join(directory, name), place);
      }
      return { words: entry.words };
    } catch (error) {
      return { why: `what was kept could not be copied: ${messageOf(error)}`, touched: true };
    }
  }

  /**
   * Copies the files of a machine that stands still. Resolves, when it may run on, with what publishes them, all at once; or with
   * `undefined` where they are kept already, or there is too little room. Rejects with the file system's error.
   */
  async keep(key: string, kept: WarmFiles): Promise<(() => Promise<void>) | undefined> {
    const there = readWarm(this.#place(key));
    if (there !== undefined && !("damage" in there) && there.host === kept.host) return undefined;
    this.#rooms.prepare();
    const wanted = [...kept.files.values()].reduce((sum, path) => sum + allocated(path), 0);
    const { bavail, bsize } = statfsSync(this.#rooms.directory);
    if (bavail * bsize < wanted + spare) return undefined;
    const room = this.#rooms.open();
    try {
      for (const [name, path] of kept.files) await copy(path, join(room.entry, name));
    } catch (error) {
      await room[Symbol.asyncDispose]();
      throw error;
    }
    return () => this.#publish(key, kept, room);
  }

  /** Removes what is kept under a key. Gone is success. */
  async forget(key: string): Promise<void> {
    this.#rooms.prepare();
    await using room = this.#rooms.open();
    await rename(this.#place(key), join(room.path, "forgotten")).catch(() => undefined);
  }

  async #publish(key: string, { host, base, files, words }: WarmFiles, owned: Room): Promise<void> {
    await using room = owned;
    const stamps: Record<string, FileStamp> = {};
    for (const name of files.keys()) {
      const path = join(room.entry, name);
      await chmod(path, 0o600);
      await flushed(path);
      stamps[name] = stampOf(path);
    }
    const entry: WarmEntry = { host, base, files: stamps, words, keptAt: new Date().toISOString() };
    const text = `${canonicalJson(entry, "  ")}\n`;
    await writeFile(join(room.entry, "entry.json"), text, { flush: true, mode: 0o600 });
    await flushed(room.entry);
    // Another process may have published the same meanwhile: one is as good as the other.
    const there = readWarm(this.#place(key));
    if (there === undefined || "damage" in there || there.host !== host)
      await room.finish(this.#place(key)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      });
  }

  #place(key: string): string {
    return join(this.#rooms.warm, key);
  }
}

/** What is kept in a directory; `undefined` when nothing is, `damage` when it is not what was written. */
export function readWarm(directory: string): WarmEntry | { readonly damage: string } | undefined {
  let entry: WarmEntry;
  try {
    entry = JSON.parse(readFileSync(join(directory, "entry.json"), "utf8")) as WarmEntry;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return { damage: `entry.json: ${messageOf(error)}` };
    return statSync(directory, { throwIfNoEntry: false }) === undefined
      ? undefined
      : { damage: "it has no entry.json" };
  }
  try {
    const changed = Object.keys(entry.files).find(
      (name) => !sameStamp(entry.files[name] as FileStamp, stampOf(join(directory, name))),
    );
    return changed === undefined ? entry : { damage: `${changed} has changed since` };
  } catch (error) {
    return { damage: messageOf(error) };
  }
}

/** Without a second copy where the file system can do that; holes stay holes. */
async function copy(from: string, to: string): Promise<void> {
  await run("cp", ["--reflink=auto", "--sparse=auto", "--", from, to]);
}

async function flushed(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

/** Bytes that a file takes on the disk. */
function allocated(path: string): number {
  return statSync(path).blocks * 512;
}
