// Decides which policy a file means: the one that it exports. Refuses a file with none and with several.
import { existsSync } from "node:fs";
import { DeclarationError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import { loaded } from "./recipes.ts";

/** The policy of a file. A `DeclarationError`: `no-policy`, `several-policies`, `unreadable-file`, or what its declaration says. */
export async function readPolicy(file: string): Promise<Policy> {
  if (!existsSync(file))
    throw new DeclarationError({
      code: "no-policy",
      seen: `there is no ${file}`,
      hint: "write it with definePolicy, or name another file with --policy",
    });
  const policies = new Set(Object.values(await loaded(file)).filter(isPolicy));
  const [policy] = policies;
  if (policy !== undefined && policies.size === 1) return policy;
  throw new DeclarationError({
    code: policy === undefined ? "no-policy" : "several-policies",
    seen: `${file} exports ${policy === undefined ? "no policy" : `${policies.size} policies`}`,
    hint: "export one constant that definePolicy gave",
  });
}

function isPolicy(value: unknown): value is Policy {
  return typeof value === "object" && value !== null && (value as Partial<Policy>).kind === "policy";
}
