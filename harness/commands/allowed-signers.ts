// Decides who may have signed what a command is shown: keys of files that are named, identities of a policy or of options, and the trusted root
// that says whose certificates stand for these. Reads the files; judges no bundle. Refuses a command for which nobody may have signed.
import { readFileSync } from "node:fs";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { SigningIdentity } from "../model/policy.ts";
import type { Certified } from "../reporting/attest-identity.ts";
import type { AllowedKey } from "../reporting/attest-key.ts";
import { readTrustedRoot } from "../reporting/attest-trust.ts";
import { allowedKeys } from "./signing-key.ts";

export interface AllowedSigners {
  readonly keys: readonly AllowedKey[];
  readonly certified: Certified;
}

/** Nobody: what is right where nothing is to be verified. */
export const nobody: AllowedSigners = { keys: [], certified: { identities: [] } };

/**
 * Keys of files, and identities with the file of their trusted root. A `DeclarationError`: `no-key` where there is neither, `bad-key`,
 * `no-trusted-root` for a file that cannot be read, `bad-trusted-root`. Identities without a file are kept, and none of them believed.
 */
export function allowedSigners(about: {
  readonly keys: readonly string[] | undefined;
  readonly identities: readonly SigningIdentity[];
  readonly trustedRoot: string | undefined;
}): AllowedSigners {
  const { keys = [], identities, trustedRoot } = about;
  return {
    keys: keys.length === 0 && identities.length > 0 ? [] : allowedKeys(keys),
    certified: {
      identities,
      ...(identities.length === 0 || trustedRoot === undefined ? {} : { root: rootOf(trustedRoot) }),
    },
  };
}

function rootOf(file: string) {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new DeclarationError({
      code: "no-trusted-root",
      seen: `the trusted root ${file} cannot be read: ${messageOf(error)}`,
      hint: "the policy's trustedRoot, or --trusted-root, names it: a path in the project",
    });
  }
  return readTrustedRoot(text, file);
}
