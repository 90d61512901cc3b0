// Decides by which words a check says whom it trusts over TLS and who it is itself, reads the files that they name off the node, and says
// the same as options of a command. Refuses what no file could be, where the spec was written. Opens no connection.
import { AsyncLocalStorage } from "node:async_hooks";
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { secret } from "../model/secret.ts";
import { type Seen, storePaths } from "./certificate-chain.ts";
import { certificatesOf, sayNothing, systemStore } from "./certificate-files.ts";
import { fileContents } from "./file-bytes.ts";
import { requireSubject, sayWord } from "./question.ts";
import { failedProbe } from "./unanswered.ts";

/** Whom it trusts, and who it is. */
export interface TrustOptions {
  /** Any certificate will do. */
  readonly insecure?: boolean;
  /** PEM file on the node that is asked: the authorities that are trusted, in the place of the system's. */
  readonly ca?: string;
  /** PEM files on the node that is asked: with what it says who it is. */
  readonly certificate?: string;
  readonly key?: string;
}

/**
 * How a service is spoken to over TLS; `{}` trusts what the node's system trusts. The certificate has to be valid, from somebody trusted, and
 * for `servername`.
 * @example { ca: "/etc/ssl/studio-ca.pem" }
 * @example { ca: "/etc/ssl/studio-ca.pem", servername: "db.studio.example", certificate: "/etc/ssl/client.pem", key: "/etc/ssl/client.key" }
 */
export interface TlsOptions extends TrustOptions {
  /**
   * The name, or the address, that the certificate has to be for; also told to the server (SNI) where it is a name. Default: the node's name, by
   * which its environment's other nodes know it; `localhost` of `host`.
   */
  readonly servername?: string;
}

/** Refuses where the spec was written what is no file. */
export function requireTrust({ ca, certificate, key }: TrustOptions): void {
  for (const path of [ca, certificate, key])
    requireSubject(path === undefined || isAbsolute(path), `"${path}" is not an absolute path`, "write it from /");
}

export function requireTls(tls: TlsOptions | undefined): void {
  if (tls === undefined) return;
  const hint = 'write { tls: {} }, or { tls: { ca: "/etc/ssl/ca.pem" } }';
  requireSubject(typeof tls === "object" && tls !== null, `tls is ${JSON.stringify(tls)}, which is no options`, hint);
  requireTrust(tls);
  const { servername, certificate, key } = tls;
  requireSubject(
    servername === undefined || /^[^\s\0/]+$/.test(servername),
    `${JSON.stringify(servername)} is no name of a server`,
    'write it as its certificate does, as in "db.studio.example"',
  );
  requireSubject(
    key === undefined || certificate !== undefined,
    "a key is given without a certificate",
    "give certificate, too: the PEM file that the key is of",
  );
}

/** What the certificate has to be for. */
export function servernameOf(node: Node, { servername }: TlsOptions): string {
  return servername ?? (node.kind === "host" ? "localhost" : node.name);
}

/** What is in the files. */
export interface Trust {
  readonly ca?: readonly string[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

// Outside of whatever records what a check looks at: these files are means, and `assay prove` is not to change them for the check's sake.
const aside = AsyncLocalStorage.snapshot();

/** Rejects with `probe-failed` where a file is not there, or not what it should be. What it reads of a key is a secret from then on. */
export function readTrust(node: Node, tls: TlsOptions): Promise<Trust> {
  return aside(filesOf, node, tls);
}

async function filesOf(node: Node, { insecure = false, ca, certificate, key }: TlsOptions): Promise<Trust> {
  const [authorities, cert, own] = await Promise.all([
    insecure ? undefined : ca === undefined ? systemStore(node) : certificatesOf(node, ca),
    certificate === undefined ? undefined : pemOf(node, certificate),
    certificate === undefined ? undefined : pemOf(node, key ?? certificate),
  ]);
  if (own !== undefined) {
    const [pem] = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/.exec(String(own)) ?? [];
    if (pem !== undefined) secret(`the key ${key ?? certificate}`, pem);
  }
  return {
    ...(authorities === undefined ? {} : { ca: pemsOf(authorities) }),
    ...(cert === undefined ? {} : { cert }),
    ...(own === undefined ? {} : { key: own }),
  };
}

function pemsOf(seen: Seen): readonly string[] {
  if ("flaw" in seen)
    throw failedProbe(
      "the authorities that are trusted cannot be read",
      seen.flaw,
      'give a PEM file on the node that has them: { tls: { ca: "/etc/ssl/ca.pem" } }',
    );
  return seen.certificates.map(String);
}

async function pemOf(node: Node, path: string): Promise<Buffer> {
  const contents = await node.observe(fileContents, path);
  if ("bytes" in contents) return contents.bytes;
  throw failedProbe(
    `cannot say who asks, by ${path}`,
    `it ${sayNothing(contents.nothing)}`,
    "give a PEM file on the node",
  );
}

/** The words by which a program is told the same; one that it has no word for is left out. */
export interface TlsFlags {
  /** That it is TLS at all. */
  readonly on?: string;
  readonly insecure?: string;
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** Begins with a space; nothing without TLS. @example sayFlags({ ca: "/ca.pem" }, { on: "--tls", ca: "--cacert" }) // " --tls --cacert /ca.pem" */
export function sayFlags(tls: TlsOptions | undefined, flags: TlsFlags): string {
  if (tls === undefined) return "";
  const { insecure = false, ca, certificate, key, servername } = tls;
  const of = (flag: string | undefined, value: string | undefined) =>
    flag === undefined || value === undefined ? [] : [flag, sayWord(value)];
  return [
    ...(flags.on === undefined ? [] : [flags.on]),
    ...(insecure && flags.insecure !== undefined ? [flags.insecure] : []),
    ...(insecure ? [] : of(flags.ca, ca ?? storePaths[0])),
    ...of(flags.certificate, certificate),
    ...of(flags.key, certificate === undefined ? undefined : (key ?? certificate)),
    ...of(flags.servername, servername),
  ]
    .map((word) => ` ${word}`)
    .join("");
}
