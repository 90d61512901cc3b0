// Decides how a login outlives the process that made it: the key and the one host key that is expected, as files that OpenSSH reads. They lie in
// the machine's own directory, for root's eyes, and go with it.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "../model/secret.ts";

/** What it takes to log in. */
export interface KeptLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly keyFile: string;
  readonly knownHosts: string;
}

const filesIn = (directory: string) => ({
  keyFile: join(directory, "ssh_key"),
  knownHosts: join(directory, "known_hosts"),
});

/** Writes it down, as root's way in. `hostKey`: the server's public key, one line. */
export async function keepLogin(
  directory: string,
  { host, port, hostKey, privateKey }: { host: string; port: number; hostKey: string; privateKey: Secret },
): Promise<void> {
  const { keyFile, knownHosts } = filesIn(directory);
  const [type = "", key = ""] = hostKey.split(/\s+/);
  await writeFile(keyFile, `${privateKey.reveal().trimEnd()}\n`, { mode: 0o600 });
  await writeFile(knownHosts, `[${host}]:${port} ${type} ${key}\n`, { mode: 0o600 });
}

/** `undefined` where nobody logs in by ssh. Throws where the machine's directory may not be looked into. */
export function keptLogin(directory: string): KeptLogin | undefined {
  const files = filesIn(directory);
  let text: string;
  try {
    text = readFileSync(files.knownHosts, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [, host, port] = /^\[(.+)\]:(\d+) /.exec(text) ?? [];
  return host === undefined ? undefined : { host, port: Number(port), user: "root", ...files };
}

/**
 * OpenSSH's options for it: this key and no other, this host key and no other, and nothing of whoever's configuration.
 * @example spawn("ssh", [...sshOptions(login), "-p", "22022", "root@10.1.2.3"])
 */
export function sshOptions({ keyFile, knownHosts }: KeptLogin): readonly string[] {
  return [
    ...["-F", "none", "-i", keyFile],
    ...[
      "IdentitiesOnly=yes",
      "IdentityAgent=none",
      `UserKnownHostsFile=${knownHosts}`,
      "GlobalKnownHostsFile=/dev/null",
    ]
      .concat(["StrictHostKeyChecking=yes", "PasswordAuthentication=no", "LogLevel=ERROR"])
      .flatMap((option) => ["-o", option]),
  ];
}
