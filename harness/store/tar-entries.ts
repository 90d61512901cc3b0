// Decides which entries a tar has, in their order: pax and GNU headers applied to what they are of. Contents are passed over, unless
// somebody wants those of an entry now. Refuses what is cut off, and sizes that nobody could mean.
import { archiveLimits, badArchive, sayName } from "./bad-archive.ts";
import type { ByteSource } from "./byte-source.ts";
import { blockBytes, readPax, readTarHeader, type TarHeader } from "./tar-header.ts";

export interface TarEntry {
  /** As it is written, one character a byte. */
  readonly name: string;
  /** `"1"` for a hard link; else told by `mode`. */
  readonly hardLink: boolean;
  /** As `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a regular file, in bytes, as it is once unpacked. */
  readonly size: number;
  /** Of links, one character a byte. */
  readonly link: string;
  /** Extended attributes by their full names, where it has some. */
  readonly attributes?: ReadonlyMap<string, Buffer> | undefined;
  /** Where its contents begin in the tar; `undefined` where they are stored with holes, and not read here. */
  readonly at: number | undefined;
}

const formats: Readonly<Record<string, number>> = {
  "0": 0o100000,
  "7": 0o100000,
  "1": 0o100000,
  S: 0o100000,
  "2": 0o120000,
  "3": 0o020000,
  "4": 0o060000,
  "5": 0o040000,
  "6": 0o010000,
};

/**
 * Tells `entry` each entry. Where that answers `true`, `contents` is told the bytes as well: only for small files.
 * `where` names the tar in errors: `ProvisionError`s of `badArchive`.
 */
export async function readTar(
  source: ByteSource,
  where: string,
  entry: (entry: TarEntry) => boolean | undefined,
  contents: (entry: TarEntry, bytes: Buffer) => void = () => undefined,
): Promise<void> {
  let pax: ReadonlyMap<string, Buffer> = new Map();
  let longName: string | undefined;
  let longLink: string | undefined;
  for (;;) {
    const block = source.now(blockBytes) ?? (await source.take(blockBytes));
    if (block.length === 0) return; // some programs write no end
    if (block.length < blockBytes) throw badArchive(where, "it ends within a header");
    const header = readTarHeader(block);
    if (header === "end") return;
    if (header === undefined) throw badArchive(where, `there is no tar header at byte ${source.position - blockBytes}`);
    let more = header.moreSparse;
    while (more) {
      const map = await source.take(blockBytes);
      if (map.length < blockBytes) throw badArchive(where, "it ends within a header");
      more = map[504] === 1;
    }
    if ("xgLK".includes(header.type)) {
      const bytes = await extended(source, header, where);
      if (header.type === "x") {
        const read = readPax(bytes);
        if (read === undefined)
          throw badArchive(where, `the extended header of ${sayName(header.name)} cannot be read`);
        pax = read;
      } else if (header.type === "L") longName = untilNul(bytes);
      else if (header.type === "K") longLink = untilNul(bytes);
      continue;
    }
    const { stored, ...found } = merged(header, pax, longName, longLink, source.position, where);
    pax = new Map();
    longName = longLink = undefined;
    const wanted = entry(found) === true && found.at !== undefined && !found.hardLink;
    if (wanted) {
      const bytes = await source.take(stored);
      if (bytes.length < stored) throw badArchive(where, `it ends within ${sayName(found.name)}`);
      contents(found, bytes);
    }
    const pad = (blockBytes - (stored % blockBytes)) % blockBytes;
    const left = (wanted ? 0 : stored) + pad;
    if (left > 0 && source.now(left) === undefined && !(await source.skip(left)))
      throw badArchive(where, `it ends within ${sayName(found.name)}, which is said to have ${stored} bytes`);
  }
}

async function extended(source: ByteSource, header: TarHeader, where: string): Promise<Buffer> {
  const { size, name } = header;
  if (!(size >= 0 && size <= archiveLimits.headerBytes))
    throw badArchive(where, `the extended header of ${sayName(name)} is said to have ${size} bytes`, "archive-too-big");
  const bytes = Buffer.from(await source.take(size));
  if (bytes.length < size || !(await source.skip((blockBytes - (size % blockBytes)) % blockBytes)))
    throw badArchive(where, "it ends within an extended header");
  return bytes;
}

function merged(
  header: TarHeader,
  pax: ReadonlyMap<string, Buffer>,
  longName: string | undefined,
  longLink: string | undefined,
  at: number,
  where: string,
): TarEntry & { readonly stored: number } {
  const word = (key: string) => pax.get(key)?.toString("latin1");
  const count = (key: string) => {
    const digits = word(key);
    if (digits === undefined) return undefined;
    return /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN;
  };
  const holes = header.type === "S" || (pax.size > 0 && [...pax.keys()].some((key) => key.startsWith("GNU.sparse.")));
  const name = word("GNU.sparse.name") ?? word("path") ?? longName ?? header.name;
  const format = formats[header.type];
  if (format === undefined)
    throw badArchive(where, `${sayName(name)} is of a kind "${sayName(header.type)}" that no image has`);
  // Old tars mark a directory by its name alone.
  const directory = header.type === "5" || (header.type === "0" && name.endsWith("/"));
  const plain = format === 0o100000 && !directory && header.type !== "1";
  // A hard link may say its file's size; nothing of it follows.
  const stored = plain || (directory && header.type !== "5") ? (count("size") ?? header.size) : 0;
  const size = holes ? (count("GNU.sparse.realsize") ?? count("GNU.sparse.size") ?? header.realSize) : stored;
  const [uid, gid] = [count("uid") ?? header.uid, count("gid") ?? header.gid];
  const wrong = (value: number) => !Number.isSafeInteger(value) || value < 0;
  const what = wrong(stored) || wrong(size) ? "size" : wrong(uid) ? "uid" : wrong(gid) ? "gid" : "mode";
  if (what !== "mode" || wrong(header.mode)) throw badArchive(where, `the ${what} of ${sayName(name)} is no number`);
  return {
    name,
    hardLink: header.type === "1",
    mode: (directory ? 0o040000 : format) | header.mode,
    uid,
    gid,
    size: plain ? size : 0,
    link: word("linkpath") ?? longLink ?? header.link,
    attributes: attributesIn(pax),
    at: holes ? undefined : at,
    stored,
  };
}

const attribute = "SCHILY.xattr.";

/** As star and GNU tar write them, and the engines after them. */
function attributesIn(pax: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> | undefined {
  const found = [...pax].filter(([key]) => key.startsWith(attribute));
  if (found.length === 0) return undefined;
  // The bytes are parts of a header that need not be kept.
  const named = (key: string) => key.slice(attribute.length).replaceAll("%3D", "=").replaceAll("%25", "%");
  return new Map(found.map(([key, value]) => [named(key), Buffer.from(value)]));
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end === -1 ? bytes.length : end);
}
