// Decides which sentences can be said about certificates in files, and about which authorities a system trusts.
// The files are read from the node and judged here, by this program's own OpenSSL: the node needs none. Names no revocation list.
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { type Certificates, chainFlaw, isFor, type Seen, sayCertificate, storePaths } from "./certificate-chain.ts";
import { certificatesOf, sayNothing, systemStore } from "./certificate-files.ts";
import { fileContents } from "./file-bytes.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";

const dayMs = 86_400_000;

/** What is asked of: the certificates of a file, leaf first, and the moment of asking. */
interface Asked {
  readonly seen: Seen;
  readonly nowMs: number;
}

/**
 * A PEM or DER file with a certificate, and maybe the chain after it. Sentences are about the first certificate.
 * @example await expect(web).toMeet(all(certificate("/etc/ssl/web.pem").isFor("www.studio.example"), certificate("/etc/ssl/web.pem").isValidForDays(30)));
 */
export function certificate(path: string) {
  requirePath(path);
  const subject = `certificate ${sayWord(path)}`;
  const command = `openssl x509 -noout -text -in ${sayWord(path)}`;
  const ask = about<Node, Asked>({
    subject,
    command,
    observe: async (node) => ({ seen: await certificatesOf(node, path), nowMs: Date.now() }),
  });
  /** A sentence that is not met where there is no certificate. */
  const say = (
    predicate: string,
    expected: string,
    judge: (certificates: Certificates, nowMs: number) => { readonly met: boolean; readonly seen: string },
  ) =>
    ask(predicate, ({ seen, nowMs }) => {
      if ("flaw" in seen) return verdict(false, expected, seen.flaw);
      const { met, seen: said } = judge(seen.certificates, nowMs);
      return verdict(met, expected, said);
    });

  return {
    /** The name is among its subject alternative names; a wildcard covers one label. Addresses are compared as addresses. */
    isFor: (name: string) =>
      say(`is for ${name}`, name, ([leaf]) => ({
        met: isFor(leaf, name),
        seen: leaf.subjectAltName ?? "no subject alternative names",
      })),
    /** Exactly these subject alternative names, in any order, as in `DNS:a.example` or `IP Address:192.0.2.1`. */
    hasNames: (...names: readonly string[]) =>
      say(`has the names ${names.join(", ")}`, names.join(", "), ([leaf]) => {
        const found = leaf.subjectAltName?.split(", ") ?? [];
        return { met: [...found].sort().join() === [...names].sort().join(), seen: found.join(", ") || "none" };
      }),
    /** It is valid now, by the clock of the machine that asks, and still is after so many days; so is each one of its chain. */
    isValidForDays: (days: number) =>
      say(`is valid for ${days} days`, `valid now and in ${days} days`, (certificates, nowMs) => {
        const bad = certificates.find(
          ({ validFromDate, validToDate }) => +validFromDate > nowMs || +validToDate < nowMs + days * dayMs,
        );
        const told = bad ?? certificates[0];
        return {
          met: bad === undefined,
          seen: `${sayCertificate(told)}: from ${told.validFromDate.toISOString()}, ${Math.floor((+told.validToDate - nowMs) / dayMs)} days left`,
        };
      }),
    isSelfSigned: () =>
      say("is self-signed", "signed by itself", ([leaf]) => ({
        met: leaf.checkIssued(leaf) && leaf.verify(leaf.publicKey),
        seen: `issued by ${leaf.issuer.replaceAll("\n", ", ")}`,
      })),
    /** Its key is of this type and, where given, of at least so many bits: `hasKey("rsa", 2048)`, `hasKey("ec", 256)`. */
    hasKey: (type: "rsa" | "ec" | "ed25519" | "ed448", leastBits = 0) =>
      say(`has a key ${type}${leastBits === 0 ? "" : ` of ${leastBits} bits or more`}`, type, ([leaf]) => {
        const { asymmetricKeyType = "unknown" } = leaf.publicKey;
        const bits = keyBits(leaf.publicKey);
        return {
          met: asymmetricKeyType === type && (bits ?? 0) >= leastBits,
          seen: `${asymmetricKeyType}${bits === undefined ? "" : `, ${bits} bits`}`,
        };
      }),
    /** The private key in this file is its. The key is read, compared, and told to nobody; an encrypted one is not met. */
    matchesKey(keyPath: string) {
      requirePath(keyPath);
      return about<Node, { readonly seen: Seen; readonly key: "is its" | "is another" | string }>({
        subject,
        command,
        async observe(node) {
          const [seen, key] = await Promise.all([certificatesOf(node, path), node.observe(fileContents, keyPath)]);
          if ("flaw" in seen) return { seen, key: seen.flaw };
          if ("nothing" in key) return { seen, key: `${keyPath} ${sayNothing(key.nothing)}` };
          return { seen, key: (await import("./certificate-chain.ts")).compareKey(seen.certificates[0], key.bytes) };
        },
      })(`has the key ${sayWord(keyPath)}`, ({ key }) => verdict(key === "is its", "its key", key));
    },
    /**
     * From the first certificate of the file others of it, in whichever order, lead to an authority in a bundle (itself, for a self-signed
     * one); all on the way are valid now.
     * @example certificate("/etc/ssl/web.pem").chainsTo("/etc/studio/ca.pem")
     */
    chainsTo(bundle: string) {
      requirePath(bundle);
      return trusted(`chains to ${sayWord(bundle)}`, (node) => certificatesOf(node, bundle));
    },
    /** The same against the bundle of authorities that the system trusts. */
    isTrusted: () => trusted("is trusted by the system", systemStore),
  };

  function trusted(predicate: string, bundle: (node: Node) => Promise<Seen>) {
    return about<Node, Asked & { readonly bundle: Seen }>({
      subject,
      command: `openssl verify ${sayWord(path)}`,
      async observe(node) {
        const [seen, authorities] = await Promise.all([certificatesOf(node, path), bundle(node)]);
        return { seen, bundle: authorities, nowMs: Date.now() };
      },
    })(predicate, ({ seen, bundle: authorities, nowMs }) => {
      const expected = "a chain to an authority";
      if ("flaw" in seen) return verdict(false, expected, seen.flaw);
      if ("flaw" in authorities) return verdict(false, expected, `authorities: ${authorities.flaw}`);
      const flaw = chainFlaw(seen.certificates, authorities.certificates, nowMs);
      return verdict(flaw === undefined, expected, flaw ?? "one");
    });
  }
}

/**
 * The authorities that the system trusts: the bundle that its libraries read, of Debian, Ubuntu, Alpine, Fedora or SUSE.
 * @example await expect(soe).toMeet(caStore().has("ISRG Root X1"));
 * @example await expect(soe).toMeet(caStore().trusts("/usr/local/share/ca-certificates/studio.crt"));
 */
export function caStore() {
  const ask = about<Node, Asked>({
    subject: "CA store",
    command: `cat ${storePaths[0]}`,
    observe: async (node) => ({ seen: await systemStore(node), nowMs: Date.now() }),
  });
  const sayMany = ({ certificates }: { readonly certificates: Certificates }) =>
    `${certificates.length} authorities, and not that one`;
  return {
    /** It has some authority. */
    exists: () =>
      ask("exists", ({ seen }) =>
        verdict(!("flaw" in seen), "authorities", "flaw" in seen ? seen.flaw : `${seen.certificates.length}`),
      ),
    /** An authority by its common name, or by its SHA-256 fingerprint, `AB:CD:…`. */
    has: (name: string) =>
      ask(`has ${sayWord(name)}`, ({ seen }) => {
        if ("flaw" in seen) return verdict(false, name, seen.flaw);
        const met = seen.certificates.some(
          (each) => each.subject?.split("\n").includes(`CN=${name}`) || each.fingerprint256 === name.toUpperCase(),
        );
        return verdict(met, name, met ? name : sayMany(seen));
      }),
    /** The certificate in this file of the node is among them. */
    trusts(path: string) {
      requirePath(path);
      return about<Node, { readonly store: Seen; readonly seen: Seen }>({
        subject: "CA store",
        command: `openssl verify ${sayWord(path)}`,
        async observe(node) {
          const [store, seen] = await Promise.all([systemStore(node), certificatesOf(node, path)]);
          return { store, seen };
        },
      })(`trusts ${sayWord(path)}`, ({ store, seen }) => {
        if ("flaw" in seen) return verdict(false, "a certificate", seen.flaw);
        if ("flaw" in store) return verdict(false, "authorities", store.flaw);
        const [wanted] = seen.certificates;
        const met = store.certificates.some(({ fingerprint256 }) => fingerprint256 === wanted.fingerprint256);
        return verdict(met, sayCertificate(wanted), met ? "it is there" : sayMany(store));
      });
    },
    /** None of them has expired. */
    hasNoneExpired: () =>
      ask("has none that has expired", ({ seen, nowMs }) => {
        if ("flaw" in seen) return verdict(false, "none", seen.flaw);
        const old = seen.certificates.filter(({ validToDate }) => +validToDate < nowMs);
        return verdict(old.length === 0, "none", old.slice(0, 5).map(sayCertificate).join("; ") || "none");
      }),
  };
}

function keyBits({ asymmetricKeyDetails }: import("node:crypto").KeyObject): number | undefined {
  const curve = /(\d{3})/.exec(asymmetricKeyDetails?.namedCurve ?? "")?.[1];
  return asymmetricKeyDetails?.modulusLength ?? (curve === undefined ? undefined : Number(curve));
}

function requirePath(path: string): void {
  requireSubject(isAbsolute(path), `"${path}" is not an absolute path`, "write the path from /");
}
