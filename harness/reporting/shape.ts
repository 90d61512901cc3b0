// Decides whether a document is of the shape that is wanted, the same for all who read one: of a known version, by its schema, and small
// enough in what is wrong to be told. Pure; never throws.
import type { z } from "zod";
import { oneLine } from "./escape.ts";
import { type Report, reportSchema } from "./report.ts";

/** Why a document is not of the shape that is wanted. */
export interface Misshapen {
  readonly code: "unknown-version" | "bad-shape";
  /** One line without a full stop: the place, and what is wrong there. Foreign text in it is harmless. */
  readonly says: string;
}

/** A document by its schema, or why it is none; never throws. All schemas of ours have `schemaVersion` 1. */
export function shapeOf<Schema extends z.ZodType>(
  schema: Schema,
  document: unknown,
): { readonly data: z.output<Schema>; readonly wrong?: never } | { readonly wrong: Misshapen } {
  const version = (document as { readonly schemaVersion?: unknown } | null | undefined)?.schemaVersion;
  if (version !== undefined && version !== 1)
    return {
      wrong: { code: "unknown-version", says: `its schemaVersion is ${sayVersion(version)}, and this Assay reads 1` },
    };
  const bad = (says: string) => ({ wrong: { code: "bad-shape", says } }) as const;
  try {
    // One document a process: compiling the schema first would cost more than reading it.
    const read = schema.safeParse(document, { jitless: true });
    if (read.success) return { data: read.data };
    const [issue, ...more] = read.error.issues;
    const place = oneLine(issue?.path.map(String).join(".") || "the document", 200);
    return bad(
      `${place}: ${oneLine(issue?.message ?? "", 200)}${more.length === 0 ? "" : `, and ${more.length} more`}`,
    );
  } catch (error) {
    // Lists of hundreds of thousands of wrong things are more than the stack holds, as zod joins them.
    if (!(error instanceof RangeError)) throw error;
    return bad("more is wrong in it than can be told");
  }
}

/** What was read as a report, or why it is none. The same answer for all who ask. */
export function reportIn(
  document: unknown,
): { readonly data: Report; readonly wrong?: never } | { readonly wrong: Misshapen } {
  const read = shapeOf(reportSchema, document);
  // It names directories and is put into commands.
  if (read.wrong === undefined && !/^[\w-]{1,64}$/.test(read.data.run))
    return { wrong: { code: "bad-shape", says: "run: no run is called so" } };
  return read;
}

/** A value of any shape in few words. */
function sayVersion(version: unknown): string {
  return typeof version === "object" ? "no number" : oneLine(JSON.stringify(version) ?? "", 40);
}
