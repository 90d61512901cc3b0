// Decides where things lie and what the surroundings ask for. The one place beside the CLI that reads the environment.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DockerContext, dockerContext } from "./host/docker-context.ts";
import { durationMs } from "./model/duration.ts";
import { DeclarationError } from "./model/errors.ts";
import { home, projectOf } from "./place.ts";

export interface Config {
  /** Of Assay itself, from package.json. */
  readonly version: string;
  /** The project's top level: where `specs/` and `fixtures/` are. */
  readonly project: string;
  /** What must outlive a checkout: ledger, image store, scratch directories, the log of a daemon that setup started. */
  readonly state: string;
  readonly ledger: string;
  readonly store: string;
  /** What became of tests in past runs. */
  readonly history: string;
  /** Scratch directories of live environments, one directory a run. */
  readonly scratch: string;
  /** Event sockets of live runs. */
  readonly sockets: string;
  /**
   * Disk images that virtual machines read. A directory beside the store, which is closed to everybody else: QEMU is another
   * user and has to reach them. Mode 0711.
   */
  readonly disks: string;
  /**
   * Sockets of virtual machines. Short, because a socket's path may have 107 bytes: at most 40 here, which leaves room for
   * `<run>/<node>/<port>`. Each state directory has its own. Whoever makes it chooses mode 0711.
   */
  readonly machines: string;
  /**
   * `LIBVIRT_DEFAULT_URI`, where it is set; else `qemu:///system` for root and for members of the group libvirt, else
   * `qemu:///session`.
   */
  readonly libvirtUri: string;
  /** Where reports are written: `$ASSAY_REPORTS`, else `reports/runs` of the project. */
  readonly runs: string;
  /** `CI` is set: nobody sits here, and what failed is to be looked at somewhere else. */
  readonly ci: boolean;
  /** Terminal colours wanted: no `NO_COLOR`, and standard output is a terminal or `FORCE_COLOR` is set. */
  readonly color: boolean;
  /** Standard output is a terminal that a live tree can be drawn on. */
  readonly live: boolean;
  /** Standard output is a terminal in which places in files may be links (OSC 8). */
  readonly links: boolean;
  /** Which engine runs the host's containers: `ASSAY_ENGINE`, default docker. */
  readonly engine: "docker" | "podman";
  /** Address of that engine: for docker that of `DOCKER_HOST`, else of the docker context in use; for podman always one. */
  readonly dockerHost: string | undefined;
  /** With which keys a docker engine at a `tcp://` address is spoken to: those of `DOCKER_CERT_PATH`, or of the context. */
  readonly dockerTls: DockerContext["dockerTls"];
  /** How `ssh://` addresses are reached: `ASSAY_SSH_CONFIG` in place of ssh's usual files, and the user's agent. */
  readonly ssh: { readonly config: string | undefined; readonly agent: string | undefined };
  /** Address of each engine, whichever is chosen: what earlier runs left on the other is removed all the same. */
  readonly engineHosts: { readonly docker: string | undefined; readonly podman: string };
  /** `ASSAY_STORE_BUDGET`: how much disk the store may take, `20g`, `15%` or `none`; see `store/budget.ts`. */
  readonly storeBudget: string | undefined;
  /** `ASSAY_PATIENCE`: for how long removing tries again what failed, `30s` where nobody says. */
  readonly patienceMs: number | undefined;
  /** `ASSAY_FAULT`: whom to kill at which commit of whose ledger; see `lifecycle/fault.ts`. For tests of Assay itself. */
  readonly fault: string | undefined;
}

/**
 * State lies in `$ASSAY_STATE`, else `/var/lib/assay` for root, else `$XDG_STATE_HOME/assay`. It must be on a local disk: the
 * ledger is a SQLite file in WAL mode.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const project = projectOf(process.cwd());
  const user = join(env["XDG_STATE_HOME"] ?? join(homedir() || tmpdir(), ".local", "state"), "assay");
  const root = process.getuid?.() === 0;
  const state = resolve(env["ASSAY_STATE"] ?? (root ? "/var/lib/assay" : user));
  const runtime = root
    ? "/run/assay"
    : join(env["XDG_RUNTIME_DIR"] ?? `/tmp/assay-${process.getuid?.() ?? 0}`, "assay");
  const engine = engineOf(env["ASSAY_ENGINE"]);
  const podmanRoom = root ? "/run" : (env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`);
  const docker = dockerOf(env);
  const engineHosts = {
    docker: docker?.dockerHost,
    podman: env["CONTAINER_HOST"] || `unix://${podmanRoom}/podman/podman.sock`,
  };
  const terminal = process.stdout.isTTY === true && env["TERM"] !== "dumb";
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string };
  return {
    version,
    project,
    state,
    ledger: join(state, "ledger.db"),
    store: join(state, "store"),
    history: join(state, "history.db"),
    scratch: join(state, "scratch"),
    sockets: join(state, "sockets"),
    disks: join(state, "disks"),
    machines: join(runtime, createHash("sha256").update(state).digest("hex").slice(0, 8)),
    libvirtUri: env["LIBVIRT_DEFAULT_URI"] || (root || inLibvirtGroup() ? "qemu:///system" : "qemu:///session"),
    runs: resolve(env["ASSAY_REPORTS"] ?? join(project, "reports", "runs")),
    ci: !["", "0", "false"].includes(env["CI"] ?? ""),
    color: (env["NO_COLOR"] ?? "") === "" && (terminal || (env["FORCE_COLOR"] ?? "") !== ""),
    links: terminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "linux",
    live: terminal && env["CI"] === undefined,
    engine,
    dockerHost: engineHosts[engine],
    dockerTls: engine === "docker" ? docker?.dockerTls : undefined,
    ssh: { config: env["ASSAY_SSH_CONFIG"] || undefined, agent: env["SSH_AUTH_SOCK"] || undefined },
    engineHosts,
    storeBudget: env["ASSAY_STORE_BUDGET"] || undefined,
    patienceMs: patienceOf(env["ASSAY_PATIENCE"]),
    fault: env["ASSAY_FAULT"],
  };
}

/** As docker's own client finds its engine; `undefined` where that is the usual socket. */
function dockerOf(env: NodeJS.ProcessEnv): DockerContext | undefined {
  const { DOCKER_HOST: dockerHost, DOCKER_CERT_PATH: certificates } = env;
  if (dockerHost === undefined || dockerHost === "")
    return dockerContext(env["DOCKER_CONFIG"] || join(homedir(), ".docker"), env["DOCKER_CONTEXT"]);
  if ((env["DOCKER_TLS_VERIFY"] ?? "") === "" || certificates === undefined) return { dockerHost };
  const file = (name: string) => join(certificates, `${name}.pem`);
  return { dockerHost, dockerTls: { ca: file("ca"), cert: file("cert"), key: file("key") } };
}

function patienceOf(wanted: string | undefined): number | undefined {
  return wanted === undefined || wanted === "" ? undefined : durationMs(wanted, "ASSAY_PATIENCE");
}

function engineOf(wanted: string | undefined): "docker" | "podman" {
  if (wanted === undefined || wanted === "" || wanted === "docker") return "docker";
  if (wanted === "podman") return "podman";
  throw new DeclarationError({
    code: "unknown-engine",
    seen: `ASSAY_ENGINE=${wanted} names no engine`,
    hint: "it may be docker or podman",
  });
}

/** Its members may use the machine's daemon; its socket itself is open to everybody on Debian, and then asks who it is. */
function inLibvirtGroup(): boolean {
  try {
    const gid = /^libvirt:[^:]*:(\d+):/m.exec(readFileSync("/etc/group", "utf8"))?.[1];
    return gid !== undefined && (process.getgroups?.() ?? []).includes(Number(gid));
  } catch {
    return false;
  }
}
