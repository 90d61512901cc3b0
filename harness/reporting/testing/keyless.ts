// Decides what is known of the bundles that were signed without a key: who signed them, and whose word on that counts. How they were made is in
// README.md beside this.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SigningIdentity } from "../../model/policy.ts";
import { readTrustedRoot } from "../attest-trust.ts";

const golden = join(import.meta.dirname, "golden");

/** Where the file of one lies: in the log; with a time stamp as well; signed when its certificate had expired. */
export function keylessFile(name: "logged" | "stamped" | "late"): string {
  return join(golden, `keyless.${name}.sigstore.json`);
}

export const keyless = {
  identity: {
    issuer: "http://localhost:5556",
    subject: "https://ci.example/studio/images/release@refs/heads/main",
  } satisfies SigningIdentity,
  /** Of the one that is in the log, as the log says it. */
  loggedAt: Date.parse("2026-11-23T07:44:43.000Z"),
  rootFile: join(golden, "keyless.trusted_root.json"),
  rootText: readFileSync(join(golden, "keyless.trusted_root.json"), "utf8"),
  text: (name: "logged" | "stamped" | "late") => readFileSync(keylessFile(name), "utf8"),
};

/** JSON of which any part may be another one. */
// biome-ignore lint/suspicious/noExplicitAny: tests change what has no type.
type Loose = any;

/** The trusted root of the golden bundles, with something in it changed. */
export function trustedRoot(change: (root: Loose) => void = () => {}) {
  const root = JSON.parse(keyless.rootText);
  change(root);
  return readTrustedRoot(JSON.stringify(root), "a test");
}

/** A golden bundle with something in it changed, and not signed again. */
export function changed(name: "logged" | "stamped" | "late", change: (bundle: Loose) => void): string {
  const bundle = JSON.parse(keyless.text(name));
  change(bundle);
  return JSON.stringify(bundle);
}
