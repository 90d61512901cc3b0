// Decides how `assay verify` answers whether an image is attested: by a key or an identity that is allowed, on these very bytes, with a result
// that is a pass. Refuses everything else, and says why. What a release needs beyond that is the gate's policy.
import { durationMs } from "../model/duration.ts";
import { DeclarationError, ExitCode, messageOf } from "../model/errors.ts";
import type { SigningIdentity } from "../model/policy.ts";
import { ageObjection } from "../reporting/attest-age.ts";
import { saysYes, summaryType } from "../reporting/attest-summary.ts";
import { requireSubject, verifyBundle } from "../reporting/attest-verify.ts";
import { oneLine } from "../reporting/escape.ts";
import { signerName, testResultSchema, type VerifiedStatement } from "../reporting/gate-evidence.ts";
import { allowedSigners } from "./allowed-signers.ts";
import { pushedManifest, readReference } from "./attach-registry.ts";
import { readBundle } from "./gate-bundles.ts";
import { digestOfFile } from "./tested-disk.ts";

export interface VerifyOptions {
  /** Files with the public keys that may sign. */
  readonly key?: readonly string[];
  /** Who may sign without a key: the subject of the certificate, its issuer, and the file that says whose certificates count. All or none. */
  readonly identity?: string;
  readonly issuer?: string;
  readonly trustedRoot?: string;
  /** What it is to be on: a reference in a registry, a file that is hashed, or a digest. One of them. */
  readonly image?: string;
  readonly file?: string;
  readonly digest?: string;
  /** Takes WARNED for a pass. */
  readonly warned?: boolean;
  /** Of a gate's decision: who decided, and as what it is released. */
  readonly verifier?: string;
  readonly resource?: string;
  /** How long ago the decision may have been made, or the run have ended; default: at any time. */
  readonly maxAge?: string;
  readonly json?: boolean;
}

interface Judged {
  readonly bundle: string;
  readonly accepted: boolean;
  readonly why: string;
  /** Why it is refused before it is read: see `RefusalCode`. */
  readonly code?: string;
  /** Absent, both, where it is of nobody who is allowed. */
  readonly keyId?: string;
  readonly identity?: SigningIdentity;
  /** When it was signed, ISO, where a log or a time stamp vouches for it. */
  readonly signedAt?: string;
  readonly predicateType?: string;
}

/**
 * `assay verify [bundle…]`: those that are given, which must all be good; without any, with `image`, those that are attached to it, of which
 * one must be good and none of an allowed signer may say FAILED. 0, or 1 with the reason. A `DeclarationError` for what cannot be meant
 * (`no-key`, `bad-key`, `no-subject`, `no-bundle`, `bad-duration`); a `ProvisionError` where the registry could not be asked.
 */
export async function verifyCommand(bundles: readonly string[], options: VerifyOptions): Promise<number> {
  const { keys, certified } = allowedSigners(signersIn(options));
  const { maxAge: said } = options;
  const age = said === undefined ? undefined : { maxAgeMs: durationMs(said), said, now: Date.now() };
  const { digests, attached } = await subjectOf(options, bundles.length === 0);
  const given =
    bundles.length > 0
      ? bundles.map((file) => ({ bundle: file, text: readBundle(file) }))
      : attached.map((text, at) => ({ bundle: `attached bundle ${at + 1}`, text }));
  const judged = given.map(({ bundle, text }): Judged => {
    const { verified, refused } = verifyBundle(text, keys, certified);
    if (verified === undefined) return { bundle, accepted: false, why: refused.seen, code: refused.code };
    const other = requireSubject(verified, digests);
    const late = () => (age === undefined ? undefined : ageObjection(verified, age));
    const objection = other?.seen ?? objectionTo(verified, options) ?? late();
    const { signer, predicateType, signedAt } = verified;
    const at = signedAt === undefined ? {} : { signedAt: new Date(signedAt).toISOString() };
    const signed = `signed by ${signerName(signer)}${at.signedAt === undefined ? "" : ` at ${at.signedAt}`}`;
    return { bundle, accepted: objection === undefined, why: objection ?? signed, ...signer, ...at, predicateType };
  });
  const good = judged.filter(({ accepted }) => accepted).length;
  const failures = judged.some(
    (each) => !each.accepted && each.predicateType !== undefined && /^it says FAILED/.test(each.why),
  );
  const met = good > 0 && (bundles.length === 0 ? !failures : good === judged.length);
  if (options.json === true) console.log(JSON.stringify({ met, digests, bundles: judged }, null, 2));
  else {
    for (const { bundle, accepted, why } of judged)
      console.log(`${accepted ? "good" : "refused"} ${bundle}: ${oneLine(why, 600)}`);
    if (judged.length === 0) console.log(`refused: nothing is attached to ${options.image}`);
  }
  return met ? ExitCode.met : ExitCode.failed;
}

function signersIn({ key, identity, issuer, trustedRoot }: VerifyOptions) {
  if (identity === undefined && issuer === undefined && trustedRoot === undefined)
    return { keys: key, identities: [], trustedRoot };
  if (identity !== undefined && issuer !== undefined && trustedRoot !== undefined)
    return { keys: key, identities: [{ issuer, subject: identity }], trustedRoot };
  throw new DeclarationError({
    code: "bad-option",
    seen: "who may sign without a key is said with --identity, --issuer and --trusted-root, and some of them are missing",
    hint: "give all three, or none",
  });
}

function objectionTo(verified: VerifiedStatement, { warned, verifier, resource }: VerifyOptions): string | undefined {
  if (verified.predicateType === summaryType) {
    if (verifier === undefined || resource === undefined)
      return "it is a gate's decision, and nothing says whose counts, for what: --verifier <uri> --resource <uri>";
    return saysYes(verified, { verifier, resource }) ? undefined : `it is not a yes of ${verifier} to ${resource}`;
  }
  const { result, passedTests, failedTests } = testResultSchema.parse(verified.predicate);
  if (result === "FAILED" || failedTests.length > 0)
    return `it says FAILED: ${failedTests.length} of ${failedTests.length + passedTests.length} tests`;
  if (passedTests.length === 0) return "it names no test that passed";
  return result === "PASSED" || warned === true ? undefined : "it says WARNED: tests were skipped; --warned takes that";
}

async function subjectOf({ image, file, digest }: VerifyOptions, wantAttached: boolean) {
  const given = [image, file, digest].filter((each) => each !== undefined).length;
  if (given !== 1 || (wantAttached && image === undefined))
    throw new DeclarationError({
      code: "no-subject",
      seen:
        given > 1
          ? "it is told twice what is to be attested"
          : "nothing says what is to be attested, or by which bundle",
      hint: "give a bundle with --image <reference>, --file <disk.qcow2> or --digest sha256:…; with --image alone, attached ones are taken",
    });
  if (image !== undefined) {
    const reference = readReference(image);
    const manifest = await pushedManifest(reference);
    const attached = wantAttached ? await (await import("./attach.ts")).attachedBundles(reference, manifest) : [];
    return { digests: [manifest.sha256, manifest.config], attached };
  }
  const hex = /^(?:sha256:)?([0-9a-f]{64})$/.exec(digest ?? "")?.[1];
  if (digest !== undefined && hex === undefined)
    throw new DeclarationError({
      code: "no-subject",
      seen: `${oneLine(digest)} is no digest`,
      hint: "write sha256: and 64 hexadecimal digits",
    });
  return { digests: [hex ?? (await hashed(file ?? ""))], attached: [] };
}

function hashed(file: string): Promise<string> {
  return digestOfFile(file).catch((error: unknown) => {
    throw new DeclarationError({
      code: "no-subject",
      seen: `${file} cannot be hashed: ${messageOf(error)}`,
      cause: error,
    });
  });
}
