// Decides what all nodes that are reached by a transport have in common: the vocabulary, built once on two calls.
import { AssertionError } from "node:assert";
import type { Duplex } from "node:stream";
import type { Probe } from "../model/check.ts";
import { type Command, type ExecOptions, type ExecResult, sayCommand } from "../model/exec.ts";
import type { ConnectOptions, Death, Node } from "../model/node.ts";
import { localTransport } from "../transports/local.ts";
import type { Channel, Transport } from "../transports/transport.ts";

/** The vocabulary over a transport. Subclasses say what kind of node it is, and who carries it. */
export abstract class ShellNode implements Node {
  readonly title: string;
  readonly name: string;
  abstract readonly kind: Node["kind"];
  abstract readonly carrier: Node;
  abstract readonly died: Promise<Death>;
  readonly #transport: Transport;
  /** Set on what `as` gives. */
  readonly #user: string | undefined;

  constructor(facts: { title: string; name: string; transport: Transport; user?: string | undefined }) {
    this.title = facts.title;
    this.name = facts.name;
    this.#transport = facts.transport;
    this.#user = facts.user;
  }

  exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    const user = options.user ?? this.#user;
    return this.#transport.exec(command, user === undefined ? options : { ...options, user });
  }

  async succeed(command: Command, options: ExecOptions = {}): Promise<string> {
    const result = await this.exec(command, options);
    if (result.status === 0) return result.stdout.replace(/\n$/, "");
    throw this.#unexpected(command, result, "status 0", this.succeed);
  }

  async fail(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    const result = await this.exec(command, options);
    if (result.status !== 0) return result;
    throw this.#unexpected(command, result, "another status than 0", this.fail);
  }

  observe<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<Answer> {
    return this.#transport.observe(probe, subject, { user: this.#user });
  }

  /** Starts a program as the administrator, for a protocol over its streams. */
  dial(command: readonly [string, ...string[]]): Promise<Channel> {
    return this.#transport.dial(command);
  }

  connect(port: number, { host = "127.0.0.1" }: ConnectOptions = {}): Promise<Duplex> {
    return this.#transport.connect({ host, port });
  }

  /** A view of the same node as another user. Everything but the user is shared with the original. */
  abstract as(user: string): this;

  protected get transport(): Transport {
    return this.#transport;
  }

  #unexpected(
    command: Command,
    result: ExecResult,
    expected: string,
    caller: (...args: never[]) => unknown,
  ): AssertionError {
    const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-5).join("\n");
    const died = result.signal === undefined ? "" : ` (${result.signal})`;
    return new AssertionError({
      message: `${this.title}: "${sayCommand(command)}" ended with status ${result.status}${died}, expected ${expected}${said === "" ? "" : `; it said: ${said}`}`,
      actual: result.status,
      expected,
      operator: "succeed",
      stackStartFn: caller,
    });
  }
}

/** This machine, or the one that another machine's engine runs on. It carries itself and does not die before the run does. */
class HostNode extends ShellNode {
  readonly kind = "host";
  readonly carrier: Node = this;
  readonly died: Promise<Death> = new Promise(() => undefined);

  as(user: string): this {
    return new HostNode({ title: this.title, name: this.name, transport: this.transport, user }) as this;
  }

  close(): Promise<void> {
    return this.transport.close();
  }
}

export type { HostNode };

/** The node for this machine; close it when done. */
export function hostNode(): HostNode {
  return new HostNode({ title: "host", name: "host", transport: localTransport() });
}

/** The node for the machine at the end of a transport; closing it closes that. `at` tells it from this machine in messages. */
export function hostNodeAt(at: string, transport: Transport): HostNode {
  return new HostNode({ title: `host (${at})`, name: "host", transport });
}
