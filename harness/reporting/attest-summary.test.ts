// Decides what a gate's signed decision says, and that it is a yes to nothing but what was decided.
import { describe, expect, test } from "vitest";
import { saysYes, verificationSummary } from "./attest-summary.ts";
import { verifyBundle } from "./attest-verify.ts";
import { signed, soeDigest, testKey } from "./testing/attested.ts";

const key = testKey();

describe("a gate's decision", () => {
  const decision = {
    passed: true,
    subjects: [{ name: "config", digest: { sha256: soeDigest } }],
    verifier: "https://ci.example/gate",
    resource: "pkg:oci/soe?repository_url=registry.example/soe",
    policy: { uri: "reports/policy.ts", sha256: "d".repeat(64) },
    inputs: [{ sha256: "e".repeat(64) }],
    decidedAt: new Date(0),
  };

  test("is a yes by this verifier for this name, and nothing else is", async () => {
    const { verified } = verifyBundle(await signed(verificationSummary(decision), key), key.allowed);
    if (verified === undefined) throw new Error("it was refused");
    expect(verified.predicate).toMatchObject({
      verifier: { id: decision.verifier },
      timeVerified: "1970-01-01T00:00:00.000Z",
      policy: { uri: "reports/policy.ts", digest: { sha256: "d".repeat(64) } },
      inputAttestations: [{ digest: { sha256: "e".repeat(64) } }],
      verificationResult: "PASSED",
      verifiedLevels: ["ASSAY_GATE_PASSED"],
    });
    expect(saysYes(verified, decision)).toBe(true);
    expect(saysYes(verified, { ...decision, resource: "pkg:oci/other" })).toBe(false);
    expect(saysYes(verified, { ...decision, verifier: "https://elsewhere.example/gate" })).toBe(false);
    const no = verificationSummary({ ...decision, passed: false });
    expect(no.predicate).toMatchObject({ verificationResult: "FAILED", verifiedLevels: ["FAILED"] });
    expect(saysYes(no, decision)).toBe(false);
    expect(saysYes({ ...verified, predicateType: "https://in-toto.io/attestation/test-result/v0.1" }, decision)).toBe(
      false,
    );
  });
});
