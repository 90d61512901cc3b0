// Decides what every node can do, whatever carries it: a container, a virtual machine, this machine.

import type { Probe } from "./check.ts";
import type { Command, ExecOptions, ExecResult } from "./exec.ts";
import type { ImageFacts } from "./image.ts";

/**
 * A live handle on something that runs commands. All methods may be called concurrently.
 * They reject with a `TransportError` when the answer is unknown, and at once when the node has died, saying how.
 */
export interface Node {
  /** `environment/node`, or `host`. */
  readonly title: string;
  readonly name: string;
  readonly kind: "container" | "vm" | "host";
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
  /** The same node, with commands and observations done as another user: `name`, `uid` or `uid:gid`. */
  as(user: string): this;
  /** Settles when the node stops by itself, with its exit status and its last log lines. Never rejects. */
  readonly died: Promise<Death>;
}

/** How a node ended. */
export interface Death {
  readonly status: number | undefined;
  readonly oomKilled: boolean;
  /** The last lines of its log or console, newest last. */
  readonly lastLines: readonly string[];
}

/** A container. Its own verbs are the engine's. Each resolves when the engine says it is done. */
export interface ContainerNode extends Node {
  readonly kind: "container";
  /** The engine's full container id. */
  readonly id: string;
  /** Asks the main process to stop (stop signal, then SIGKILL after the declared stop timeout). Idempotent. */
  stop(): Promise<{ readonly status: number; readonly tookMs: number }>;
  /** Sends a signal to the main process; default SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again after `stop` or `kill`. Idempotent. */
  start(): Promise<void>;
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
  /** Host address and port that a declared port is published on. */
  port(containerPort: number): { readonly host: string; readonly port: number };
  /** Status and exit code as the engine sees them now. */
  state(): Promise<ContainerState>;
  /** What the image the container was made from declares. */
  image(): Promise<ImageFacts>;
}

export interface ContainerState {
  readonly status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly health: "none" | "starting" | "healthy" | "unhealthy";
}
