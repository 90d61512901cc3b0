// Decides how the shape of a difference is published: JSON Schema, draft 2020-12, made of the one definition in violations.ts.
// `node harness/diff/schema.ts > reports/diff.schema.json` writes it anew; a test holds the file against it.
import { z } from "zod";
import { diffDocumentSchema } from "./violations.ts";

/** The text of `reports/diff.schema.json`. */
export function diffSchemaText(): string {
  const { $schema, ...rest } = z.toJSONSchema(diffDocumentSchema, { target: "draft-2020-12" });
  return `${JSON.stringify({ $schema, ...rest }, null, 2)}\n`;
}

if (import.meta.main) process.stdout.write(diffSchemaText());
