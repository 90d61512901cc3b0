// Decides how `assay gate` gets a policy and evidence together and tells what the gate answers. All reading is done here; the answer is
// `decide`'s alone. What cannot be read as a report is refused as evidence, not as a command line.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { DeclarationError, ExitCode } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import { decide } from "../reporting/gate.ts";
import type { GateEvidence } from "../reporting/gate-evidence.ts";
import { decisionLines, explanationLines } from "../reporting/gate-words.ts";
import { readReportDocument } from "../reporting/read.ts";
import { importsOf } from "../store/imports.ts";
import { filesBelow, inputNow } from "../store/inputs.ts";
import { allowedSigners, nobody } from "./allowed-signers.ts";
import { changesSince, readSince } from "./diff-since.ts";
import { decidedSubjects, shownBundles, signDecision, withBundles } from "./gate-bundles.ts";
import { imagesNow } from "./gate-images.ts";
import { readPolicy } from "./policy-file.ts";
import { reportFile } from "./report-file.ts";
import { signingKey } from "./signing-key.ts";

/** Assay itself is no part of a run's inputs: its version is. */
const harness = `${dirname(import.meta.dirname)}/`;

export interface GateOptions {
  /** File that exports the policy; `reports/policy.ts` unless told otherwise. */
  readonly policy?: string;
  /** Recipe whose image is to be the one that was tested, beside those that the policy names. */
  readonly image?: string;
  /** `recipe=image`, several parted by commas: the older images that budgets of differences are held against. */
  readonly since?: string;
  /** Bundles that vouch for the run, and the public keys that may have signed them. */
  readonly bundle?: readonly string[];
  readonly key?: readonly string[];
  /** Where the key is that the decision is signed with: who decides, for which resource, and the file it is written to. */
  readonly sign?: string;
  readonly verifier?: string;
  readonly resource?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/**
 * `assay gate [explain] [run]`: 0 when it is accepted, 1 when not. With `json` prints the decision with `policy` and `report`, each its
 * path and SHA-256. A `DeclarationError` for a policy that cannot be used, and for a run that there is none of.
 */
export async function gateCommand(words: readonly string[], options: GateOptions): Promise<number> {
  const config = readConfig();
  const explain = words[0] === "explain";
  const [wanted, ...more] = explain ? words.slice(1) : words;
  if (more.length > 0)
    throw new DeclarationError({
      code: "one-run",
      seen: `the gate decides about one run, and ${more.length + 1} are named`,
      hint: "assay merge makes one report of several",
    });
  const policyFile = resolve(options.policy ?? join(config.project, "reports", "policy.ts"));
  const policy = await readPolicy(policyFile);
  const report = reportFile(config, wanted);
  const signing = signingOptions(options);
  const signers = options.bundle === undefined ? nobody : signersBy(policy, options.key, config.project);
  const shown = shownBundles(options.bundle ?? [], signers);
  const since = readSince(options.since);
  const changes = since.length === 0 ? {} : { changes: await changesSince(config, since) };
  const known = { image: options.image, statements: shown.statements, ...changes };
  const evidence = await evidenceOf(config, policy, report, known);
  const decision = withBundles(decide(policy, evidence, Date.now()), shown);
  if (signing !== undefined) {
    const recipes = [...policy.images, ...(options.image === undefined ? [] : [options.image])];
    const subjects = decidedSubjects(evidence.report, recipes);
    const about = { decision, subjects, policy: policyFile, project: config.project, inputs: shown.digests };
    await signDecision({ ...about, ...signing, key: signingKey(signing.source) });
  }
  if (options.json === true) {
    const files = {
      policy: { path: relative(config.project, policyFile), sha256: digestOf(readFileSync(policyFile)) },
      report: { path: relative(config.project, report), sha256: evidence.reportDigest },
    };
    console.log(JSON.stringify({ ...decision, ...files }, null, 2));
  } else console.log((explain ? explanationLines(decision) : decisionLines(decision)).join("\n"));
  return decision.accepted ? ExitCode.met : ExitCode.failed;
}

/** Those who may have signed what is shown: keys of files, and the identities that the policy names, by its trusted root. */
export function signersBy(policy: Policy, keys: readonly string[] | undefined, project: string) {
  const { identities, trustedRoot } = policy;
  return allowedSigners({
    keys,
    identities,
    trustedRoot: trustedRoot === undefined ? undefined : resolve(project, trustedRoot),
  });
}

/** All that a signed decision says beside what was decided; `undefined` where none is wanted. A `DeclarationError` for half of it. */
function signingOptions({ sign, verifier, resource, out }: GateOptions) {
  if (sign === undefined && verifier === undefined && resource === undefined && out === undefined) return undefined;
  if (sign !== undefined && verifier !== undefined && resource !== undefined && out !== undefined)
    return { source: sign, verifier, resource, out };
  throw new DeclarationError({
    code: "bad-option",
    seen: "a decision is signed with --sign, --verifier, --resource and --out, and some of them are missing",
    hint: "give all four, or none",
  });
}

/** What the caller of `evidenceOf` knows already, or wants to be asked as well. */
export interface Shown extends Pick<GateEvidence, "changes"> {
  /** Recipe whose image is looked at, beside those of the policy. */
  readonly image?: string | undefined;
  /** Verified before. */
  readonly statements?: GateEvidence["statements"];
}

/** What there is to be known about a report's file, the checkout and the images, for `decide`. */
export async function evidenceOf(
  config: Config,
  policy: Policy,
  file: string,
  shown: Shown = {},
): Promise<GateEvidence> {
  const { image, statements = [], changes } = shown;
  const read = readShown(file);
  const names = [...new Set([...policy.images, ...(image === undefined ? [] : [image])])];
  return {
    ...read,
    statements,
    checkout: checkoutOf(read.report, config.project),
    ...(names.length === 0 ? {} : { images: await imagesNow(config, names) }),
    ...(changes === undefined ? {} : { changes }),
  };
}

/** What cannot be read is refused as evidence, by the gate. */
function readShown(file: string): Pick<GateEvidence, "report" | "reportDigest" | "unreadable"> {
  try {
    const { document, sha256 } = readReportDocument(file);
    return { report: document, reportDigest: sha256 };
  } catch (error) {
    if (error instanceof DeclarationError) return { unreadable: error.seen };
    throw error;
  }
}

/** What a document of any shape names as its inputs, and what its spec files import, as they are in the checkout. */
function checkoutOf(document: unknown, project: string): ReadonlyMap<string, string | undefined> {
  const { inputs, tests } = (document ?? {}) as { inputs?: unknown; tests?: unknown };
  const told = new Set(textsIn(inputs, "path"));
  const isForeign = (path: string) => path.startsWith(harness) || path.includes("/node_modules/");
  // A spec that the run skipped before it was read has no inputs of its own.
  const specs = [...new Set(textsIn(tests, "file"))].filter((file) => told.has(file));
  const imported = specs.flatMap((file) => importsOf(resolve(project, file), isForeign));
  const below = [...told].filter((path) => path.endsWith("/")).flatMap((path) => filesBelow(path, project));
  const all = new Set([...told, ...below, ...imported.map((path) => relative(project, path))]);
  return new Map([...all].map((path) => [path, inputNow(path, project)]));
}

/** Values of one key in a list of any shape. */
function textsIn(list: unknown, key: string): readonly string[] {
  return (Array.isArray(list) ? list : []).flatMap((each: Record<string, unknown> | null) => {
    const text = each?.[key];
    return typeof text === "string" && !text.includes("\0") ? [text] : [];
  });
}

function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
