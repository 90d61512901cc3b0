// Decides how one layer is read: where it lies, how it is compressed, and that what grows without end is given up.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { type Readable, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { archiveLimits, badArchive } from "./bad-archive.ts";
import { type ByteSource, FileSource, StreamSource } from "./byte-source.ts";

export interface StillLayer {
  /** `layer 2 of soe.tar` */
  readonly where: string;
  /** Whether contents can be read by their place; else everything before them passes by. */
  readonly seekable: boolean;
  /** From the beginning of its tar, anew at each call. */
  open(): Promise<ByteSource>;
  /** Bytes at a place of the tar, where it is seekable. */
  bytes?(at: number, length: number): Promise<Buffer>;
}

/**
 * A layer in a part of an open file. A compressed one is read whole, so that its digest, where one is given, is checked on the way;
 * contents of a plain one are only read where they are asked for.
 */
export async function layerInFile(
  where: string,
  file: FileHandle,
  start: number,
  length: number,
  sha256?: string,
): Promise<StillLayer> {
  const head = Buffer.alloc(4);
  await file.read(head, 0, 4, start);
  const open =
    head.readUInt16BE(0) === 0x1f8b
      ? createGunzip
      : head.readUInt32BE(0) === 0x28b52ffd
        ? createZstdDecompress
        : undefined;
  if (open === undefined)
    return {
      where,
      seekable: true,
      open: async () => new FileSource(file, start, length),
      async bytes(at, count) {
        const bytes = Buffer.alloc(count);
        const { bytesRead } = await file.read(bytes, 0, count, start + at);
        if (at + count > length || bytesRead < count) throw badArchive(where, "it has been cut off since it was read");
        return bytes;
      },
    };
  return {
    where,
    seekable: false,
    open: async () =>
      decompressed(pieces(file, start, length, sha256, where), open({ chunkSize: 64 * 1024 }), length, where),
  };
}

/** A layer that a stream gives, a new one at each call. */
export function layerInStream(where: string, stream: () => Promise<Readable>): StillLayer {
  return { where, seekable: false, open: async () => new StreamSource(await stream()) };
}

function decompressed(
  packed: AsyncIterable<Buffer>,
  unpack: Transform,
  packedBytes: number,
  where: string,
): ByteSource {
  const most = archiveLimits.freeBytes + packedBytes * archiveLimits.growth;
  let passed = 0;
  const failed = (error: unknown) =>
    error instanceof ProvisionError
      ? error
      : badArchive(where, `it cannot be decompressed: ${messageOf(error)}`, "bad-archive", error);
  const bounded = new Transform({
    readableHighWaterMark: 1024 * 1024,
    transform(chunk: Buffer, _, done) {
      passed += chunk.length;
      if (passed > most) done(badArchive(where, `${packedBytes} bytes become more than ${most}`, "archive-too-big"));
      else done(null, chunk);
    },
  });
  unpack.once("error", (error) => bounded.destroy(failed(error)));
  bounded.once("close", () => unpack.destroy());
  // Errors reach the reader, or nobody where it has closed.
  bounded.on("error", () => undefined);
  unpack.pipe(bounded);
  void feed(unpack, packed);
  return new StreamSource(bounded);
}

/** Each piece when the one before it has been used up: they are lent, and a gigabyte of them is no gigabyte of memory. Never rejects. */
async function feed(unpack: Transform, packed: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const piece of packed)
      await new Promise<void>((resolve, reject) => {
        unpack.write(piece, (error) => (error ? reject(error) : resolve()));
      });
    unpack.end();
  } catch (error) {
    unpack.destroy(error as Error);
  }
}

async function* pieces(file: FileHandle, start: number, length: number, sha256: string | undefined, where: string) {
  const hash = sha256 === undefined ? undefined : createHash("sha256");
  const memory = Buffer.allocUnsafeSlow(Math.min(512 * 1024, length));
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(memory, 0, Math.min(memory.length, length - at), start + at);
    if (bytesRead === 0) throw badArchive(where, "it has been cut off since it was read");
    hash?.update(memory.subarray(0, bytesRead));
    at += bytesRead;
    yield memory.subarray(0, bytesRead);
  }
  if (hash !== undefined && hash.digest("hex") !== sha256)
    throw badArchive(where, `its sha256 is not ${sha256}, by which it is named`);
}
