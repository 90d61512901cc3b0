// Decides how `assay attest` makes statements of a run that has ended: which report, which of its images, that its disks are still what
// they were, and where the bundles lie. The key is read last, by a process that runs no test. Refuses what the report cannot carry.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { readConfig } from "../config.ts";
import { DeclarationError, ExitCode, ReportError } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { signStatement } from "../reporting/attest-bundle.ts";
import { identityIn } from "../reporting/attest-identity.ts";
import type { SigningKey } from "../reporting/attest-key.ts";
import { type ReadReport, type Tested, testedIn, testResultOf } from "../reporting/attest-statement.ts";
import { identityToken } from "../reporting/attest-token.ts";
import { oneLine } from "../reporting/escape.ts";
import { type Signer, signerName } from "../reporting/gate-evidence.ts";
import { readDigested } from "../reporting/read.ts";
import { type PushedManifest, pushedManifest, readReference } from "./attach-registry.ts";
import { reportFile } from "./report-file.ts";
import { signingKey } from "./signing-key.ts";
import { hashTestedDisk } from "./tested-disk.ts";

export interface AttestOptions {
  /** Where the signing key is: see `signingKey`. */
  readonly key?: string;
  /** By the CI job's identity, with Fulcio and Rekor, instead of a key. */
  readonly keyless?: boolean;
  readonly fulcioUrl?: string;
  readonly rekorUrl?: string;
  readonly timestampUrl?: string;
  /** `name:tag` of the images that are meant; all of the run's without it. */
  readonly image?: readonly string[];
  /** References under which images were pushed: their manifests' digests become subjects. */
  readonly pushed?: readonly string[];
  /** qcow2 files that machines ran from and no recipe made. */
  readonly file?: readonly string[];
  readonly url?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** What was made of one image, and who signed it: a key by its id, or the identity that a certificate names. */
export type Attested = Signer & {
  readonly image: string;
  readonly result: string;
  readonly subjects: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  /** Absolute. */
  readonly bundle: string;
};

/**
 * `assay attest [run]`: a run's name, its directory or its report.json; the newest run's without one. One bundle an image, in `attestations/`
 * of the run's directory unless `out` says otherwise. A `DeclarationError` (`no-report`, `bad-report`, `no-key`, `bad-key`, `which-image`,
 * `other-image`), a `ReportError` of `testResultOf`, a `ProvisionError` (`base-changed`) for a disk that is no longer what was tested.
 */
export async function attestCommand(word: string | undefined, options: AttestOptions): Promise<number> {
  const attested = await attest(word, options);
  if (options.json === true) console.log(JSON.stringify(attested, null, 2));
  else
    for (const each of attested) {
      const subjects = each.subjects.map(({ name, digest }) => `${oneLine(name)} sha256:${digest.sha256}`).join(", ");
      const signed = `signed by ${oneLine(signerName(each), 600)}`;
      console.log(
        `${oneLine(each.image)}: ${each.result}, ${subjects}, ${signed}, ${relative(process.cwd(), each.bundle)}`,
      );
    }
  return ExitCode.met;
}

/** As the command, and what came of it. `held`: the key, where somebody has read it already. */
export async function attest(
  word: string | undefined,
  options: AttestOptions,
  held?: SigningKey,
): Promise<readonly Attested[]> {
  const config = readConfig();
  if (held === undefined && (options.key === undefined) === (options.keyless !== true))
    throw new DeclarationError({
      code: "no-key",
      seen: options.key === undefined ? "nothing says what to sign with" : "--key and --keyless are both given",
      hint: "give --key file:<path>, env:<name> or exec:<program>; or --keyless where Fulcio and Rekor can be reached",
    });
  const services = servicesIn(options);
  const at = reportFile(config, word);
  const read = readDigested(at);
  const chosen = imagesMeant(read, options.image ?? []);
  for (const tested of chosen) if (tested.kind === "disk") await hashTestedDisk(tested, config, options.file ?? []);
  const manifests = await Promise.all((options.pushed ?? []).map((each) => pushedManifest(readReference(each))));
  const statements = chosen.map((tested) => {
    const manifest = manifestOf(tested, manifests);
    return { tested, statement: testResultOf(read, tested, { manifest, url: options.url }) };
  });
  for (const each of manifests)
    if (!chosen.some(({ sha256 }) => sha256 === each.config))
      throw new DeclarationError({
        code: "other-image",
        seen: `${each.name} has configuration sha256:${each.config}, and the run tested ${chosen.map(({ name, sha256 }) => `${oneLine(name)} sha256:${sha256}`).join(", ")}`,
        hint: "it was built again since, or is another image: run the specs on it (--with), then attest that run",
      });
  const out = resolve(options.out ?? join(at, "..", "attestations"));
  const key = held ?? (options.key === undefined ? undefined : signingKey(options.key));
  const by = key === undefined ? { keyless: { ...services, token: await identityToken(Date.now()) } } : { key };
  return Promise.all(
    statements.map(async ({ tested, statement }): Promise<Attested> => {
      const subject = statement.subject[0]?.digest.sha256 ?? tested.sha256;
      const bundle = join(out, `${subject}.test-result.sigstore.json`);
      const text = await signStatement(statement, by);
      const signer = signerOf(key, text);
      writeWhole(bundle, text);
      return {
        image: redact(tested.name),
        result: statement.predicate.result,
        subjects: statement.subject,
        bundle,
        ...signer,
      };
    }),
  );
}

function manifestOf({ kind, sha256 }: Tested, manifests: readonly PushedManifest[]): PushedManifest | undefined {
  return kind === "config" ? manifests.find(({ config }) => config === sha256) : undefined;
}

function imagesMeant({ report }: ReadReport, names: readonly string[]): readonly Tested[] {
  const all = testedIn(report);
  const known = [...new Set(all.map(({ name }) => oneLine(name)))].join(", ") || "none";
  const refused = (seen: string, hint: string) => new DeclarationError({ code: "which-image", seen, hint });
  if (all.length === 0)
    throw refused(`run ${report.run} had no image of which a digest is known`, "run specs that stand one up");
  const chosen = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
  for (const name of names)
    if (!all.some((each) => each.name === name))
      throw refused(`run ${report.run} tested no image ${oneLine(name)}`, `it tested ${known}`);
  for (const { name } of chosen)
    if (chosen.filter((each) => each.name === name).length > 1)
      throw refused(
        `run ${report.run} tested two images of one name, ${oneLine(name)}: it was built anew while the run went on`,
        "nobody can say which is meant: run again",
      );
  return chosen;
}

/** Where keyless signing asks. A `DeclarationError` (code `bad-option`) for what is no address. */
function servicesIn({ fulcioUrl, rekorUrl, timestampUrl }: AttestOptions) {
  const services = { fulcioUrl, rekorUrl, timestampUrl };
  for (const url of Object.values(services))
    if (url !== undefined && !(URL.canParse(url) && /^https?:/.test(url)))
      throw new DeclarationError({
        code: "bad-option",
        seen: `${oneLine(url)} is no http or https address`,
        hint: "--fulcio-url https://fulcio.example --rekor-url https://rekor.example",
      });
  return services;
}

function signerOf(key: SigningKey | undefined, bundle: string): Signer {
  if (key !== undefined) return { keyId: key.id };
  const identity = identityIn(bundle);
  if (identity !== undefined) return { identity };
  throw new ReportError({
    code: "no-identity",
    phase: "report",
    seen: "the certificate that Fulcio gave names no identity, or several, so nobody could allow it",
    hint: "its configuration says what it makes of this issuer's tokens; one subject, a URI or an e-mail address, is needed",
  });
}

/** A reader never sees half of it. */
export function writeWhole(file: string, text: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  const temporary = `${file}.${process.pid}.part`;
  writeFileSync(temporary, text, { flush: true });
  renameSync(temporary, file);
}
