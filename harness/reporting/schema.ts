// Decides how the report's shape is published: JSON Schema, draft 2020-12, made of the one definition in report.ts.
// `node harness/reporting/schema.ts > reports/report.schema.json` writes it anew; a test holds the file against it.
import { z } from "zod";
import { reportSchema } from "./report.ts";

/** The text of `reports/report.schema.json`. */
export function schemaText(): string {
  const { $schema, ...rest } = z.toJSONSchema(reportSchema, { target: "draft-2020-12" });
  return `${JSON.stringify({ $schema, ...rest }, null, 2)}\n`;
}

if (import.meta.main) process.stdout.write(schemaText());
