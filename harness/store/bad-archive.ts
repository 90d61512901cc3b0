// Decides how it is said that an archive is none, or one that nobody should unpack; and how its names are shown.
import { ProvisionError } from "../model/errors.ts";

/** What hostile archives may cost; real images stay far below. */
export const archiveLimits = {
  /** Files and directories of all layers together. */
  entries: 1_000_000,
  /** Of one file once it is unpacked, holes and all. */
  fileBytes: 16 * 1024 ** 3,
  /** Bytes of all their names together. */
  nameBytes: 96 * 1024 ** 2,
  /** Of one path; the kernel takes no longer ones. */
  pathBytes: 4096,
  componentBytes: 255,
  /** Of one extended header. */
  headerBytes: 1024 ** 2,
  /** A stream that grows beyond `freeBytes` by more than `growth` times is no image. */
  growth: 100,
  freeBytes: 4 * 1024 ** 3,
  /** Of JSON in an archive or a layout. */
  jsonBytes: 16 * 1024 ** 2,
} as const;

/**
 * `bad-archive`: cut off, or not what its format says. `archive-escapes`: a name that leads out of the image. `archive-too-big`: more
 * than `archiveLimits`.
 */
export function badArchive(
  where: string,
  seen: string,
  code: "bad-archive" | "archive-escapes" | "archive-too-big" = "bad-archive",
  cause?: unknown,
): ProvisionError {
  return new ProvisionError({
    code,
    phase: "create",
    seen: `${where}: ${seen}`,
    hint:
      code === "bad-archive"
        ? "fetch or write it again; what cannot be read whole is not judged"
        : "look at where it came from: no engine would load it either, or it was made to do harm",
    cause,
  });
}

/** A name of an archive, one line, nothing in it that a terminal would act on; its bytes as characters. */
export function sayName(latin1: string): string {
  const text = Buffer.from(latin1, "latin1").toString("utf8");
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return JSON.stringify(short).replace(/[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
