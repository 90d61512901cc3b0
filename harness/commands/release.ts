// Decides how `assay release` goes from a recipe to a released image: build, run, attest, gate, push, attest what was pushed, in this order.
// Stops at the first 'no', and then nothing is pushed. Refuses a key that the tests could read before it is used.
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import { registryLogin } from "../drivers/docker-image.ts";
import { DeclarationError, ExitCode, ProvisionError } from "../model/errors.ts";
import { decide } from "../reporting/gate.ts";
import { signerName } from "../reporting/gate-evidence.ts";
import { decisionLines } from "../reporting/gate-words.ts";
import type { Report } from "../reporting/report.ts";
import { attach } from "./attach.ts";
import { pushedManifest, readReference } from "./attach-registry.ts";
import { attest } from "./attest.ts";
import { buildCommand } from "./build.ts";
import { evidenceOf, signersBy } from "./gate.ts";
import { shownBundles, signDecision, withBundles } from "./gate-bundles.ts";
import { readPolicy } from "./policy-file.ts";
import { recipesNamed } from "./recipes.ts";
import { runCommand } from "./run.ts";
import { signingKey } from "./signing-key.ts";
import { engineFacts } from "./surroundings.ts";

export interface ReleaseOptions {
  /** Where the image goes: `registry.example/studio/soe:1.4`. */
  readonly to?: string;
  /** The signing key: `file:<path>` or `exec:<program>`. */
  readonly key?: string;
  /** The public half, which the statements are held against. */
  readonly publicKey?: readonly string[];
  readonly policy?: string;
  /** Who decides, a URI; with it the decision is signed and attached, too. */
  readonly verifier?: string;
  readonly url?: string;
}

/**
 * `assay release <recipe> [pattern…]`: the specs are those that the policy requires unless patterns say otherwise. 0 when the image is in the
 * registry with its statement; else the exit code of the step that said no, and nothing after it was done.
 */
export async function releaseCommand(
  name: string,
  patterns: readonly string[],
  options: ReleaseOptions,
): Promise<number> {
  const config = readConfig();
  const { to, key, publicKey } = required(options);
  const target = readReference(to);
  const [recipe] = await recipesNamed(config.project, [name]);
  if (recipe === undefined) return ExitCode.usage;
  if (recipe.disk !== undefined)
    throw new DeclarationError({
      code: "no-image",
      at: recipe.at,
      seen: `recipe ${name} gives a disk, which no registry takes`,
      hint: "assay run, attest, gate and verify --file do the same by hand",
    });
  const tag = `${recipe.name}:${recipe.version}`;
  const policyFile = resolve(options.policy ?? join(config.project, "reports", "policy.ts"));
  const policy = await readPolicy(policyFile);
  const allowed = signersBy(policy, publicKey, config.project);
  const step = (what: string) => console.log(`release   ${what}`);

  step(`build ${name}`);
  const built = await buildCommand([name], {});
  if (built !== ExitCode.met) return built;

  step("run what the policy requires");
  let report: Report | undefined;
  const ran = await runCommand(patterns.length > 0 ? patterns : Object.keys(policy.required), {
    projects: ["specs"],
    concluded: (concluded) => {
      report = concluded;
    },
  });
  if (ran !== ExitCode.met || report === undefined) return ran === ExitCode.met ? ExitCode.couldNotAsk : ran;
  const { run } = report;

  step("attest what was tested");
  // Not before: the tests have ended. Once: a program that says it may ask for a word.
  const signing = signingKey(key);
  const [tested] = await attest(run, { image: [tag], ...urlOf(options) }, signing);
  const id = tested?.subjects.find(({ name: subject }) => subject === "config")?.digest.sha256;
  if (tested === undefined || id === undefined) throw notTested(tag);

  step("gate");
  const shown = shownBundles([tested.bundle], allowed);
  const reportFile = join(config.runs, run, "report.json");
  const evidence = await evidenceOf(config, policy, reportFile, { image: name, statements: shown.statements });
  const decision = withBundles(decide(policy, evidence, Date.now()), shown);
  console.log(decisionLines(decision).join("\n"));
  if (!decision.accepted) return ExitCode.failed;

  step(`push to ${to}`);
  const driver = await openDockerDriver(engineFacts(config));
  try {
    // By its digest: the tag may stand for another image by now.
    const pushed = await driver.push(`sha256:${id}`, { to, ...((await registryLogin(to)) ?? {}) });
    const manifest = await pushedManifest(readReference(`${target.registry}/${target.repository}@${pushed.digest}`));
    if (manifest.config !== id)
      throw new ProvisionError({
        code: "other-image",
        phase: "report",
        node: to,
        seen: `sha256:${id} was tested, and the registry has sha256:${manifest.config}`,
        hint: "nothing vouches for what lies there: remove it",
      });

    step("attest what was pushed");
    const place = { name: manifest.name, at: `${manifest.name}@${pushed.digest}` };
    const [final] = await attest(run, { image: [tag], pushed: [place.at], ...urlOf(options) }, signing);
    if (final === undefined) throw notTested(tag);
    const statement = readFileSync(final.bundle, "utf8");
    await attach(target, manifest, statement, final.bundle);
    if (options.verifier !== undefined) {
      const out = join(dirname(final.bundle), `${manifest.sha256}.verification-summary.sigstore.json`);
      const text = await signDecision({
        ...{ decision, policy: policyFile, project: config.project, inputs: shown.digests, out },
        ...{ subjects: final.subjects, verifier: options.verifier, resource: resourceOf(to), key: signing },
      });
      await attach(target, manifest, text, out);
    }
    console.log(`released  ${tag} as ${place.at}, ${final.result}, signed by ${signerName(final)}`);
    return ExitCode.met;
  } finally {
    await driver.close();
  }
}

/** What a summary names the released image by. @example "oci://registry.example/studio/soe:1.4" */
function resourceOf(to: string): string {
  return `oci://${to}`;
}

function urlOf({ url }: ReleaseOptions): { readonly url?: string } {
  return url === undefined ? {} : { url };
}

function required({ to, key, publicKey }: ReleaseOptions) {
  const refused = (code: string, seen: string, hint: string) => new DeclarationError({ code, seen, hint });
  if (to === undefined)
    throw refused("bad-option", "nothing says where the image goes", "--to registry.example/studio/soe:1.4");
  if (key === undefined || publicKey === undefined)
    throw refused("no-key", "a release is signed", "--key file:release.pem --public-key release.pub");
  // Tests are children of this process: they have its variables, and may read them where the kernel shows them.
  if (key.startsWith("env:"))
    throw refused(
      "key-in-reach",
      "a key in a variable can be read by the tests of this command",
      "give it by file: or exec:, or attest with env: in a step of its own after assay run",
    );
  return { to, key, publicKey };
}

function notTested(tag: string): ProvisionError {
  return new ProvisionError({
    code: "not-tested",
    phase: "report",
    node: tag,
    seen: "the specs ran, and none of them on this image",
    hint: "name specs that stand it up, or require them in the policy",
  });
}
