// Decides how a test gets an ssh server of its own: OpenSSH's, on loopback, with keys and a configuration made for it. The
// machine's own is neither read nor touched.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KeyPair, makeKeyPair } from "../ssh-keys.ts";

export const sshdPath = "/usr/sbin/sshd";

export interface PrivateSshd {
  readonly port: number;
  readonly login: KeyPair;
  readonly host: KeyPair;
  /** Starts it again after `kill`, on the same port with the same keys. */
  start(): Promise<void>;
  /** Kills it with every session. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Lets the user in who runs the test. `extra` are more lines of `sshd_config`; `inside` is what starts it in other namespaces. */
export async function privateSshd(extra: readonly string[] = [], inside: readonly string[] = []): Promise<PrivateSshd> {
  if (!existsSync(sshdPath)) throw new Error(`${sshdPath} is not there: apt-get install openssh-server`);
  const directory = await mkdtemp(join(tmpdir(), "assay-sshd-"));
  const [login, host] = [await makeKeyPair("test login key"), await makeKeyPair("test host key")];
  const port = await freePort();
  await writeFile(join(directory, "host"), host.privateKey.reveal(), { mode: 0o600 });
  await writeFile(join(directory, "authorized"), login.publicKey);
  const lines = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${join(directory, "host")}`,
    `AuthorizedKeysFile ${join(directory, "authorized")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "PidFile none",
    ...extra,
  ];
  await writeFile(join(directory, "config"), `${lines.join("\n")}\n`);
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 }); // it will not start without
  let daemon: ChildProcess | undefined;
  const start = async () => {
    // A group of its own, so that its sessions can be ended with it.
    const [program = "", ...words] = [...inside, sshdPath, "-D", "-e", "-f", join(directory, "config")];
    const child = spawn(program, words, {
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    daemon = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.on("data", (chunk) => {
        said += String(chunk);
        if (said.includes("Server listening")) resolve();
      });
      child.once("exit", () => reject(new Error(`sshd did not start: ${said}`)));
    });
  };
  const kill = async () => {
    const child = daemon;
    daemon = undefined;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const gone = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await gone;
  };
  await start();
  return {
    port,
    login,
    host,
    start,
    kill,
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
