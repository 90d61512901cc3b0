// Decides which keys the harness logs in with and which it expects of a server: made here, new for each machine, never those of a person.
import { createHash } from "node:crypto";
import { type Secret, secret } from "../model/secret.ts";

export interface KeyPair {
  /** OpenSSH's own format, unencrypted. */
  readonly privateKey: Secret;
  /** One line, as in `authorized_keys`: `ssh-ed25519 AAAA… comment`. */
  readonly publicKey: string;
}

export interface KeyKind {
  /** Default `ed25519`. */
  readonly type?: "ed25519" | "rsa" | "ecdsa";
  readonly bits?: number;
  /** Default `assay`. */
  readonly comment?: string;
}

/**
 * A new pair, ed25519 unless asked otherwise. `name` is what the private key is called where it would be shown.
 * @example const pair = await makeKeyPair("login key of soe/vm")
 */
export async function makeKeyPair(name: string, kind: KeyKind = {}): Promise<KeyPair> {
  const { type = "ed25519", bits, comment = "assay" } = kind;
  const { default: ssh2 } = await import("ssh2");
  const { generateKeyPair, parseKey } = ssh2.utils;
  const options = { comment, ...(bits === undefined ? {} : { bits }) };
  for (;;) {
    // Not the synchronous one: an RSA key takes its time.
    const made = await new Promise<{ private: string; public: string }>((resolve, reject) =>
      generateKeyPair(type as "rsa", options as { bits: number }, (error, pair) =>
        error == null ? resolve(pair) : reject(error),
      ),
    );
    // Of 256 of its ed25519 keys ssh2 1.17 writes one that nobody can read: without the zero that its public half begins with.
    if (!(parseKey(made.private) instanceof Error))
      return { privateKey: secret(name, made.private), publicKey: made.public };
  }
}

/** `SHA256:…` of a public key, as `ssh-keygen -l` says it; of the key's line or of its bytes. */
export function fingerprint(publicKey: string | Buffer): string {
  const bytes =
    typeof publicKey === "string" ? Buffer.from(publicKey.trim().split(/\s+/)[1] ?? "", "base64") : publicKey;
  return `SHA256:${createHash("sha256").update(bytes).digest("base64").replace(/=+$/, "")}`;
}
