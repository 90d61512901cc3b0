// Decides what every node can do, whatever carries it: a container, a virtual machine, this machine.

import type { Duplex } from "node:stream";
import type { Probe } from "./check.ts";
import type { ReadyOptions } from "./container.ts";
import type { Size } from "./duration.ts";
import type { Command, ExecOptions, ExecResult } from "./exec.ts";
import type { ImageFacts } from "./image.ts";
import type { Secret } from "./secret.ts";

/**
 * A live handle on something that runs commands. All methods may be called concurrently.
 * They reject with a `TransportError` when the answer is unknown, and at once when the node has died, saying how.
 */
export interface Node {
  /** `environment/node`, or `host`. */
  readonly title: string;
  readonly name: string;
  readonly kind: "container" | "vm" | "image" | "host";
  /** The machine that carries this node: the host, or the VM whose engine runs it. The host carries itself. */
  readonly carrier: Node;
  /** Runs a command. Resolves for every exit status. Default deadline 60 s. */
  exec(command: Command, options?: ExecOptions): Promise<ExecResult>;
  /** Runs a command that must exit 0 and gives its standard output without the last newline; else an assertion fails. */
  succeed(command: Command, options?: ExecOptions): Promise<string>;
  /** Runs a command that must exit with another status than 0; else an assertion fails. */
  fail(command: Command, options?: ExecOptions): Promise<ExecResult>;
  /** Asks for one fact. Observations asked for in one tick travel together, as the administrator (uid 0) unless `as` says otherwise. */
  observe<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<Answer>;
  /**
   * A byte stream to a TCP port as the node itself would open it: on its 127.0.0.1 unless a host is named. No port has to be published,
   * nothing listens on this machine. Clients may ask of it what they ask of sockets (`setKeepAlive`). Whoever asked ends it. Rejects with a `TransportError`: `refused` where nobody listens, `unknown-host`,
   * `no-connection`, `no-relay` where the node has no python3, perl, bash or busybox.
   * @example const stream = await database.connect(27017);
   */
  connect(port: number, options?: ConnectOptions): Promise<Duplex>;
  /** The same node, with commands and observations done as another user: `name`, `uid` or `uid:gid`. */
  as(user: string): this;
  /** Settles when the node stops by itself, with its exit status and its last log lines. Never rejects. */
  readonly died: Promise<Death>;
}

export interface ConnectOptions {
  /** A name that the node can resolve, or an address. Default `127.0.0.1`. */
  readonly host?: string;
}

/** How a node ended. */
export interface Death {
  readonly status: number | undefined;
  readonly oomKilled: boolean;
  /** The last lines of its log or console, newest last. */
  readonly lastLines: readonly string[];
  /** Its engine starts it again, see `restart`. */
  readonly startsAgain?: true;
}

/** A network card of a node, as the machine that carries the node sees it. */
export interface Card {
  /** As the environment declares it. */
  readonly network: string;
  /** Lower-case. */
  readonly mac: string;
  /** The bridge's port that leads to it; absent while the node is off. */
  readonly port?: string | undefined;
}

/** A container. Its own verbs are the engine's. Each resolves when the engine says it is done. */
export interface ContainerNode extends Node {
  readonly kind: "container";
  /** The engine's full container id. */
  readonly id: string;
  /**
   * `probedBy`: whose tools answer checks, `image` or `busybox`; see the option of that name. `engine`: `docker` or `podman`, for what
   * the one does to every container and the other does not. `image`: the digest of the configuration of the image that it was made of.
   */
  readonly facts: Readonly<Record<string, string>>;
  /** Asks the main process to stop (stop signal, then SIGKILL after the declared stop timeout). Idempotent. */
  stop(): Promise<{ readonly status: number; readonly tookMs: number }>;
  /** Sends a signal to the main process; default SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /**
   * Kills the main process behind the engine's back, on the engine's machine, as a crash does: where `restart` says so, the engine starts
   * it again, which it does not after `stop` and `kill`. Resolves when the engine has told of the end.
   */
  crash(): Promise<void>;
  /**
   * Starts it again after `stop`, `kill` or its own end, and waits until it is ready: as it was declared, or as is said here, where this
   * start is to end in another way. Idempotent.
   * @example await database.start({ ready: { exited: 100 } });
   */
  start(options?: { readonly ready?: ReadyOptions }): Promise<void>;
  /** `stop`, then `start`; waits for ready again. */
  restart(): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  /** Copies a host file or directory to a directory of the node. Keeps modes; owners as numbers, root by default. */
  copyTo(source: string, targetDirectory: string): Promise<void>;
  /** Copies a file or directory of the node into a directory of the host. */
  copyFrom(source: string, targetDirectory: string): Promise<void>;
  /** Standard output and standard error of the main process so far, in the engine's order. */
  logs(): Promise<string>;
  /** The path on the carrier that is mounted at `target`; a `DeclarationError` when nothing with a host side is. */
  mountSource(target: string): string;
  /** Its address on a declared network; the only network's when none is named. */
  address(network?: string): string;
  /**
   * Its cards on this machine's bridges. Rejects with `not-on-a-bridge` where it has none that can be seen from here: on another machine's
   * engine, on an engine without root, in a virtual machine, stopped.
   */
  cards(): Promise<readonly Card[]>;
  /** Host address and port that a declared port is published on. */
  port(containerPort: number): { readonly host: string; readonly port: number };
  /** Status and exit code as the engine sees them now. */
  state(): Promise<ContainerState>;
  /** What the image the container was made from declares. */
  image(): Promise<ImageFacts>;
}

/** An image at rest. Whatever would run something rejects with a `TransportError` (code `not-running`), and so do checks that files do not answer. */
export interface StillNode extends Node {
  readonly kind: "image";
  /** `probedBy: "archive"`, where the image lies, its digest. */
  readonly facts: Readonly<Record<string, string>>;
  /** What the image declares. Rejects for a bare directory, which has no configuration. */
  image(): Promise<ImageFacts>;
}

/** Credentials of one try to log in. */
export interface LoginTrial {
  readonly user: string;
  /** A private key in OpenSSH's format. */
  readonly privateKey?: Secret;
  readonly password?: Secret;
}

/** What an ssh server said to a try to log in. */
export interface LoginAnswer {
  readonly granted: boolean;
  /** Methods the server offered, in its order: `publickey`, `password`, `keyboard-interactive`. */
  readonly offered: readonly string[];
  /** `SHA256:…` fingerprint of the server's key. */
  readonly hostKey: string;
}

/** A disk that is plugged in while the machine runs. */
export interface HotDisk {
  /** Bytes, written `1g`. */
  readonly size: Size;
  readonly serial?: string;
}

/** A virtual machine. Its own verbs are those of a machine's panel. Each resolves when it is done. */
export interface VmNode extends Node {
  readonly kind: "vm";
  /** The domain's UUID. */
  readonly id: string;
  /** `kvm` with hardware virtualisation, else `qemu`; how the harness got in; the boot's id; digest of the image. */
  readonly facts: VmFacts;
  /** Asks the guest to start again and waits until it is ready. Rejects when the boot id did not change. */
  reboot(): Promise<{ readonly tookMs: number }>;
  /**
   * Asks the guest to power off and waits until it has. A guest that does not within `stopTimeout` is an error. `by: "agent"`: by its guest
   * agent alone; default: by the power button, and by the harness's own shell.
   */
  shutdown(options?: { readonly by?: "agent" }): Promise<{ readonly tookMs: number }>;
  /** Powers on after `shutdown` or `crash`, on the same disk, and waits until it is ready. Idempotent. */
  start(): Promise<void>;
  /** Takes the power away at once. */
  crash(): Promise<void>;
  /** Back to the moment at which it was ready: memory, disks, processes; the clock is set, the random pool fed anew. */
  reset(): Promise<void>;
  /** Keeps memory and disks under a name. */
  snapshot(name: string): Promise<void>;
  /** Back to what `snapshot` kept, like `reset`. */
  revert(name: string): Promise<void>;
  /** The screen as PNG. Rejects for a machine without one. */
  screenshot(): Promise<Uint8Array>;
  /** What the serial console has shown since the first boot. */
  console(): Promise<string>;
  /** Plugs an empty disk in; it appears in the guest as `/dev/disk/by-id/virtio-<serial>`. */
  attachDisk(name: string, disk: HotDisk): Promise<void>;
  detachDisk(name: string): Promise<void>;
  /**
   * Pulls the cable of a declared network, the only one's when none is named: the card stays and has no link. `plug` undoes it, and so do
   * `crash` with `start`, and `reset` where it was plugged in when the machine was ready. The harness's own way in is not touched, but by ssh.
   */
  unplug(network?: string): Promise<void>;
  /** Puts the cable back. The guest may take a moment to notice. */
  plug(network?: string): Promise<void>;
  /** Writes the guest's memory as an ELF core to a file of the host. */
  dumpMemory(path: string): Promise<void>;
  /**
   * Asks the image's own QEMU guest agent, where it runs one, and gives what that returns. Rejects with `agent-silent` where none answers.
   * @see https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html
   * @example await machine.agent("guest-fsfreeze-freeze");
   */
  agent(execute: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Its address on a declared network; the only network's when none is named. */
  address(network?: string): string;
  /** Its cards on this machine's bridges. Rejects with `not-on-a-bridge` where libvirt is another machine's, or has none for it. */
  cards(): Promise<readonly Card[]>;
  /** Tries to log in to the guest's ssh server, as anybody could. A refusal is an answer. */
  login(trial: LoginTrial, options?: { readonly port?: number; readonly network?: string }): Promise<LoginAnswer>;
  /** What the image is. */
  readonly imageDigest: string;
}

export interface VmFacts {
  readonly accelerator: "kvm" | "qemu";
  /** Why it is emulated, as `assay doctor` says it; absent with hardware virtualisation. */
  readonly whyEmulated?: string;
  readonly access: "initrd" | "seed" | "console";
  readonly transport: "ports" | "ssh";
  /** `booted`: the firmware or kernel started it. `warm`: from the memory of a machine like it that was ready before. */
  readonly start: "booted" | "warm";
  /** Why it did not start warm. */
  readonly whyBooted?: string;
  /** `/proc/sys/kernel/random/boot_id`. Machines that started from one memory have the same. */
  readonly bootId: string;
}

export interface ContainerState {
  readonly status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
  /** How often the engine has started it again by itself. */
  readonly restarts: number;
}
