// Decides how a test reaches this machine's libvirt as if it were another's: by an ssh daemon of its own on the loopback address, with keys
// of its own, the daemon's pinned.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** An sshd that admits root by a key of the test's. Needs root and openssh-server. Close it in `finally` or `afterAll`. */
export class SshToHere {
  /** For `openLibvirt`. */
  readonly uri: string;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(directory: string, port: number, child: ChildProcess) {
    this.#directory = directory;
    this.#child = child;
    const options = `keyfile=${join(directory, "key")}&known_hosts=${join(directory, "known")}&sshauth=privkey`;
    this.uri = `qemu+libssh2://root@127.0.0.1:${port}/system?${options}`;
  }

  /** To the system's libvirtd. */
  static async start(): Promise<SshToHere> {
    const directory = mkdtempSync("/run/assay-ssh-");
    const port = await freePort();
    for (const name of ["host", "key"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, name)]);
    copyFileSync(join(directory, "key.pub"), join(directory, "authorized"));
    const [kind, key] = readFileSync(join(directory, "host.pub"), "utf8").split(" ");
    writeFileSync(join(directory, "known"), `[127.0.0.1]:${port} ${kind} ${key}\n`);
    const settings = [
      "ListenAddress 127.0.0.1",
      `Port ${port}`,
      `HostKey ${join(directory, "host")}`,
      `AuthorizedKeysFile ${join(directory, "authorized")}`,
      ...[
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
      ],
    ];
    writeFileSync(join(directory, "sshd_config"), `${settings.join("\n")}\n`);
    mkdirSync("/run/sshd", { recursive: true });
    const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(directory, "sshd_config")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ssh = new SshToHere(directory, port, child);
    const said: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      if (line.includes("Server listening")) resolve();
    });
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`sshd ended: ${said.join("\n")}`)));
    await promise;
    return ssh;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
