// Decides what a gate's decision is as a Verification Summary Attestation (SLSA v1): who decided, on what, by which policy, from which
// attestations. Pure. Claims no SLSA level: the gate proves tests, and says so by a level of its own.
import { type Statement, statementType } from "./attest-statement.ts";
import type { StatementSubject, VerifiedStatement } from "./gate-evidence.ts";

export const summaryType = "https://slsa.dev/verification_summary/v1";
/** The level that a decision of Assay's gate gives; levels that begin with `SLSA_` are not ours to give. */
export const testedLevel = "ASSAY_GATE_PASSED";

/** A decision, and what it was made of. */
export interface Decision {
  readonly passed: boolean;
  readonly subjects: readonly StatementSubject[];
  /** Who decided, a URI. Whoever reads it accepts only pairs of signer and verifier that they know. */
  readonly verifier: string;
  /** What the image is released as, a URI: so that a decision for one name is not one for another. */
  readonly resource: string;
  readonly policy: { readonly uri: string; readonly sha256: string };
  /** Bundles that it was made from, by the digest of their bytes, hexadecimal. */
  readonly inputs: readonly { readonly uri?: string; readonly sha256: string }[];
  readonly decidedAt: Date;
}

/** The predicate of a Verification Summary, as far as Assay writes it. */
export interface Summary {
  readonly verifier: { readonly id: string };
  readonly timeVerified: string;
  readonly resourceUri: string;
  readonly policy: { readonly uri: string; readonly digest: { readonly sha256: string } };
  readonly inputAttestations: readonly { readonly uri?: string; readonly digest: { readonly sha256: string } }[];
  readonly verificationResult: "PASSED" | "FAILED";
  readonly verifiedLevels: readonly string[];
  readonly slsaVersion: "1.1";
}

/** @example verificationSummary({ passed: true, subjects, verifier: "https://ci.example/gate", … }) */
export function verificationSummary(decision: Decision): Statement<Summary> {
  const { passed, subjects, verifier, resource, policy, inputs, decidedAt } = decision;
  return {
    _type: statementType,
    subject: subjects,
    predicateType: summaryType,
    predicate: {
      verifier: { id: verifier },
      timeVerified: decidedAt.toISOString(),
      resourceUri: resource,
      policy: { uri: policy.uri, digest: { sha256: policy.sha256 } },
      inputAttestations: inputs.map(({ uri, sha256 }) => ({
        ...(uri === undefined ? {} : { uri }),
        digest: { sha256 },
      })),
      verificationResult: passed ? "PASSED" : "FAILED",
      verifiedLevels: [passed ? testedLevel : "FAILED"],
      slsaVersion: "1.1",
    },
  };
}

/**
 * Whether a verified statement is a gate's yes to this name: PASSED, by this verifier, for this resource. A consumer who asks for less
 * takes one decision for another's.
 */
export function saysYes(
  { predicateType, predicate }: Pick<VerifiedStatement, "predicateType" | "predicate">,
  { verifier, resource }: Pick<Decision, "verifier" | "resource">,
): boolean {
  if (predicateType !== summaryType) return false;
  const summary = predicate as Partial<Summary>;
  return (
    summary.verificationResult === "PASSED" && summary.verifier?.id === verifier && summary.resourceUri === resource
  );
}
