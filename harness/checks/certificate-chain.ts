// Decides how certificates are read from bytes, and whether a chain leads to an authority. Pure; the mathematics are OpenSSL's, in Node.
import { createPrivateKey, X509Certificate } from "node:crypto";

/** Leaf first. */
export type Certificates = readonly [X509Certificate, ...X509Certificate[]];
/** The certificates of a file, or why it has none. */
export type Seen = { readonly certificates: Certificates } | { readonly flaw: string };

/** Bundles that libraries read, in the order in which one is looked for: Debian, Ubuntu, Alpine; Fedora; SUSE; others. */
export const storePaths: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** All certificates of a PEM file, or the one of a DER file. A block that cannot be read is a flaw of the file. */
export function readCertificates(path: string, bytes: Buffer): Seen {
  const blocks = bytes
    .toString("latin1")
    .match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g);
  if (blocks === null && bytes[0] !== 0x30) return { flaw: `${path} has no certificate` };
  try {
    const [leaf, ...rest] = (blocks ?? [bytes]).map((block) => new X509Certificate(block));
    return leaf === undefined ? { flaw: `${path} has no certificate` } : { certificates: [leaf, ...rest] };
  } catch (error) {
    return {
      flaw: `a certificate in ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** Why no chain leads from the first certificate to one of the authorities; `undefined` where one does. */
export function chainFlaw(chain: Certificates, authorities: Certificates, nowMs: number): string | undefined {
  let at: X509Certificate = chain[0];
  const rest = new Set(chain.slice(1));
  // A chain is at most as long as there are certificates: each step takes one away.
  for (;;) {
    if (+at.validFromDate > nowMs || +at.validToDate < nowMs) return `${sayCertificate(at)} is not valid now`;
    const fingerprint = at.fingerprint256;
    if (authorities.some((each) => each.fingerprint256 === fingerprint)) return undefined;
    const issued = (by: X509Certificate) => by.ca && at.checkIssued(by) && at.verify(by.publicKey);
    // One key may have several certificates, older and newer ones: each is an authority.
    const issuers = authorities.filter(issued);
    if (issuers.some(({ validToDate }) => +validToDate >= nowMs)) return undefined;
    if (issuers[0] !== undefined) return `${sayCertificate(issuers[0])} has expired`;
    const next = [...rest].find(issued);
    if (next === undefined)
      return `nothing there issued ${sayCertificate(at)}; its issuer is ${at.issuer.replaceAll("\n", ", ")}`;
    rest.delete(next);
    at = next;
  }
}

/** The name is among its subject alternative names; a wildcard covers one label. Addresses are compared as addresses, common names not at all. */
export function isFor(certificate: X509Certificate, name: string): boolean {
  const found = /^[\d.]+$|:/.test(name) ? certificate.checkIP(name) : certificate.checkHost(name, { subject: "never" });
  return found !== undefined;
}

/** Whether a private key belongs to a certificate; else why that cannot be said. No word of the key itself. */
export function compareKey(
  certificate: X509Certificate,
  key: Buffer,
): "is its" | "is another" | "is no key that can be read" {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key)) ? "is its" : "is another";
  } catch {
    return "is no key that can be read";
  }
}

export function sayCertificate({ subject, fingerprint256 }: X509Certificate): string {
  // The subject is typed as always there, and is not in a certificate without one.
  const said = (subject as string | undefined)?.replaceAll("\n", ", ");
  return said === undefined || said === ""
    ? `the one with fingerprint ${fingerprint256.slice(0, 23)}…`
    : JSON.stringify(said).slice(1, -1);
}
