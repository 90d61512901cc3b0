// Decides what may be shown to the gate: a report, statements whose signatures somebody verified before, and what was found out about
// the checkout, the images and their differences. Types and names alone: nothing here reads a file or trusts a word.
import { z } from "zod";
import type { Instant } from "../model/event.ts";
import type { SigningIdentity } from "../model/policy.ts";

/** The predicate that a run is attested by. */
export const testResultType = "https://in-toto.io/attestation/test-result/v0.1";

/** The name of the report among what a test result says was run: its `configuration`. */
export const reportConfiguration = "report.json";

/** What a statement is about, by the digest of its bytes. */
export interface StatementSubject {
  readonly name: string;
  /** 64 lower-case hexadecimal digits. */
  readonly digest: { readonly sha256: string };
}

/** Who signed: a key, or an identity for which a certificate stands. */
export type Signer =
  | {
      /** `SHA256:` and the base64 of the SHA-256 over the public key (SPKI, DER). */
      readonly keyId: string;
      readonly identity?: never;
    }
  | { readonly identity: SigningIdentity; readonly keyId?: never };

/** How a signer is called. @example signerName({ identity }) // "https://ci.example/images/release@main (https://issuer.example)" */
export function signerName({ keyId, identity }: Signer): string {
  return identity === undefined ? keyId : `${identity.subject} (${identity.issuer})`;
}

/** An in-toto statement whose envelope was verified: the signature is that of its signer, and the payload is what was signed. */
export interface VerifiedStatement {
  readonly predicateType: string;
  readonly subjects: readonly StatementSubject[];
  readonly predicate: unknown;
  readonly signer: Signer;
  /** When it was signed, by a clock that the verifier trusts; absent where no log and no time stamp vouches for it. */
  readonly signedAt?: Instant;
}

/** in-toto's ResourceDescriptor v1. */
const descriptor = z.strictObject({
  name: z.string().optional(),
  uri: z.string().optional(),
  digest: z.record(z.string(), z.string()).optional(),
  content: z.string().optional(),
  downloadLocation: z.string().optional(),
  mediaType: z.string().optional(),
  annotations: z.record(z.string(), z.unknown()).optional(),
});

/**
 * The predicate test-result v0.1. `configuration` has the report by `reportConfiguration` and its SHA-256, and each input by its path;
 * `passedTests`, `warnedTests`, `failedTests` have each test once, by `testName`.
 */
export const testResultSchema = z.strictObject({
  result: z.enum(["PASSED", "WARNED", "FAILED"]),
  configuration: z.array(descriptor),
  url: z.string().optional(),
  passedTests: z.array(z.string()).default([]),
  warnedTests: z.array(z.string()).default([]),
  failedTests: z.array(z.string()).default([]),
});

export type TestResult = z.output<typeof testResultSchema>;

/** A test as one text, the same in statements, in the gate's words and in history. @example testName(test) // "specs/a.spec.ts > it is there" */
export function testName({ file, name }: { readonly file: string; readonly name: string }): string {
  return `${file} > ${name}`;
}

/** An image as it is now, where the gate is asked about it: what is to be released. */
export interface ImageNow {
  /** The recipe's name. */
  readonly recipe: string;
  /** `sha256:…` of the image configuration; absent where there is no such image any more. */
  readonly imageId?: string;
  /** `sha256:…` of the whole file, of an image that is a disk; absent where the file is gone, or is not what was built. */
  readonly disk?: string;
  /** Of what would go in today; absent where it could not be found out, which is no yes. */
  readonly recipeDigest?: string;
  /** Of the image as its engine or a disk file has it. */
  readonly bytes?: number;
}

/** What one image has and another had not, as far as a policy asks for it. */
export interface ImageChange {
  /** The recipe's name. */
  readonly recipe: string;
  readonly packagesAdded: readonly string[];
  readonly packagesRemoved: readonly string[];
  /** Paths that have a setuid or setgid bit, and had none. */
  readonly setuidAdded: readonly string[];
}

/** All that a decision is made of. What is absent is not known, and what a policy asks of it is not met. */
export interface GateEvidence {
  /** The document of `report.json` as it was read; `undefined` is no report. */
  readonly report?: unknown;
  /** SHA-256 over the bytes that `report` was read from, hexadecimal: what a statement must name. */
  readonly reportDigest?: string;
  /** Why there is no report, where somebody tried to read one. */
  readonly unreadable?: string;
  readonly statements: readonly VerifiedStatement[];
  /**
   * Each input of the report as the checkout has it, and each that its specs are made of there: path → SHA-256, `undefined` where there is
   * no such file. Absent: there is no checkout.
   */
  readonly checkout?: ReadonlyMap<string, string | undefined>;
  /** Images as they are now, where somebody looked. */
  readonly images?: readonly ImageNow[];
  readonly changes?: readonly ImageChange[];
}
