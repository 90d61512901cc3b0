// Decides how a test reaches an engine's socket in TLS on the loopback address: certificates of an authority of its own, a client that
// must show one, and a docker context that docker's own client made.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";

/** Close it in `afterAll`. Needs `openssl`, and `docker` for the context. */
export class TlsProxy {
  /** `tcp://127.0.0.1:…` */
  readonly address: string;
  /** For `DOCKER_CONFIG`; its context is called `private`. */
  readonly config: string;
  /** Holds `ca.pem`, `cert.pem`, `key.pem`: for `DOCKER_CERT_PATH`. */
  readonly certificates: string;
  readonly #server: Server;

  private constructor(directory: string, server: Server) {
    this.#server = server;
    this.certificates = directory;
    this.config = join(directory, "docker");
    this.address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param socket Path of the engine's. */
  static async start(socket: string): Promise<TlsProxy> {
    const directory = mkdtempSync(join(tmpdir(), "assay-tls-"));
    makeAuthority(directory);
    signedBy(directory, "server", "subjectAltName=IP:127.0.0.1");
    signedBy(directory, "", "extendedKeyUsage=clientAuth");
    const read = (name: string) => readFileSync(join(directory, name));
    const keys = { ca: read("ca.pem"), cert: read("server-cert.pem"), key: read("server-key.pem") };
    // The engine ends a stream in one direction first: half-open it has to stay.
    const server = createServer({ ...keys, requestCert: true, allowHalfOpen: true }, (client) => {
      const engine = connect({ path: socket, allowHalfOpen: true });
      client.pipe(engine).pipe(client);
      for (const [one, other] of [
        [client, engine],
        [engine, client],
      ] as const) {
        one.on("error", () => undefined);
        one.once("close", () => other.destroy());
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new TlsProxy(directory, server);
    const files = ["ca", "cert", "key"].map((name) => `${name}=${join(directory, `${name}.pem`)}`).join(",");
    execFileSync("docker", ["context", "create", "private", "--docker", `host=${proxy.address},${files}`], {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DOCKER_CONFIG: proxy.config },
    });
    return proxy;
  }

  async close(): Promise<void> {
    this.#server.close();
    rmSync(this.certificates, { recursive: true, force: true });
  }
}

/** `ca.pem` and `ca-key.pem` in a directory. */
export function makeAuthority(directory: string): void {
  openssl(directory, [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=an authority of a test", "-keyout", "ca-key.pem", "-out", "ca.pem"],
  ]);
}

/** `NAME-cert.pem` and `NAME-key.pem` beside the authority's; without a name, `cert.pem` and `key.pem`. Of less than 0 days: expired. */
export function signedBy(directory: string, name: string, extension: string, days = 2): void {
  const file = (kind: string) => (name === "" ? `${kind}.pem` : `${name}-${kind}.pem`);
  openssl(directory, [
    ...[
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-subj",
      `/CN=${name || "client"}`,
    ],
    ...["-keyout", file("key"), "-out", "request.pem"],
  ]);
  writeFileSync(join(directory, "extension"), extension);
  openssl(directory, [
    ...["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"],
    ...["-days", String(days), "-extfile", "extension", "-out", file("cert")],
  ]);
}

function openssl(directory: string, words: readonly string[]): void {
  execFileSync("openssl", words, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
}
