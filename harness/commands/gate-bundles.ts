// Decides which statements the gate is shown: those of bundles that an allowed key or identity signed. A bundle that is refused is a reason
// against the release, and not a bundle fewer. Signs what the gate decided, as a Verification Summary.
import { relative, resolve } from "node:path";
import { DeclarationError } from "../model/errors.ts";
import { signStatement } from "../reporting/attest-bundle.ts";
import type { SigningKey } from "../reporting/attest-key.ts";
import { configSubject, testedIn } from "../reporting/attest-statement.ts";
import { verificationSummary } from "../reporting/attest-summary.ts";
import { bundleDigest, type RefusalCode, verifyBundle } from "../reporting/attest-verify.ts";
import { type DocumentKind, readBytes } from "../reporting/document.ts";
import type { Decision } from "../reporting/gate-decision.ts";
import type { StatementSubject, VerifiedStatement } from "../reporting/gate-evidence.ts";
import { reportIn } from "../reporting/shape.ts";
import type { AllowedSigners } from "./allowed-signers.ts";
import { writeWhole } from "./attest.ts";
import { digestOfFile } from "./tested-disk.ts";

/** What bundles say, and which of them are refused. */
export interface ShownBundles {
  readonly statements: readonly VerifiedStatement[];
  readonly refused: readonly { readonly file: string; readonly code: RefusalCode; readonly seen: string }[];
  /** SHA-256 of each whole bundle, hexadecimal. */
  readonly digests: readonly string[];
}

/** Reads and verifies them. A `DeclarationError` as `readBundle`'s for one that cannot be read. */
export function shownBundles(files: readonly string[], { keys, certified }: AllowedSigners): ShownBundles {
  const texts = files.map((file) => ({ file, text: readBundle(file) }));
  const judged = texts.map(({ file, text }) => ({ file, ...verifyBundle(text, keys, certified) }));
  return {
    statements: judged.flatMap(({ verified }) => (verified === undefined ? [] : [verified])),
    refused: judged.flatMap(({ file, refused }) => (refused === undefined ? [] : [{ file, ...refused }])),
    digests: texts.map(({ text }) => bundleDigest(text)),
  };
}

const bundle: DocumentKind = { noun: "bundle", hint: "assay attest writes them", mostBytes: 16 * 1024 ** 2 };

/** The text of a bundle, of which nothing is believed. A `DeclarationError` (`no-bundle`, `unreadable`, `not-a-file`, `too-large`). */
export function readBundle(file: string): string {
  return readBytes(file, bundle).toString("utf8");
}

/** The same decision, with each refused bundle as a reason against it. */
export function withBundles(decision: Decision, { refused }: Pick<ShownBundles, "refused">): Decision {
  const refusals = refused.map(({ file, code, seen }) => ({
    code: "bad-bundle",
    about: file,
    says: `it is not taken (${code}): ${seen}`,
  }));
  return refusals.length === 0
    ? decision
    : { ...decision, accepted: false, refusals: [...decision.refusals, ...refusals] };
}

/** What a decision on a report is about: the images of these recipes, or all that it has, as the run had them. */
export function decidedSubjects(document: unknown, recipes: readonly string[]): readonly StatementSubject[] {
  const read = reportIn(document);
  if (read.wrong !== undefined) return [];
  const tags = read.data.images.filter(({ recipe }) => recipes.includes(recipe)).map(({ tag }) => tag);
  const about = testedIn(read.data).filter(({ name }) => recipes.length === 0 || tags.includes(name));
  return about.map(({ name, kind, sha256 }, at) => ({
    name: kind === "disk" ? name : about.length === 1 ? configSubject : `${configSubject} ${at + 1}`,
    digest: { sha256 },
  }));
}

export interface SignedDecision {
  readonly decision: Decision;
  readonly subjects: readonly StatementSubject[];
  /** Where the policy's file is. */
  readonly policy: string;
  readonly project: string;
  /** Digests of the bundles that it was made from. */
  readonly inputs: readonly string[];
  readonly verifier: string;
  readonly resource: string;
  readonly key: SigningKey;
  readonly out: string;
}

/** Writes the decision, yes or no, as a bundle; the text of it. A `DeclarationError` (code `no-subject`) where it is about no image. */
export async function signDecision(about: SignedDecision): Promise<string> {
  if (about.subjects.length === 0)
    throw new DeclarationError({
      code: "no-subject",
      seen: "the decision is about no image whose digest is known, so nothing can be signed",
      hint: "name images in the policy that the run was on",
    });
  for (const [name, uri] of [
    ["--verifier", about.verifier],
    ["--resource", about.resource],
  ] as const)
    if (!URL.canParse(uri))
      throw new DeclarationError({
        code: "bad-option",
        seen: `${name} ${uri} is no URI`,
        hint: "https://ci.example/gate",
      });
  const statement = verificationSummary({
    passed: about.decision.accepted,
    subjects: about.subjects,
    verifier: about.verifier,
    resource: about.resource,
    policy: { uri: relative(about.project, about.policy), sha256: await digestOfFile(about.policy) },
    inputs: about.inputs.map((sha256) => ({ sha256 })),
    decidedAt: new Date(about.decision.at),
  });
  const text = await signStatement(statement, { key: about.key });
  writeWhole(resolve(about.out), text);
  return text;
}
