// Decides which connection to a guest is the present one: a machine that is powered on again has other sockets, and its handle
// stays valid. Refuses to send anything twice.
import type { Duplex } from "node:stream";
import type { Probe } from "../model/check.ts";
import { TransportError } from "../model/errors.ts";
import type { Command, ExecOptions, ExecResult } from "../model/exec.ts";
import type { Channel, ObserveOptions, Transport } from "../transports/transport.ts";
import type { TunnelEnd } from "../transports/tunnel.ts";

/** A transport that hands over to the present one. */
export class RelayTransport<Present extends Transport> implements Transport {
  readonly #node: string;
  #present: Present | undefined;

  constructor(node: string) {
    this.#node = node;
  }

  /** The present connection; a `TransportError` (code `powered-off`) when the machine is off. */
  get present(): Present {
    if (this.#present !== undefined) return this.#present;
    throw new TransportError({
      code: "powered-off",
      phase: "exec",
      node: this.#node,
      seen: "the machine is off",
      hint: "start() it first",
    });
  }

  get connected(): boolean {
    return this.#present !== undefined;
  }

  /** From now on `next` is the present one; what was under way on the former is rejected. */
  async become(next: Present | undefined): Promise<void> {
    const former = this.#present;
    this.#present = next;
    await former?.close().catch(() => undefined);
  }

  async exec(command: Command, options?: ExecOptions): Promise<ExecResult> {
    return this.present.exec(command, options);
  }

  async observe<Subject, Answer>(
    probe: Probe<Subject, Answer>,
    subject: Subject,
    options?: ObserveOptions,
  ): Promise<Answer> {
    return this.present.observe(probe, subject, options);
  }

  async dial(command: readonly [string, ...string[]]): Promise<Channel> {
    return this.present.dial(command);
  }

  async connect(end: TunnelEnd): Promise<Duplex> {
    return this.present.connect(end);
  }

  close(): Promise<void> {
    return this.become(undefined);
  }
}
