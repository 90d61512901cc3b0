// Decides which keys the harness logs in with and which it expects of a server: made here, new for each machine, never those of a person.
import { createHash } from "node:crypto";
import { type Secret, secret } from "../model/secret.ts";

export interface KeyPair {
  /** OpenSSH's own format, unencrypted. */
  readonly privateKey: Secret;
  /** One line, as in `authorized_keys`: `ssh-ed25519 AAAA… comment`. */
  readonly publicKey: string;
}

/**
 * A new ed25519 pair. `name` is what the private key is called where it would be shown.
 * @example const pair = await makeKeyPair("login key of soe/vm")
 */
export async function makeKeyPair(name: string): Promise<KeyPair> {
  const { default: ssh2 } = await import("ssh2");
  const made = ssh2.utils.generateKeyPairSync("ed25519", { comment: "assay" });
  return { privateKey: secret(name, made.private), publicKey: made.public };
}

/** `SHA256:…` of a public key, as `ssh-keygen -l` says it; of the key's line or of its bytes. */
export function fingerprint(publicKey: string | Buffer): string {
  const bytes =
    typeof publicKey === "string" ? Buffer.from(publicKey.trim().split(/\s+/)[1] ?? "", "base64") : publicKey;
  return `SHA256:${createHash("sha256").update(bytes).digest("base64").replace(/=+$/, "")}`;
}
