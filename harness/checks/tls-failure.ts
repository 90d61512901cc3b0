// Decides what it means that TLS with a service did not come about: who would have to change what. Pure; tells names and dates of
// certificates, and nothing of keys.
import type { X509Certificate } from "node:crypto";
import { ObservationError } from "../model/errors.ts";
import { sayCertificate } from "./certificate-chain.ts";
import { sayWord } from "./question.ts";
import { excerpt } from "./wanted.ts";

const said = (code: string, seen: string, hint: string, cause?: unknown) =>
  new ObservationError({ code, phase: "observe", seen, hint, cause });

/** A TLS record begins with its kind, an alert or a part of the handshake, and the version's first number. */
export function isTlsRecord(bytes: Buffer): boolean {
  return (bytes[0] === 0x15 || bytes[0] === 0x16) && (bytes.length < 2 || bytes[1] === 3);
}

/** It was spoken to in the clear (code `tls-wanted`). */
export function tlsWanted(port: number): ObservationError {
  return said(
    "tls-wanted",
    `what listens on port ${port} speaks TLS, and was spoken to in the clear`,
    `give tls: { port: ${port}, tls: { ca: "/etc/ssl/ca.pem" } }`,
  );
}

/** It was spoken to in TLS, and does not know that (code `no-tls`). */
export function noTls(port: number, what: string, hint?: string): ObservationError {
  return said(
    "no-tls",
    `what listens on port ${port} speaks no TLS: ${what}`,
    hint ?? "leave tls out, or give the port on which the service listens with TLS",
  );
}

/** What is known of a handshake that failed. */
export interface Handshake {
  readonly port: number;
  /** First bytes that the server sent, as they came. */
  readonly first: Buffer;
  /** The file by which it was told who asks. */
  readonly certificate: string | undefined;
}

/** OpenSSL's names of the alerts by which servers refuse who asks; each of them also where nobody showed a certificate. */
const ofClients =
  /ALERT_(HANDSHAKE_FAILURE|(NO|BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)$/;

/** Why the handshake, or the connection after it, failed; `undefined` where TLS is not what is wrong. */
export function handshakeFailure(
  error: unknown,
  { port, first, certificate }: Handshake,
): ObservationError | undefined {
  const { code, message, reason } = error as NodeJS.ErrnoException & { reason?: string };
  if (typeof code !== "string" || !/^ERR_(SSL|OSSL)/.test(code)) return undefined;
  if (!isTlsRecord(first)) return noTls(port, `it answered ${excerpt(first.toString("latin1"), 80)}`);
  const words = reason ?? message;
  // An alert in the place of the server's own part of the handshake is about neither side's certificate.
  if (first[0] === 0x16 && ofClients.test(code))
    return certificate === undefined
      ? said(
          "certificate-wanted",
          `what listens on port ${port} wants to know by a certificate who asks: ${words}`,
          'give { tls: { certificate: "/etc/ssl/client.pem", key: "/etc/ssl/client.key" } }, files on the node',
          error,
        )
      : said(
          "certificate-refused",
          `what listens on port ${port} refuses the certificate ${sayWord(certificate)}: ${words}`,
          "give one from an authority that the service trusts; its log may say more",
          error,
        );
  return said(
    "tls-failed",
    `the handshake with port ${port} fails: ${words}`,
    "let the service speak TLS 1.2 or 1.3, with a cipher and a certificate that clients of today take",
    error,
  );
}

/** It ended the connection in the handshake, or right after it, and did not say why (code `tls-failed`). */
export function tlsEnded({ port, certificate }: Omit<Handshake, "first">): ObservationError {
  return said(
    "tls-failed",
    `what listens on port ${port} ends the connection at the handshake, and does not say why`,
    certificate === undefined
      ? "see its log; where it wants to know who asks: { tls: { certificate, key } }"
      : `see its log; it may not take the certificate ${sayWord(certificate)}`,
  );
}

/** What is known of a server's certificate that is not taken. */
export interface Shown {
  readonly port: number;
  /** Leaf first, as far as the server sent them. */
  readonly chain: readonly X509Certificate[];
  /** What it has to be for. */
  readonly servername: string;
  /** For messages: where the authorities are from. */
  readonly trusted: string;
}

/** By OpenSSL's name for what is wrong. Codes: `certificate-expired`, `certificate-name`, `certificate-untrusted`. */
export function certificateFailure(
  flaw: string,
  { port, chain, servername, trusted }: Shown,
  nowMs: number,
): ObservationError {
  const [leaf] = chain;
  const last = chain.at(-1);
  const whose = `the certificate on port ${port}`;
  if (leaf === undefined || last === undefined)
    return said("certificate-untrusted", `${whose} is not trusted: ${flaw}`, "see what the service is given");
  if (flaw === "CERT_HAS_EXPIRED" || flaw === "CERT_NOT_YET_VALID") {
    const old = chain.find((each) => +each.validToDate < nowMs || +each.validFromDate > nowMs);
    const whom =
      old === leaf ? "" : ` is from ${old === undefined ? `an authority of ${trusted}` : sayCertificate(old)}, which`;
    const when =
      old === undefined
        ? "is not valid now"
        : +old.validToDate < nowMs
          ? `has expired on ${old.validToDate.toISOString()}`
          : `is valid from ${old.validFromDate.toISOString()} on`;
    return said(
      "certificate-expired",
      `${whose} (${sayCertificate(leaf)})${whom} ${when}`,
      "give the service a certificate that is valid now, by the clock of this machine",
    );
  }
  if (flaw === "ERR_TLS_CERT_ALTNAME_INVALID")
    return said(
      "certificate-name",
      `${whose} is not for ${sayWord(servername)}; it is for ${sayNames(leaf)}`,
      'give the name that it is to be for: { tls: { servername: "…" } }, or the service a certificate for this one',
    );
  const why =
    flaw === "DEPTH_ZERO_SELF_SIGNED_CERT"
      ? `it is self-signed (${sayCertificate(leaf)}), and not in ${trusted}`
      : flaw === "SELF_SIGNED_CERT_IN_CHAIN"
        ? `its chain leads to ${sayCertificate(last)}, which is not in ${trusted}`
        : /^UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)/.test(flaw)
          ? `its issuer is unknown: nothing in ${trusted} issued ${sayCertificate(last)}; its issuer is ${sayWord(last.issuer.replaceAll("\n", ", "))}`
          : `${flaw} (${sayCertificate(leaf)})`;
  return said(
    "certificate-untrusted",
    `${whose} is not trusted: ${why}`,
    'give the authority that issued it: { tls: { ca: "/etc/ssl/ca.pem" } }, a file on the node',
  );
}

function sayNames({ subjectAltName, subject }: X509Certificate): string {
  if (subjectAltName !== undefined) return excerpt(subjectAltName, 300).slice(1, -1);
  // What openssl's own tools make without a word of names. A common name is none: RFC 9525, 2.
  return `no name, as it has no subject alternative names (${sayWord(String(subject).replaceAll("\n", ", "))})`;
}
