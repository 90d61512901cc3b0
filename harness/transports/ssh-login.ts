// Decides what it means to try to log in, as anybody could: a refusal is an answer, nobody there is none.
import { TransportError } from "../model/errors.ts";
import type { LoginAnswer, LoginTrial } from "../model/node.ts";
import { type SshWords, sshConnect } from "./ssh-connection.ts";

export interface LoginPlace {
  /** For messages; default: host and port. */
  readonly node?: string;
  readonly host: string;
  readonly port: number;
  /** The server's public key or its fingerprint; another server is an error. Without it any server will do. */
  readonly hostKey?: string;
  /** For the whole trial. Default 20 000. */
  readonly timeoutMs?: number;
}

/**
 * Tries to log in with what is given, and leaves again. Resolves for every refusal; rejects with a `TransportError`
 * (`unreachable`, `host-key-mismatch`, `unusable-credential`) when the server could not be asked.
 *
 * @example
 * (await tryLogin({ host: "192.0.2.7", port: 22, user: "root", password })).granted // false
 */
export async function tryLogin(trial: LoginTrial & LoginPlace): Promise<LoginAnswer> {
  const words: SshWords = { hostKey: "", offered: [] };
  try {
    const client = await sshConnect({ node: `${trial.host}:${trial.port}`, ...trial }, words);
    client.end();
    return { granted: true, ...words };
  } catch (error) {
    if (error instanceof TransportError && error.code === "login-refused") return { granted: false, ...words };
    throw error;
  }
}
