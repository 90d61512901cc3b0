// Decides how a capsule is written: the manifest, then each member in order of its name, redacted, with nothing in it of times or owners,
// so that the same run packed twice gives the same bytes.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { messageOf, ReportError } from "../model/errors.ts";
import { redact, redactBytes } from "../model/secret.ts";
import { canonicalJson } from "../store/canonical.ts";
import { type CapsuleManifest, capsuleLimits, manifestSchema } from "./manifest.ts";
import { redactLiterals } from "./source-literals.ts";

/** A file that is to be taken along, as it was read. */
export interface Content {
  readonly path: string;
  readonly bytes: Buffer;
  readonly executable?: boolean;
}

export type CapsuleFacts = Omit<CapsuleManifest, "members" | "capsuleVersion">;

/** What is written, in its order; the manifest first. Pure but for the registered secrets. */
export function capsuleFiles(facts: CapsuleFacts, contents: readonly Content[]): readonly Content[] {
  const ordered = [...contents].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  for (const { path } of ordered)
    if (redact(path) !== path)
      throw bad(
        `a file's name holds the secret ${redact(path)}`,
        "give the file another name: it would stand in the archive",
      );
  const clean = ordered.map(({ path, bytes, executable }) => ({ path, executable, ...redacted(path, bytes) }));
  const manifest: CapsuleManifest = {
    capsuleVersion: 1,
    ...(JSON.parse(redact(JSON.stringify(facts))) as CapsuleFacts),
    members: clean.map(({ path, bytes, executable, names }) => ({
      path,
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      ...(executable === true ? { executable } : {}),
      ...(names.length === 0 ? {} : { redacted: [...names] }),
    })),
  };
  const read = manifestSchema.safeParse(manifest);
  if (!read.success)
    throw bad(
      `the capsule would break its own schema: ${read.error.issues
        .slice(0, 3)
        .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
        .join("; ")}`,
      "a file's name has characters that a terminal acts on, or a secret is one of the report's own words",
    );
  return [
    { path: "manifest.json", bytes: Buffer.from(`${canonicalJson(manifest, "  ")}\n`) },
    ...clean.map(({ path, bytes, executable }) => ({ path, bytes, ...(executable === true ? { executable } : {}) })),
  ];
}

/** Of the project's own files also what their literals mean. */
function redacted(path: string, bytes: Buffer): ReturnType<typeof redactBytes> {
  const plain = redactBytes(bytes);
  if (!path.startsWith("project/")) return plain;
  const meant = redactLiterals(plain.bytes);
  return { bytes: meant.bytes, names: [...new Set([...plain.names, ...meant.names])].sort() };
}

function bad(seen: string, hint: string): ReportError {
  return new ReportError({ code: "bad-capsule", phase: "report", seen, hint });
}

/** Writes the archive whole or not at all. Rejects with a `ReportError` (codes `bad-capsule`, `unwritable`). */
export async function writeCapsule(file: string, facts: CapsuleFacts, contents: readonly Content[]): Promise<void> {
  const files = capsuleFiles(facts, contents);
  const part = `${file}.${process.pid}.part`;
  try {
    await writeArchiveOf(part, files);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw new ReportError({
      code: "unwritable",
      phase: "report",
      seen: `the capsule could not be written to ${file}: ${messageOf(error)}`,
      cause: error,
    });
  }
}

/** A tar of these files, in gzip. What they are is for whoever reads it to judge. */
export async function writeArchiveOf(file: string, files: readonly Content[]): Promise<void> {
  const archive = pack();
  // Level 6 is zlib's own; its header has no time and no name.
  const written = pipeline(archive, createGzip({ level: 6 }), createWriteStream(file, { mode: 0o600 }));
  // All of them are in memory already.
  for (const { path, bytes, executable } of files)
    archive.entry({ name: path, mode: executable === true ? 0o755 : 0o644, mtime: new Date(0) }, bytes);
  archive.finalize();
  await written;
}

/** Whether there is room for one more. */
export function fits(taken: { readonly count: number; readonly bytes: number }, bytes: number): boolean {
  const { members, memberBytes, totalBytes } = capsuleLimits;
  return taken.count < members && bytes <= memberBytes && taken.bytes + bytes <= totalBytes;
}
