// Decides how a test gets a docker engine of its own, to stop, restart and fill up: a dockerd in namespaces of its own, its data in
// memory. When the test process dies, its pipe closes, and namespace, mounts and every process in it go with that.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";

export interface PrivateEngineOptions {
  /** Of the file system that images and containers are kept on, as mount(8) writes it: `64m`. */
  readonly size: string;
  /** Directories of this machine that are empty and the engine's own in its namespaces, as if it were another machine. */
  readonly apart?: readonly string[];
}

/**
 * Reads words from standard input: `start`, `stop` (SIGTERM, as a service manager does it), `kill`. Answers `stopped` when the
 * engine has ended; that it listens is in its own log. Ends, and with it the namespaces, when standard input does.
 */
const keeper = `
set -u
mount -t tmpfs -o size=$1 assay-engine "$2/root" || exit 1
directory=$2 group=$3
shift 3
for apart; do mount -t tmpfs assay-apart "$apart" || exit 1; done
ip link set lo up
while read -r word; do
  case $word in
    start) dockerd --host "unix://$directory/docker.sock" --data-root "$directory/root" --exec-root "$directory/root/exec" \\
      --pidfile "$directory/root/pid" --iptables=false --ip6tables=false --cgroup-parent "$group" & engine=$! ;;
    stop) kill -TERM "$engine"; wait "$engine"; echo stopped ;;
    # Its containerd is killed with it, a moment later; the next engine would take that for a living one, and not start.
    kill) kill -KILL "$engine"; wait "$engine"; while pidof containerd >/dev/null; do sleep 0.02; done; echo stopped ;;
  esac
done
`;

/** A dockerd that nobody else uses. Needs root. Close it in `finally` or `afterAll`. */
export class PrivateEngine {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #heard = new Set<(line: string) => void>();
  readonly #log: string[] = [];

  private constructor(directory: string, { size, apart = [] }: PrivateEngineOptions) {
    this.#directory = directory;
    this.host = `unix://${join(directory, "docker.sock")}`;
    const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
    const words = [...namespaces, "sh", "-c", keeper, "sh", size, directory, basename(directory), ...apart];
    this.#child = spawn("unshare", words, { stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on("line", (line) => {
          this.#log.push(line);
          for (const heard of [...this.#heard]) heard(line);
        });
  }

  /** Starts one, and resolves when it answers. Rejects with its last words when it ends instead. */
  static async start(options: PrivateEngineOptions): Promise<PrivateEngine> {
    const directory = mkdtempSync("/run/assay-test-");
    mkdirSync(join(directory, "root"));
    const engine = new PrivateEngine(directory, options);
    try {
      await engine.start();
      return engine;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** What runs a program with the engine's files and processes in sight, on this machine's network. */
  get inside(): readonly string[] {
    const { pid } = this.#child;
    // Of unshare itself, whose child is the first process of the namespaces.
    const [first = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return ["nsenter", "--target", first, "--mount", "--pid", "--"];
  }

  /**
   * Starts it again after `stop` or `kill`; its data is as it was. As a service manager does, once more where it does not come up: its
   * containerd may take longer than it waits over a container that was just made or ended when it was killed.
   */
  start(): Promise<void> {
    const start = () => this.#ask("start", /API listen on/);
    return start().catch(start);
  }

  stop(): Promise<void> {
    return this.#ask("stop", /^stopped$/);
  }

  kill(): Promise<void> {
    return this.#ask("kill", /^stopped$/);
  }

  /** Ends every process of it, and removes what it left on this machine. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.stdin?.end();
      await ended;
    }
    for (const controller of readdirSync("/sys/fs/cgroup"))
      removeGroups(join("/sys/fs/cgroup", controller, basename(this.#directory)));
    removeGroups(join("/sys/fs/cgroup", basename(this.#directory)));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #ask(word: string, answer: RegExp): Promise<void> {
    const over = new AbortController();
    const answered = new Promise<void>((resolve, reject) => {
      const heard = (line: string) => {
        if (answer.test(line)) resolve();
        else if (/^failed to start|level=fatal/.test(line))
          reject(new Error(`the private engine did not ${word}; its last words: ${this.#log.slice(-10).join("\n")}`));
      };
      this.#heard.add(heard);
      over.signal.addEventListener("abort", () => this.#heard.delete(heard));
    });
    const ended = once(this.#child, "exit", { signal: over.signal }).then(() => {
      throw new Error(`the private engine ended; its last words: ${this.#log.slice(-10).join("\n")}`);
    });
    this.#child.stdin?.write(`${word}\n`);
    try {
      await Promise.race([answered, ended]);
    } finally {
      ended.catch(() => undefined);
      over.abort();
    }
  }
}

/** Control groups outlive what ran in them. */
function removeGroups(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(path, entry.name));
  rmdirSync(path);
}
