// Decides how a connection to a service of a node comes about: a stream that the node opens, and on it TLS where that is asked for. No byte
// is passed before the certificate was looked at. Refuses to know what is spoken on it.
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { Duplex, finished } from "node:stream";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { isFor } from "./certificate-chain.ts";
import { certificateFailure, handshakeFailure, noTls, tlsEnded, tlsWanted } from "./tls-failure.ts";
import { readTrust, servernameOf, type TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/**
 * How long a handshake may take, once the connection stands; that of a question about a silent one; and an alert after it, ms. Clients wait
 * for 10 s and more, and know less of why.
 */
const handshakeMs = 8000;
const doubtMs = 3000;
const alertMs = 1000;

/** Where the service is, and how it is spoken to. */
export interface ServicePort {
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  /** What has to be said in the clear before the handshake. Rejects where TLS is refused. */
  readonly begin?: (raw: Duplex, port: number) => Promise<void>;
}

export interface ServiceStream {
  /** What is read and written is in the clear. It emits `error` as any. */
  readonly stream: Duplex;
  /**
   * Why it ended before it said a word, as far as TLS is the reason: `tls-wanted`, `certificate-wanted` and their like. May ask the port once
   * more. Never rejects.
   */
  whySilent(): Promise<ObservationError | undefined>;
}

/**
 * Rejects with the `TransportError` of the node's own stream, or with an `ObservationError`: `no-tls`, `tls-failed`,
 * `certificate-untrusted`, `certificate-expired`, `certificate-name`, `certificate-wanted`, `certificate-refused`.
 * @example const { stream } = await serviceStream(node, { port: 6379, tls: { ca: "/etc/ssl/ca.pem" } });
 */
export async function serviceStream(node: Node, at: ServicePort): Promise<ServiceStream> {
  const { port, tls } = at;
  if (tls === undefined)
    return {
      stream: await node.connect(port),
      whySilent: () =>
        secured(node, { port, tls: { insecure: true } }, doubtMs).then(
          (opened) => {
            opened.stream.destroy();
            return tlsWanted(port);
          },
          (error: unknown) =>
            error instanceof ObservationError && error.code !== "no-tls" ? tlsWanted(port) : undefined,
        ),
    };
  const { stream, failure } = await secured(node, { ...at, tls }, handshakeMs);
  return {
    stream,
    whySilent: async () =>
      failure() ??
      // A server that ends a connection with bytes on the way to it may be heard no more: it is asked without a byte.
      (await trial(node, { ...at, tls }).catch((error: unknown) =>
        error instanceof ObservationError ? error : undefined,
      )),
  };
}

/** A connection on which nothing is said; rejects with what is wrong with it, right away or after a moment. */
async function trial(node: Node, at: ServicePort & { readonly tls: TlsOptions }): Promise<undefined> {
  const { stream, failure } = await secured(node, at, doubtMs);
  const ended = await new Promise<boolean>((resolve) => {
    const late = setTimeout(resolve, alertMs, false);
    const end = () => {
      clearTimeout(late);
      resolve(true);
    };
    stream.resume().once("end", end).once("close", end);
  });
  stream.destroy();
  if (ended) throw failure() ?? tlsEnded({ port: at.port, certificate: at.tls.certificate });
}

/** Destroys a stream, once what was written last is on its way. */
export function letGo(stream: Duplex): void {
  if (!stream.writableEnded) stream.destroy();
  else {
    finished(stream, { readable: false }, () => stream.destroy());
    setTimeout(() => stream.destroy(), 1000).unref();
  }
}

interface Secured {
  readonly stream: TLSSocket;
  /** What the server said against it since. */
  failure(): ObservationError | undefined;
}

async function secured(
  node: Node,
  { port, tls, begin }: ServicePort & { readonly tls: TlsOptions },
  ms: number,
): Promise<Secured> {
  const trust = await readTrust(node, tls);
  const raw = await node.connect(port);
  raw.on("error", () => undefined);
  const servername = servernameOf(node, tls);
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => reject(noTls(port, `it said nothing for ${ms / 1000} s`)), ms);
  let first: Buffer = Buffer.alloc(0);
  let flaw: unknown;
  const handshake = () => ({ port, first, certificate: tls.certificate });
  const ended = () =>
    first.length === 0 ? noTls(port, "it ended the connection without a word") : tlsEnded(handshake());
  let stream: TLSSocket | undefined;
  try {
    if (begin !== undefined) await Promise.race([begin(raw, port), done]);
    const { connect } = process.getBuiltinModule("node:tls");
    const heard = new Heard(raw, (bytes) => {
      first = bytes.subarray(0, 200);
    });
    const options: ConnectionOptions = {
      socket: heard,
      // It is judged here, with what the server showed at hand.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      // An address is told to no server.
      ...(isIP(servername) === 0 ? { servername } : {}),
      ...(trust as Pick<ConnectionOptions, "ca" | "cert" | "key">),
    };
    const secure = connect(options);
    stream = secure;
    secure
      .on("error", (error) => {
        flaw ??= error;
        reject(handshakeFailure(error, handshake()) ?? ended());
        // An alert alone leaves it open.
        secure.destroy();
      })
      .once("close", () => {
        letGo(raw);
        reject(ended());
      })
      .once("secureConnect", () => {
        const chain = chainOf(secure);
        // Typed as an error, and its code.
        const untrusted = secure.authorizationError as unknown as string | null | undefined;
        const named = chain[0] !== undefined && isFor(chain[0], servername);
        const shown = { port, chain, servername, trusted: tls.ca ?? "the node's bundle of authorities" };
        if (tls.insecure === true) resolve();
        else if (untrusted) reject(certificateFailure(untrusted, shown, Date.now()));
        else if (named) resolve();
        else reject(certificateFailure("ERR_TLS_CERT_ALTNAME_INVALID", shown, Date.now()));
      });
    await done;
    return { stream: secure, failure: () => (flaw === undefined ? undefined : handshakeFailure(flaw, handshake())) };
  } catch (error) {
    stream?.destroy();
    raw.destroy();
    throw isOwn(error)
      ? failedProbe(
          `cannot say who asks, by ${tls.certificate}`,
          (error as Error).message,
          "give a certificate and its own key, in PEM and without a passphrase",
        )
      : error;
  } finally {
    clearTimeout(late);
  }
}

/** A stream whose first bytes are seen. Of a socket of this machine itself TLS would take the handle, and nobody would see what came. */
class Heard extends Duplex {
  readonly #raw: Duplex;

  constructor(raw: Duplex, hear: (first: Buffer) => void) {
    super();
    this.#raw = raw;
    this.on("error", () => undefined);
    raw
      .once("data", hear)
      .on("data", (bytes: Buffer) => {
        if (!this.push(bytes)) raw.pause();
      })
      .once("end", () => this.push(null))
      .once("error", (error) => this.destroy(error))
      .once("close", () => {
        if (!raw.readableEnded) this.destroy();
      });
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(bytes: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#raw.write(bytes, encoding, done);
  }

  override _final(done: () => void): void {
    this.#raw.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    letGo(this.#raw);
    done(error);
  }
}

/** Of files that make no certificate and its key. */
const isOwn = (error: unknown) =>
  error instanceof Error && /^ERR_OSSL|^ERR_CRYPTO/.test(String((error as NodeJS.ErrnoException).code));

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at = socket.getPeerX509Certificate();
  for (; at !== undefined && chain.length < 20; at = at.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === at?.fingerprint256)) break;
    chain.push(at);
  }
  return chain;
}
