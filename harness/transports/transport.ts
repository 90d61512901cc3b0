// Decides what a way to reach a node is. Resolves for every exit status; rejects only when the status is unknown.
import type { Duplex, Readable, Writable } from "node:stream";
import type { Probe } from "../model/check.ts";
import type { Command, ExecOptions, ExecResult } from "../model/exec.ts";
import type { TunnelEnd } from "./tunnel.ts";

/**
 * One node, reached. All methods may be called concurrently. Rejections are `TransportError`s: `deadline`, `aborted`,
 * `shell-closed`, `cannot-start`, `output-too-big`; `observe` also rejects with what the probe's `parse` said.
 */
export interface Transport {
  /** Runs a command once; it is never sent a second time, whatever happens. Commands of different callers run side by side. */
  exec(command: Command, options?: ExecOptions): Promise<ExecResult>;
  /** Asks for a fact. What is asked for in one tick travels as one script; equal questions are asked once. */
  observe<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject, options?: ObserveOptions): Promise<Answer>;
  /** Starts a program as the administrator and gives its streams: for protocols. Whoever asked destroys it. */
  dial(command: readonly [string, ...string[]]): Promise<Channel>;
  /**
   * A byte stream to a TCP port, opened by the node itself. Rejections beside the usual ones: `refused`, `unknown-host`, `no-connection`,
   * `no-relay`. Whoever asked destroys it.
   */
  connect(end: TunnelEnd): Promise<Duplex>;
  /** Ends the shells and whatever still runs in them. Idempotent. */
  close(): Promise<void>;
}

/** What was open on a node at a moment that it may be brought back to. Belongs to the transport that gave it. */
export interface Moment {
  readonly channels: ReadonlySet<Channel>;
  /** What the opener wants to know again. */
  readonly opener: unknown;
}

export interface ObserveOptions {
  /** `name`, `uid` or `uid:gid`; default: the administrator. */
  readonly user?: string | undefined;
}

/** A started process with its three streams; what an opener makes. */
export interface Channel {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its exit status (128 + n for signal n), once its streams have ended; `undefined` when nobody knows. Never rejects. */
  readonly ended: Promise<number | undefined>;
  /** Cuts the connection. What runs at the other end may go on: see `Opener.killTree`. */
  destroy(): void;
}

export interface OpenOptions {
  /** `undefined`: the user the node runs as. */
  readonly user: string | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** The only thing a concrete transport has to supply: how a process is started on the node. */
export interface Opener {
  /** For messages: `docker-soe/soe`. */
  readonly node: string;
  /** Starts a process. Rejects with a `TransportError` (`cannot-start`) that says why; `no-such-file` when the program is missing. */
  open(argv: readonly [string, ...string[]], options: OpenOptions): Promise<Channel>;
  /** Kills a process of the node, by its pid as seen on the node, with all that descend from it. Never rejects. */
  killTree(pid: number, options: OpenOptions): Promise<void>;
  /** A stream to a port without a program of the node's between; absent where only the node's own programs get there. */
  connect?(end: TunnelEnd): Promise<Duplex>;
  /** What keeps a process from being started just now, for messages; where there is more to say than that the node does not answer. */
  obstacle?(): string;
  /** User of observations; `undefined`: the node's own. */
  readonly administrator: string | undefined;
  /** The shell that observations are made with, where it is not the node's own `/bin/sh`. */
  readonly probing?: ProbingShell | undefined;
  /** Input that a program leaves unread has to be read all the same: podman loses the program's output with it. */
  readonly drains?: boolean;
  /** What would help a node that has no shell, for messages. */
  readonly shellHint?: string | undefined;
  /** For nodes whose memory can be kept and brought back; without it no channel outlives that. */
  readonly moments?: OpenerMoments;
}

/** A shell brought along, with tools of its own. */
export interface ProbingShell {
  readonly argv: readonly [string, ...string[]];
  /** Shell text that it is given first, once. */
  readonly prelude: string;
}

/** See `ShellTransport.quiesce`. */
export interface OpenerMoments {
  /** Nothing is under way. The answer is given back to `resume`. */
  quiesce(): unknown;
  /** All channels but these are lost from now on, and nothing is started until `resume`. */
  hold(kept: ReadonlySet<Channel>): void;
  resume(quiesced: unknown): void;
}
