// Decides how the files of an image at rest are found by their names: in a tar, or in a directory. Names nothing outside of it, waits
// for no pipe, and holds none of them but small ones.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { archiveLimits, badArchive, sayName } from "./bad-archive.ts";
import { FileSource } from "./byte-source.ts";
import { readTar } from "./tar-entries.ts";

/** A part of an open file. */
export interface Part {
  readonly file: FileHandle;
  readonly start: number;
  readonly bytes: number;
}

/** Files by their names in an archive or a layout. */
export interface ImageParts {
  /** For messages: `soe.tar`. */
  readonly where: string;
  /** Whether there is one; where that is only known by opening it, `true`. */
  has(name: string): boolean;
  /** Rejects where there is none. The file stays open until all are closed. */
  open(name: string): Promise<Part>;
  close(): Promise<void>;
}

/** A file that is read, and not a pipe that is waited for. Rejects with a `DeclarationError` (code `image-missing`). */
async function regular(path: string, at: string | undefined): Promise<Part> {
  const refused = (seen: string, cause?: unknown) =>
    new DeclarationError({ code: "image-missing", at, seen: `image ${path} ${seen}`, cause });
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    (error: unknown) => {
      throw refused(`cannot be read: ${messageOf(error)}`, error);
    },
  );
  const stat = await file.stat();
  if (stat.isFile()) return { file, start: 0, bytes: stat.size };
  await file.close();
  throw refused("is not a file");
}

/** Of a tar, which is read once for its names. `at`: the declaration, for errors. */
export async function partsOfTar(path: string, at: string | undefined): Promise<ImageParts> {
  const { file, bytes } = await regular(path, at);
  const where = basename(path);
  const members = new Map<string, { readonly at: number; readonly size: number } | { readonly link: string }>();
  const plain = (name: string) => name.replace(/^(\.\/+)+/, "");
  try {
    const head = Buffer.alloc(6);
    await file.read(head, 0, 6, 0);
    if (
      head.readUInt16BE(0) === 0x1f8b ||
      head.readUInt32BE(0) === 0x28b52ffd ||
      head.toString("latin1") === "\xfd7zXZ\0"
    )
      throw badArchive(where, "it is compressed as a whole; decompress it first, its layers may stay compressed");
    await readTar(new FileSource(file, 0, bytes), where, ({ name, mode, size, at: place, link, hardLink }) => {
      if (members.size >= 20_000) throw badArchive(where, "it has too many members for an image", "archive-too-big");
      // Old dockers link to a layer that an image of the archive shares with another.
      if (mode >> 12 === 0o12) members.set(plain(name), { link: join(plain(name), "..", link) });
      else if (hardLink) members.set(plain(name), { link: plain(link) });
      else if (mode >> 12 === 0o10 && place !== undefined) members.set(plain(name), { at: place, size });
      return undefined;
    });
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    where,
    has: (name) => members.has(name),
    async open(name) {
      let found = members.get(name);
      for (let links = 0; found !== undefined && "link" in found && links < 8; links += 1)
        found = members.get(found.link);
      if (found === undefined || "link" in found) throw badArchive(where, `there is no file ${sayName(name)} in it`);
      return { file, start: found.at, bytes: found.size };
    },
    close: () => file.close(),
  };
}

/** Of a directory: `name` must be one that leads nowhere else. */
export function partsOfDirectory(path: string, at: string | undefined): ImageParts {
  const opened: FileHandle[] = [];
  return {
    where: basename(path),
    has: () => true,
    async open(name) {
      const part = await regular(join(path, name), at);
      opened.push(part.file);
      return part;
    },
    close: async () => void (await Promise.all(opened.map((each) => each.close()))),
  };
}

/** All of a small file: `archive-too-big` where it is not. */
export async function textOf(parts: ImageParts, name: string): Promise<Buffer> {
  const { file, start, bytes } = await parts.open(name);
  if (bytes > archiveLimits.jsonBytes)
    throw badArchive(parts.where, `${sayName(name)} has ${bytes} bytes`, "archive-too-big");
  const text = Buffer.alloc(bytes);
  const { bytesRead } = await file.read(text, 0, bytes, start);
  return text.subarray(0, bytesRead);
}
