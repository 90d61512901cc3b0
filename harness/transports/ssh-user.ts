// Decides how a machine is reached that a person names by ssh://user@host:port: as that person's own ssh would reach it. Who it is, with
// which keys and which server keys are known is asked of OpenSSH's programs; their files are not parsed here. A server whose key is
// not known is refused: nobody is asked, and nothing is written down.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { promisify } from "node:util";
import { messageOf, TransportError } from "../model/errors.ts";
import { type Secret, secret } from "../model/secret.ts";
import type { SshGuestOptions } from "./ssh.ts";

/** Where a person's ssh takes its settings from. */
export interface SshSettings {
  /** A configuration file in place of the usual ones, as `ssh -F`: its `UserKnownHostsFile` and `IdentityFile` count. */
  readonly config?: string | undefined;
  /** Socket of the agent, as in `SSH_AUTH_SOCK`. */
  readonly agent?: string | undefined;
}

export interface SshUrl {
  readonly user?: string | undefined;
  readonly host: string;
  readonly port?: string | undefined;
  /** What follows the host: the path of a socket there; empty where none is named. */
  readonly path: string;
}

/**
 * The parts of an address; `undefined` for what is none. Words that ssh would take for an option are none.
 * @example readSshUrl("ssh://root@farm:2222/run/podman/podman.sock") // { user: "root", host: "farm", port: "2222", path: "/run/…" }
 */
export function readSshUrl(address: string): SshUrl | undefined {
  const word = "[A-Za-z0-9_][A-Za-z0-9_.-]*";
  const [whole, user, host, six, port, path] =
    new RegExp(`^ssh://(?:(${word})@)?(?:(${word})|\\[([0-9A-Fa-f:]+)\\])(?::(\\d+))?(/.*)?$`).exec(address) ?? [];
  return whole === undefined
    ? undefined
    : { user, host: host ?? six ?? "", port, path: path === "/" ? "" : (path ?? "") };
}

/**
 * What `SshGuest` needs for a connection. Rejects with a `TransportError`: `no-ssh` where OpenSSH's client is not installed,
 * `host-key-unknown` with the next step, `ssh-unsupported` for a jump host.
 */
export async function sshTarget(node: string, url: SshUrl, settings: SshSettings = {}): Promise<SshGuestOptions> {
  const config = await effective(node, url, settings);
  const one = (key: string) => config.get(key)?.[0];
  const [host, port, user] = [one("hostname") ?? url.host, Number(one("port") ?? 22), one("user") ?? "root"];
  for (const key of ["proxyjump", "proxycommand"])
    if (one(key) !== undefined && one(key) !== "none")
      throw refusal(
        node,
        "ssh-unsupported",
        `${url.host} is reached by way of ${one(key)}`,
        "name an address that is reached directly",
      );
  const name = one("hostkeyalias") ?? (port === 22 ? host : `[${host}]:${port}`);
  const files = ["userknownhostsfile", "globalknownhostsfile"].flatMap((key) => one(key)?.split(" ") ?? []).map(atHome);
  const hostKeys = await knownKeys(name, files);
  const login = `ssh ${settings.config === undefined ? "" : `-F ${settings.config} `}-p ${port} ${user}@${host}`;
  if (hostKeys.length === 0)
    throw refusal(
      node,
      "host-key-unknown",
      `no key of the ssh server ${name} is known (looked in ${files.join(", ")})`,
      `log in once by hand and compare its fingerprint, which writes the key down: ${login}`,
    );
  const agent = one("identityagent") === "none" || one("identitiesonly") === "yes" ? undefined : settings.agent;
  return { node, host, port, user, hostKey: hostKeys, identities: identities(config.get("identityfile") ?? []), agent };
}

/** `ssh -G`: each setting with its values, in order. */
async function effective(node: string, url: SshUrl, { config }: SshSettings): Promise<ReadonlyMap<string, string[]>> {
  const words = [
    "-G",
    ...(config === undefined ? [] : ["-F", config]),
    ...(url.port === undefined ? [] : ["-p", url.port]),
    ...(url.user === undefined ? [] : ["-l", url.user]),
    "--",
    url.host,
  ];
  const { stdout } = await promisify(execFile)("ssh", words).catch((error: unknown) => {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    const said = String((error as { stderr?: string }).stderr ?? "").trim() || messageOf(error);
    throw refusal(
      node,
      absent ? "no-ssh" : "ssh-settings",
      absent ? "OpenSSH's client is not there to read its settings" : `ssh refuses its settings: ${said}`,
      absent ? "apt-get install openssh-client" : "correct the file that it names",
    );
  });
  const settings = new Map<string, string[]>();
  for (const line of stdout.split("\n")) {
    const [, key = "", value = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    settings.set(key, [...(settings.get(key) ?? []), value]);
  }
  return settings;
}

/** Public keys of a server, as lines `type base64`, from files in known_hosts form, hashed names too. What is revoked is none. */
async function knownKeys(name: string, files: readonly string[]): Promise<string[]> {
  const keys = new Set<string>();
  const revoked = new Set<string>();
  for (const file of files.filter((path) => existsSync(path))) {
    // 1: it has none.
    const { stdout } = await promisify(execFile)("ssh-keygen", ["-F", name, "-f", file]).catch(() => ({ stdout: "" }));
    for (const line of stdout.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
      const marked = line.startsWith("@");
      const [type = "", key = ""] = line.split(/\s+/).slice(marked ? 2 : 1);
      if (line.startsWith("@revoked")) revoked.add(`${type} ${key}`);
      else if (!marked) keys.add(`${type} ${key}`);
    }
  }
  return [...keys].filter((key) => !revoked.has(key));
}

/** Those that are there; one with a passphrase is for the agent. */
function identities(files: readonly string[]): Secret[] {
  return files
    .map(atHome)
    .filter((file) => existsSync(file))
    .map((file) => secret(`ssh key ${file}`, readFileSync(file, "utf8")));
}

function atHome(path: string): string {
  return path.replace(/^~(?=\/)/, homedir());
}

function refusal(node: string, code: string, seen: string, hint: string): TransportError {
  return new TransportError({ code, phase: "connect", node, seen, hint });
}
