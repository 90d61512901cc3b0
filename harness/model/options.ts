// Decides how options are read: strictly, with the call's file and line, and a guess at what a typo meant.
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { callSite } from "./call-site.ts";
import { DeclarationError } from "./errors.ts";

/**
 * The parsed options, defaults filled in. A `DeclarationError` (code `bad-option`) lists every problem, with the path
 * of the option and, for an unknown one, the known name nearest to it.
 */
export function readOptions<Schema extends z.ZodType>(
  what: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  // Each schema reads a few objects in a process's life: compiling it first costs more than reading them.
  const read = schema.safeParse(options, { jitless: true });
  if (read.success) return read.data;
  throw new DeclarationError({
    code: "bad-option",
    at: callSite(),
    seen: `${what}: ${read.error.issues.map((issue) => say(issue, schema)).join("; ")}`,
  });
}

function say(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(schema, issue.path);
    return issue.keys
      .map((key) => {
        const guess = nearest(key, known);
        return `unknown option "${path === "" ? key : `${path}.${key}`}"${guess === undefined ? "" : `, did you mean "${guess}"?`}`;
      })
      .join("; ");
  }
  return path === "" ? issue.message : `option "${path}": ${issue.message}`;
}

/** The candidate that a typo most likely meant, if one is near. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((name) => ({ name, far: distance(typed.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(2, typed.length / 3) ? best.name : undefined;
}

/** Option names that the schema knows at a path; empty where it is not an object. */
function namesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let here: unknown = schema;
  for (const step of path) {
    here = unwrap(here);
    if (here instanceof z.ZodObject) here = here.shape[String(step)];
    else if (here instanceof z.ZodRecord) here = here.valueType;
    else if (here instanceof z.ZodArray) here = here.element;
    else return [];
  }
  here = unwrap(here);
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let here = schema;
  while (here instanceof z.ZodOptional || here instanceof z.ZodDefault) here = here.unwrap();
  return here;
}
