// Decides how a test gets a libvirt of its own, to stop, kill and start again: a libvirtd in namespaces of its own, the system's kind or
// a user's session. When the test process dies, its pipe closes, and mounts, networks, machines and every process in it go with that.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, watch, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

export interface PrivateLibvirtOptions {
  /** A session daemon, run by this user; without it the system's daemon. */
  readonly session?: { readonly uid: number; readonly gid: number };
}

/**
 * Reads words from standard input: `start`; `stop` (SIGTERM), `kill`, answered by `ended` when the daemon has. bash and not sh: as the
 * namespace's first process it takes what orphaned machines leave, which libvirt waits for.
 */
const keeper = `
set -u
directory=$1 session=$2
ip link set lo up
for place in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
  mkdir -p "$place" && mount -t tmpfs -o mode=755 assay-libvirt "$place" || exit 1
done
# Its machines are in no control groups: those would outlive it.
echo 'cgroup_controllers = [ ]' >/etc/libvirt/qemu.conf
if [ "$session" != - ]; then
  export HOME="$directory" XDG_RUNTIME_DIR="$directory/run" XDG_CONFIG_HOME="$directory/config" XDG_CACHE_HOME="$directory/.cache"
  as() { exec setpriv --reuid="\${session%:*}" --regid="\${session#*:}" --clear-groups "$@"; }
else
  as() { exec "$@"; }
fi
while read -r word; do
  case $word in
    start)
      (as virtlogd --daemon --pid-file "$directory/virtlogd.pid") 2>/dev/null
      (as libvirtd --config "$directory/libvirtd.conf" --pid-file "$directory/libvirtd.pid") & daemon=$! ;;
    stop) kill -TERM "$daemon"; wait "$daemon"; echo ended ;;
    kill) kill -KILL "$daemon"; wait "$daemon"; echo ended ;;
    freeze) kill -STOP "$daemon"; echo ended ;;
  esac
done
`;

/** A libvirtd that nobody else uses. Needs root. Close it in `finally` or `afterAll`. */
export class PrivateLibvirt {
  /** For `openLibvirt`. */
  readonly uri: string;
  /** Writable for the daemon's user; for images and sockets. */
  readonly directory: string;
  /** Where it listens. */
  readonly socket: string;
  readonly #sockets: string;
  readonly #child: ChildProcess;
  readonly #heard = new Set<(line: string) => void>();
  readonly #log: string[] = [];

  private constructor(directory: string, { session }: PrivateLibvirtOptions) {
    this.directory = directory;
    this.#sockets = session === undefined ? directory : join(directory, "run", "libvirt");
    this.socket = join(this.#sockets, "libvirt-sock");
    this.uri = `qemu+unix:///${session === undefined ? "system" : "session"}?socket=${this.socket}`;
    const made = ["", "run", "run/libvirt", "config", ".cache"].map((name) => join(directory, name));
    for (const path of made.slice(1)) mkdirSync(path, { mode: 0o755 });
    for (const path of made) if (session !== undefined) chownSync(path, session.uid, session.gid);
    const place = session === undefined ? `unix_sock_dir = "${directory}"\n` : "";
    const free = 'auth_unix_rw = "none"\nunix_sock_rw_perms = "0700"\n';
    writeFileSync(
      join(directory, "libvirtd.conf"),
      `${place}${session === undefined ? free : ""}log_outputs = "3:stderr"\n`,
    );
    const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
    const user = session === undefined ? "-" : `${session.uid}:${session.gid}`;
    this.#child = spawn("unshare", [...namespaces, "bash", "-c", keeper, "bash", directory, user], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on("line", (line) => {
          this.#log.push(line);
          for (const heard of [...this.#heard]) heard(line);
        });
  }

  /** Starts one. Resolves when it listens. Rejects with its last words when it ends instead. */
  static async start(options: PrivateLibvirtOptions = {}): Promise<PrivateLibvirt> {
    const libvirt = new PrivateLibvirt(mkdtempSync("/run/assay-test-"), options);
    try {
      await libvirt.start();
      return libvirt;
    } catch (error) {
      await libvirt.close();
      throw error;
    }
  }

  /** Starts it again after `stop` or `kill`; the machines that run are still there. */
  async start(): Promise<void> {
    const over = new AbortController();
    const bound = new Promise<void>((resolve) => {
      // Every start makes the socket anew.
      watch(this.#sockets, { signal: over.signal }, (_, name) => {
        if (name === "libvirt-sock" && existsSync(this.socket)) resolve();
      });
    });
    this.#child.stdin?.write("start\n");
    await this.#unlessEnded(
      bound.then(() => this.#listens()),
      over,
    );
  }

  /** The file is there when the socket is bound; that it listens, a moment later, is an event nobody tells. */
  async #listens(): Promise<void> {
    const socket = createConnection(this.socket);
    const answer = await new Promise<"listens" | "not yet">((resolve) => {
      socket.on("connect", () => resolve("listens")).on("error", () => resolve("not yet"));
    });
    socket.destroy();
    if (answer === "listens") return;
    await pause(20);
    return this.#listens();
  }

  stop(): Promise<void> {
    return this.#end("stop");
  }

  kill(): Promise<void> {
    return this.#end("kill");
  }

  /** It is there and answers nothing. `kill` and `start` mend it. */
  freeze(): Promise<void> {
    return this.#end("freeze");
  }

  /** Ends every process in it, its machines among them, and removes what it left on this machine. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.stdin?.end();
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #end(word: "stop" | "kill" | "freeze"): Promise<void> {
    const over = new AbortController();
    const answered = new Promise<void>((resolve) => {
      const heard = (line: string) => {
        if (line === "ended") resolve();
      };
      this.#heard.add(heard);
      over.signal.addEventListener("abort", () => this.#heard.delete(heard));
    });
    this.#child.stdin?.write(`${word}\n`);
    await this.#unlessEnded(answered, over);
  }

  async #unlessEnded(done: Promise<void>, over: AbortController): Promise<void> {
    const ended = once(this.#child, "exit", { signal: over.signal }).then(() => {
      throw new Error(`the private libvirt ended; its last words: ${this.#log.slice(-10).join("\n")}`);
    });
    try {
      await Promise.race([done, ended]);
    } finally {
      ended.catch(() => undefined);
      over.abort();
    }
  }
}
