// Decides whether a capsule of somebody else's may be used: bounded in entries and bytes, plain files alone, each of them announced by the
// manifest and as it says. Everything is judged before anything is written, and it is written into a fresh directory.
import { createHash } from "node:crypto";
import { constants, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";
import { sayName } from "../store/bad-archive.ts";
import { StreamSource } from "../store/byte-source.ts";
import { readTar } from "../store/tar-entries.ts";
import { type CapsuleManifest, capsuleLimits, capsuleVersion, manifestSchema } from "./manifest.ts";

/** A capsule that was read and judged. */
export interface Capsule {
  readonly manifest: CapsuleManifest;
  readonly contents: ReadonlyMap<string, Buffer>;
}

/** Headers and paddings of as many members as there may be, beside the contents. */
const archiveBytes = capsuleLimits.totalBytes + capsuleLimits.manifestBytes + capsuleLimits.members * 4096;

/**
 * Reads a capsule whole. A `DeclarationError`: `no-capsule` where there is no file, `bad-capsule` for what is damaged or not what its
 * manifest says, `capsule-escapes` for names and links that lead elsewhere, `capsule-too-big` beyond `capsuleLimits`, `capsule-version`. `mostBytes`: that it
 * may unpack to, headers and all.
 */
export async function readCapsule(file: string, mostBytes: number = archiveBytes): Promise<Capsule> {
  const where = basename(file);
  await using handle = await regular(file);
  const bounded = bound(where, mostBytes);
  const unzipped = createGunzip();
  const source = handle.createReadStream({ autoClose: false, start: 0 });
  for (const [stream, next] of [
    [source, unzipped],
    [unzipped, bounded],
  ] as const)
    stream.on("error", (error: Error) => next.destroy(error));
  source.pipe(unzipped).pipe(bounded);
  const contents = new Map<string, Buffer>();
  let manifest: CapsuleManifest | undefined;
  const announced = new Map<string, number>();
  try {
    await readTar(
      new StreamSource(bounded),
      where,
      ({ name, mode, size, hardLink, at }) => {
        const path = Buffer.from(name, "latin1").toString("utf8");
        if (hardLink || mode >> 12 !== 0o10 || at === undefined)
          throw refused(where, `${sayName(name)} is no plain file`, "capsule-escapes");
        if (manifest === undefined) {
          if (path !== "manifest.json") throw refused(where, `it begins with ${sayName(name)}, not with manifest.json`);
          if (size > capsuleLimits.manifestBytes) throw refused(where, "its manifest is too big", "capsule-too-big");
          return true;
        }
        const bytes = announced.get(path);
        if (bytes === undefined) throw refused(where, `its manifest does not know ${sayName(name)}`);
        if (contents.has(path)) throw refused(where, `it has ${sayName(name)} twice`);
        if (bytes !== size) throw refused(where, `${sayName(name)} has ${size} bytes, and ${bytes} by its manifest`);
        // A file of nothing has no contents that could be told.
        contents.set(path, Buffer.alloc(0));
        return true;
      },
      ({ name }, bytes) => {
        const path = Buffer.from(name, "latin1").toString("utf8");
        if (manifest === undefined) {
          manifest = readManifest(where, bytes);
          for (const each of manifest.members) announced.set(each.path, each.bytes);
        } else contents.set(path, Buffer.from(bytes));
      },
    );
  } catch (error) {
    throw asRefusal(where, error);
  } finally {
    source.destroy();
    unzipped.destroy();
    bounded.destroy();
  }
  if (manifest === undefined) throw refused(where, "it is empty");
  for (const { path, sha256 } of manifest.members) {
    const bytes = contents.get(path);
    if (bytes === undefined) throw refused(where, `${path} of its manifest is missing`);
    if (createHash("sha256").update(bytes).digest("hex") !== sha256)
      throw refused(where, `${path} is not what its manifest says: it was changed or damaged`);
  }
  return { manifest, contents };
}

/** Writes the members of one room (`project`, `run`) below a new directory, links last. `given`: contents to take in their place. */
export function unpackRoom(
  { manifest, contents }: Capsule,
  room: "project" | "run",
  directory: string,
  given: ReadonlyMap<string, Buffer> = new Map(),
): void {
  mkdirSync(directory, { recursive: true });
  const target = (path: string) => join(directory, path.slice(room.length + 1));
  for (const { path, executable } of manifest.members.filter((each) => each.path.startsWith(`${room}/`))) {
    mkdirSync(dirname(target(path)), { recursive: true });
    const flags = { flag: "wx", mode: executable === true ? 0o755 : 0o644 };
    writeFileSync(target(path), given.get(path) ?? contents.get(path) ?? Buffer.alloc(0), flags);
  }
  if (room !== "project") return;
  for (const { path, target: led } of manifest.links) {
    mkdirSync(dirname(target(path)), { recursive: true });
    symlinkSync(led, target(path));
  }
}

function readManifest(where: string, bytes: Buffer): CapsuleManifest {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw refused(where, `its manifest is no JSON: ${messageOf(error)}`);
  }
  const version = (document as { capsuleVersion?: unknown } | null)?.capsuleVersion;
  if (version !== capsuleVersion)
    throw refused(
      where,
      `it is of version ${JSON.stringify(version) ?? "none"}, and ${capsuleVersion} is read here`,
      "capsule-version",
    );
  const read = manifestSchema.safeParse(document);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const escapes = /leads out/.test(issue?.message ?? "");
  const big = /more than a capsule has|Too big/.test(issue?.message ?? "");
  const seen = `its manifest: ${sayName(Buffer.from(issue?.path.join(".") ?? "").toString("latin1"))}: ${issue?.message}`;
  throw refused(where, seen, escapes ? "capsule-escapes" : big ? "capsule-too-big" : "bad-capsule");
}

type Code = "bad-capsule" | "capsule-escapes" | "capsule-too-big" | "capsule-version" | "no-capsule";

function refused(where: string, seen: string, code: Code = "bad-capsule", cause?: unknown): DeclarationError {
  return new DeclarationError({
    code,
    seen: `capsule ${where}: ${seen}`,
    hint:
      code === "capsule-version"
        ? "take the Assay that wrote it"
        : "nothing of it was unpacked; fetch it again, or look at where it came from",
    cause,
  });
}

function asRefusal(where: string, error: unknown): unknown {
  if (error instanceof DeclarationError) return error;
  if (error instanceof ProvisionError)
    return refused(
      where,
      error.seen.replace(`${where}: `, ""),
      error.code === "archive-too-big" ? "capsule-too-big" : "bad-capsule",
      error,
    );
  const { code } = error as NodeJS.ErrnoException;
  if (/^Z_|^ERR_STREAM/.test(code ?? ""))
    return refused(where, `it is no whole gzip: ${messageOf(error)}`, "bad-capsule", error);
  return error;
}

/** Whatever compression makes of it: an archive that never ends is not read to its end. */
function bound(where: string, mostBytes: number): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      if (passed > mostBytes) done(refused(where, `it unpacks to more than ${mostBytes} bytes`, "capsule-too-big"));
      else done(null, chunk);
    },
  });
}

/** A file that is read, and not a pipe that is waited for. */
async function regular(file: string) {
  const missing = (seen: string, cause?: unknown) =>
    new DeclarationError({
      code: "no-capsule",
      seen: `${file} ${seen}`,
      hint: "name the capsule.tar.gz of a run",
      cause,
    });
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    (error: unknown) => {
      throw missing(`cannot be read: ${messageOf(error)}`, error);
    },
  );
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw missing("is no file");
}
