// Decides which addresses of a libvirt are understood, and what a mistyped one probably meant. Connects to nothing.
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";

export interface LibvirtUri {
  readonly text: string;
  /** Of another machine: its files are not ours. */
  readonly remote: boolean;
  /** The user's own daemon, whose QEMU runs as the user. */
  readonly session: boolean;
  /** `user@host:port` of an ssh connection. */
  readonly ssh: string | undefined;
}

const local = ["", "unix"];
const secureShells = ["ssh", "libssh", "libssh2"];
const transports = [...secureShells, "unix", "tls", "tcp", "ext"];

/**
 * Parameters, and the transports that heed them, of libvirt's remote driver. It ignores others without a word, and so does `qemu+ssh` with
 * `known_hosts`: whoever pins a host's key in vain must be told.
 */
const parameters: Readonly<Record<string, readonly string[]>> = {
  name: ["unix", ...transports],
  mode: ["unix", ...secureShells],
  socket: ["unix", ...secureShells],
  command: ["ssh", "ext"],
  netcat: secureShells,
  proxy: secureShells,
  keyfile: secureShells,
  no_tty: ["ssh"],
  no_verify: ["ssh", "tls"],
  known_hosts: ["libssh", "libssh2"],
  known_hosts_verify: ["libssh", "libssh2"],
  sshauth: ["libssh", "libssh2"],
  pkipath: ["tls"],
  tls_priority: ["tls"],
  no_sanity: ["tls"],
};

/**
 * Reads a connection URI; without one, the system's for root and the session's for everybody else. Throws a
 * `DeclarationError` (code `bad-uri`) that says which part is wrong and what was probably meant.
 * @example readUri("qemu+ssh://root@vmhost:2222/system").ssh // "root@vmhost:2222"
 */
export function readUri(text: string | undefined): LibvirtUri {
  const given = text ?? (process.getuid?.() === 0 ? "qemu:///system" : "qemu:///session");
  const match = /^([a-z][a-z0-9]*)(?:\+([a-z0-9]*))?:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(given);
  if (match === null) throw bad(given, "is no libvirt URI", "write it like qemu:///system (three slashes)");
  const [, driver = "", transport = "", host = "", path = "", query = ""] = match;
  if (driver !== "qemu") throw bad(given, `"${driver}" is not driven: only qemu is`, "write qemu:///system");
  if (!local.includes(transport) && !transports.includes(transport))
    throw bad(given, `"${transport}" is no transport of libvirt`, guess(transport, transports));
  if (path !== "/system" && path !== "/session")
    throw bad(given, `"${path}" is neither /system nor /session`, guess(path, ["/system", "/session"]));
  if (!local.includes(transport) && host === "")
    throw bad(given, `transport "${transport}" needs a host`, `write qemu+${transport}://user@host${path}`);
  if (transport === "" && host !== "")
    throw bad(
      given,
      "a host without a transport means TLS",
      `write qemu+ssh://${host}${path}, or qemu+tls://${host}${path}`,
    );
  if (transport === "unix" && host !== "") throw bad(given, "a unix socket has no host", `write qemu+unix://${path}`);
  for (const [key] of new URLSearchParams(query)) checkParameter(given, transport, key);
  return {
    text: given,
    remote: !local.includes(transport),
    session: path === "/session",
    ssh: /ssh/.test(transport) ? host : undefined,
  };
}

function checkParameter(uri: string, transport: string, key: string): void {
  const heeding = parameters[key];
  if (heeding === undefined) throw bad(uri, `"${key}" is no parameter of libvirt`, guess(key, Object.keys(parameters)));
  if (heeding.includes(transport === "" ? "unix" : transport)) return;
  const others = heeding.map((each) => `qemu+${each}`).join(" or ");
  throw bad(uri, `libvirt ignores "${key}" with this transport`, `leave it out, or use ${others}`);
}

function guess(typed: string, known: readonly string[]): string {
  const found = nearest(typed, known);
  return found === undefined ? `one of ${known.join(", ")}` : `did you mean "${found}"?`;
}

function bad(uri: string, seen: string, hint: string): DeclarationError {
  return new DeclarationError({ code: "bad-uri", seen: `libvirt URI "${uri}": ${seen}`, hint });
}
