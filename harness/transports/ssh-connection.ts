// Decides what one connection to an ssh server is, and which of its failures is which: nobody there, somebody else there, not let in.
import type { AuthenticationType, Client, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import { messageOf, TransportError } from "../model/errors.ts";
import { revealed, type Secret } from "../model/secret.ts";
import { fingerprint } from "./ssh-keys.ts";

export interface SshAddress {
  /** For messages: `environment/node`. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
}

export interface SshCredentials {
  readonly user: string;
  /** In OpenSSH's format, unencrypted. */
  readonly privateKey?: Secret | undefined;
  readonly password?: Secret | undefined;
  /** More keys, tried in order after `privateKey`; those that cannot be read without a passphrase are passed over. */
  readonly identities?: readonly Secret[];
  /** Socket of an agent whose keys are tried after those. */
  readonly agent?: string | undefined;
}

export interface SshOptions extends SshAddress, SshCredentials {
  /** The server's public key, as a line or as its `SHA256:…` fingerprint; or all it may have. Any other server is refused. */
  readonly hostKey?: string | readonly string[] | undefined;
  /** For the whole of TCP, key exchange and login. Default 20 000. */
  readonly timeoutMs?: number | undefined;
}

/** What a server said while it was talked to, whatever came of it. */
export interface SshWords {
  /** Fingerprint of its key; empty when it never came so far. */
  hostKey: string;
  /** What it offered to one who had shown nothing yet, in its order. */
  offered: readonly string[];
}

/**
 * Connects and logs in. Rejects with a `TransportError`: `unreachable` (nobody answered, or nobody who speaks ssh),
 * `host-key-mismatch` (with both fingerprints), `login-refused` (with what was offered), `unusable-credential`. Tries each
 * credential once.
 */
export async function sshConnect(options: SshOptions, words: SshWords = { hostKey: "", offered: [] }): Promise<Client> {
  const { default: ssh2 } = await import("ssh2");
  const key = options.privateKey === undefined ? undefined : ssh2.utils.parseKey(options.privateKey.reveal());
  // The parser's own words may quote what it was given.
  if (key instanceof Error)
    throw new TransportError({
      code: "unusable-credential",
      phase: "connect",
      node: options.node,
      seen: `the private key "${options.privateKey?.name}" is none that can be read without a passphrase`,
      hint: "make it by makeKeyPair, or ssh-keygen -t ed25519 -N ''",
    });
  const identities = (options.identities ?? []).filter(
    (each) => !(ssh2.utils.parseKey(each.reveal()) instanceof Error),
  );
  const client = new ssh2.Client();
  client.setMaxListeners(0); // each channel that is being opened listens for the end
  const known = typeof options.hostKey === "string" ? [options.hostKey] : options.hostKey;
  const wanted = known?.map((key) => (key.startsWith("SHA256:") ? key : fingerprint(key)));
  const algorithms = hostKeyAlgorithms(known ?? []);
  const settings: ConnectConfig = {
    host: options.host,
    port: options.port,
    username: options.user,
    readyTimeout: options.timeoutMs ?? 20_000,
    keepaliveInterval: 5_000,
    keepaliveCountMax: 3,
    hostVerifier: (key: Buffer) => {
      words.hostKey = fingerprint(key);
      return wanted === undefined || wanted.includes(words.hostKey);
    },
    ...(algorithms.length === 0 ? {} : { algorithms: { serverHostKey: algorithms as ServerHostKeyAlgorithm[] } }),
    authHandler: authentication({ ...options, identities }, words) as never,
  };
  return new Promise((resolve, reject) => {
    const failed = (error: Error & { level?: string }) => {
      client.end();
      reject(refusal(options, words, wanted, error));
    };
    client.once("error", failed);
    client.once("close", () => failed(new Error("the server closed the connection")));
    client.once("ready", () => {
      client.removeListener("error", failed);
      client.removeAllListeners("close");
      client.on("error", () => undefined); // told by `close`
      resolve(client);
    });
    if (options.password !== undefined)
      client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) =>
        answer(prompts.map(() => (options.password === undefined ? "" : revealed(options.password)))),
      );
    client.connect(settings);
  });
}

/** A server with several keys shows one: of a kind that is known. Fingerprints tell no kind. */
function hostKeyAlgorithms(known: readonly string[]): readonly string[] {
  if (known.some((key) => key.startsWith("SHA256:"))) return [];
  const kinds = known.map((key) => key.split(" ")[0] ?? "");
  return [...new Set(kinds.flatMap((kind) => (kind === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", kind] : [kind])))];
}

/** Which method comes next. The first try shows nothing: its refusal is how a server says what it offers. */
function authentication(credentials: SshCredentials, words: SshWords) {
  const keys = [credentials.privateKey, ...(credentials.identities ?? [])].filter((key) => key !== undefined);
  const left: AuthenticationType[] = [
    ...keys.map(() => "publickey" as const),
    ...(credentials.agent === undefined ? [] : (["agent"] as const)),
    ...(credentials.password === undefined ? [] : (["password", "keyboard-interactive"] as const)),
  ];
  let asked = false;
  return (offered: readonly AuthenticationType[] | null, _partial: boolean | null, next: (method: unknown) => void) => {
    const username = credentials.user;
    if (!asked) {
      asked = true;
      return next({ type: "none", username });
    }
    if (words.offered.length === 0) words.offered = offered ?? [];
    for (;;) {
      const type = left.shift();
      if (type === undefined) return next(false);
      const key = type === "publickey" ? keys.shift() : undefined;
      // An agent's keys are public keys to the server.
      if (offered?.includes(type === "agent" ? "publickey" : type) !== true) continue;
      if (type === "agent") return next({ type, username, agent: credentials.agent });
      // One password is tried once: in a dialogue only where that is the only way to say it.
      if (type === "password") left.splice(left.indexOf("keyboard-interactive"), 1);
      if (type === "publickey") return next({ type, username, key: key?.reveal() });
      if (type === "password") return next({ type, username, password: credentials.password?.reveal() });
      return next("keyboard-interactive");
    }
  };
}

function refusal(
  options: SshOptions,
  words: SshWords,
  wanted: readonly string[] | undefined,
  error: Error & { level?: string },
): TransportError {
  const { node, host, port, user } = options;
  const facts = { phase: "connect", node, cause: error } as const;
  if (wanted !== undefined && words.hostKey !== "" && !wanted.includes(words.hostKey))
    return new TransportError({
      ...facts,
      code: "host-key-mismatch",
      seen: `the ssh server at ${host}:${port} has the key ${words.hostKey}, and ${wanted.join(" or ")} was expected`,
      hint: "this is another machine, or the machine was made anew; nothing was sent to it",
    });
  if (error.level === "client-authentication")
    return new TransportError({
      ...facts,
      code: "login-refused",
      seen: `the ssh server at ${host}:${port} did not let ${user} in; it offers ${words.offered.join(", ") || "nothing"}`,
    });
  return new TransportError({
    ...facts,
    code: "unreachable",
    seen: `no ssh at ${host}:${port}: ${messageOf(error)}`,
  });
}
