// Decides what of a file system tree is compared and digested: path, type, mode, owner, size, contents, link target, device
// numbers, extended attributes. Times are not part of it. Reads tar streams, never the tree itself.
import { createHash } from "node:crypto";
import { extract, type Header } from "tar-stream";

/** Path → one line that is equal exactly when the entry is. Paths begin with `./`; the root is `./`. */
export type Listing = ReadonlyMap<string, string>;

export interface ListingReader {
  /** Where the tar stream is written. */
  readonly sink: NodeJS.WritableStream;
  /** Settles when the stream has ended. */
  readonly listing: Promise<Listing>;
}

/** Reads a tar stream into a listing, hashing contents as they pass. */
export function readListing(): ListingReader {
  const lines = new Map<string, string>();
  const sink = extract();
  sink.on("entry", (header, stream, next) => {
    const hash = header.type === "file" && (header.size ?? 0) > 0 ? createHash("sha256") : undefined;
    stream.on("data", (chunk) => hash?.update(chunk as Buffer));
    stream.on("end", () => {
      lines.set(header.name, entryLine(header, hash?.digest("hex")));
      next();
    });
  });
  const listing = new Promise<Listing>((resolve, reject) => {
    sink.on("finish", () => resolve(lines));
    sink.on("error", reject);
  });
  return { sink, listing };
}

function entryLine(header: Header, sha256: string | undefined): string {
  const pax = Object.entries(header.pax ?? {})
    .filter(([key]) => key.startsWith("SCHILY.xattr."))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    header.name,
    header.type,
    (header.mode ?? 0).toString(8).padStart(4, "0"),
    header.uid,
    header.gid,
    header.type === "file" ? header.size : 0,
    sha256 ?? "",
    header.linkname ?? "",
    header.type?.endsWith("-device") ? [header.devmajor, header.devminor] : [],
    ...pax,
  ]);
}

/** The listing as text, one line an entry, in byte order of paths. Its SHA-256 is the tree's digest. */
export function listingText(listing: Listing): string {
  return [...listing]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([, line]) => `${line}\n`)
    .join("");
}

/** What `listingText` wrote. */
export function parseListing(text: string): Listing {
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [(JSON.parse(line) as [string])[0], line]));
}

export interface TreeChange {
  /** Paths to put into a layer, parents first; with each its parent directories, whose modes an engine would else invent. */
  readonly present: readonly string[];
  /** Topmost paths that are gone and whose parent is still there. */
  readonly gone: readonly string[];
}

/** What a layer over `before` must hold so that it becomes `now`. */
export function treeChange(before: Listing, now: Listing): TreeChange {
  const present = new Set<string>();
  const links = hardLinks(now);
  const add = (path: string) => {
    for (const each of [...parents(path), path]) present.add(each);
  };
  for (const [path, line] of now) {
    if (before.get(path) === line) continue;
    // A hard link's line does not show that its contents changed: all names of one file travel together.
    for (const name of links.get(path) ?? [path]) add(name);
  }
  const gone: string[] = [];
  for (const path of before.keys()) {
    if (has(now, path)) continue;
    const up = parents(path).at(-1) ?? "./";
    const parent = now.get(up);
    if (parent === undefined || (JSON.parse(parent) as string[])[1] !== "directory") continue;
    gone.push(path.replace(/\/$/, ""));
    add(up);
  }
  const order = (paths: Iterable<string>) => [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return { present: order(present), gone: order(gone) };
}

/** A directory's path ends with a slash in tar, a file's does not: what matters is whether the name is still taken. */
function has(listing: Listing, path: string): boolean {
  const bare = path.replace(/\/$/, "");
  return listing.has(bare) || listing.has(`${bare}/`);
}

function parents(path: string): string[] {
  const parts = path.replace(/\/$/, "").split("/").slice(0, -1);
  return parts.map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
}

/** Each name of a file that has several → all of them. */
function hardLinks(listing: Listing): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [path, line] of listing) {
    const [, type, , , , , , target] = JSON.parse(line) as string[];
    if (type !== "link" || target === undefined) continue;
    const group = groups.get(target) ?? [target];
    group.push(path);
    for (const name of group) groups.set(name, group);
  }
  return groups;
}
