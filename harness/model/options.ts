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

function say(issue: z.core.$ZodIssue, schema: z.ZodType, above: readonly PropertyKey[] = []): string {
  const at = [...above, ...issue.path];
  const path = at.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(schema, at);
    return issue.keys
      .map((key) => {
        const guess = nearest(key, known);
        return `unknown option "${path === "" ? key : `${path}.${key}`}"${guess === undefined ? "" : `, did you mean "${guess}"?`}`;
      })
      .join("; ");
  }
  if (issue.code === "invalid_union") {
    // What was written decides which of the possible forms was meant: the one whose kind it is.
    const meant = issue.errors.filter(
      (branch) => !branch.some(({ code, path: { length } }) => code === "invalid_type" && length === 0),
    );
    const [branch] = meant.filter((each) => each.length > 0);
    if (meant.length === 1 && branch !== undefined) return branch.map((each) => say(each, schema, at)).join("; ");
  }
  const told = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return path === "" ? told : `option "${path}": ${told}`;
}

/** The candidate that a typo most likely meant, if one is near. */
export function nearest(typed: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((name) => ({ name, far: distance(typed.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(2, typed.length / 3) ? best.name : undefined;
}

/** Option names that the schema knows at a path, in any of its forms; none where it is not an object. */
function namesAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodUnion) return here.options.flatMap((option) => namesAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
  if (here instanceof z.ZodObject) return namesAt(here.shape[String(step)], rest);
  if (here instanceof z.ZodRecord) return namesAt(here.valueType, rest);
  if (here instanceof z.ZodArray) return namesAt(here.element, rest);
  return [];
}

function unwrap(schema: unknown): unknown {
  let here = schema;
  while (here instanceof z.ZodOptional || here instanceof z.ZodDefault) here = here.unwrap();
  return here;
}
