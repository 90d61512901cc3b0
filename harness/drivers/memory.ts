// Decides how nodes are made that need nothing of the host: resources are kept in memory, commands are answered by a function.
// For tests of what drives drivers, and for trying an environment's shape; it proves nothing of an image.
import type { Probe } from "../model/check.ts";
import { networkNames, startOrder, startsAfter } from "../model/environment.ts";
import { ObservationError, ProvisionError, TransportError } from "../model/errors.ts";
import { type Command, type ExecOptions, type ExecResult, shell } from "../model/exec.ts";
import type { Death, Node } from "../model/node.ts";
import type { ObserveOptions, Transport } from "../transports/transport.ts";
import type {
  Driver,
  EvidenceFile,
  FoundResource,
  ImageOrigin,
  PlannedResource,
  ResourceRef,
  Standing,
} from "./driver.ts";
import { MemoryEngine } from "./memory-engine.ts";
import { type HostNode, hostNode, ShellNode } from "./shell-node.ts";

/** What a command answers on a node; what is left out is status 0 and no output. */
export type MemoryAnswer = (
  command: Command,
  options: ExecOptions,
  node: string,
) => Partial<Pick<ExecResult, "status" | "stdout" | "stderr">> | undefined;

export interface MemoryDriverOptions {
  readonly engine?: MemoryEngine;
  /** Default: every command exits 0 and prints nothing. */
  readonly answer?: MemoryAnswer;
}

/**
 * A driver on an engine in memory.
 *
 * @example
 * const engine = new MemoryEngine({ loseAnswer: 2 });
 * const driver = new MemoryDriver({ engine, answer: (command) => ({ stdout: "hello\n" }) });
 */
export class MemoryDriver implements Driver {
  readonly kind = "memory";
  readonly #engine: MemoryEngine;
  readonly #answer: MemoryAnswer;
  #host: HostNode | undefined;

  constructor({ engine = new MemoryEngine(), answer = () => undefined }: MemoryDriverOptions = {}) {
    this.#engine = engine;
    this.#answer = answer;
  }

  async probe(): Promise<Readonly<Record<string, string>>> {
    return { memory: "1" };
  }

  plan({ owner, environment, scope }: Standing): readonly PlannedResource[] {
    const named = (part: string) => `assay-${owner.run}-${scope}-${environment.name}-${part}`;
    const shared = (kind: "network" | "volume", names: readonly string[]): PlannedResource[] =>
      names.map((name) => ({ driver: this.kind, kind, name: named(`${kind}-${name}`), needs: [] }));
    const nodes = startOrder(environment.name, environment.nodes).flatMap((node): PlannedResource[] => {
      const declaration = environment.nodes[node];
      if (declaration === undefined) return [];
      const mounts = declaration.kind === "container" ? Object.values(declaration.mounts) : [];
      const volumes = mounts.flatMap((mount) => (mount.mount === "volume" ? [mount.volume] : []));
      const needs = [
        ...networkNames(declaration).map((name) => named(`network-${name}`)),
        ...volumes.map((name) => named(`volume-${name}`)),
        ...startsAfter(declaration).map(named),
      ];
      return [{ driver: this.kind, kind: "container", name: named(node), node, needs }];
    });
    return [
      ...shared("network", Object.keys(environment.networks)),
      ...shared("volume", Object.keys(environment.volumes)),
      ...nodes,
    ];
  }

  readonly images: ImageOrigin = {
    resolve: (reference) => Promise.reject(noImages(reference)),
    export: (reference) => Promise.reject(noImages(reference)),
  };

  async check(): Promise<void> {}

  async load(): Promise<void> {}

  async create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    created(await this.#engine.create(resource, { owner: standing.owner, environment: standing.environment.name }));
  }

  async connect(resource: PlannedResource, standing: Standing): Promise<Node> {
    const title = `${standing.environment.name}/${resource.node}`;
    const kept = this.#engine.at(resource.name);
    if (kept === undefined)
      throw new ProvisionError({
        code: "not-there",
        phase: "connect",
        node: title,
        seen: `there is no ${resource.name}`,
      });
    if (kept.state === "exited") {
      const { status } = await kept.died.promise;
      throw new ProvisionError({
        code: "node-died",
        phase: "ready",
        node: title,
        seen: `it ended with status ${status}`,
      });
    }
    this.#host ??= hostNode();
    const transport = new MemoryTransport(title, (command, options) => {
      if (this.#engine.at(resource.name) !== kept || kept.state === "exited")
        throw new TransportError({ code: "node-died", phase: "exec", node: title, seen: "the node is gone" });
      kept.log.push("shell" in command ? command.shell : command.join(" "));
      return this.#answer(command, options, resource.node ?? "") ?? {};
    });
    return new MemoryNode({ title, name: resource.node ?? "", transport }, this.#host, kept.died.promise);
  }

  async evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]> {
    const log = this.#engine.at(resource.name)?.log.join("\n") ?? "could not be had: the node is gone";
    return [{ title: "log", name: "log.txt", content: `${log}\n` }];
  }

  destroy(resource: ResourceRef): Promise<void> {
    return this.#engine.destroy(resource);
  }

  find(run?: string): Promise<readonly FoundResource[]> {
    return this.#engine.find(run);
  }

  async close(): Promise<void> {
    await this.#host?.close();
  }
}

function noImages(reference: string): ProvisionError {
  return new ProvisionError({
    code: "no-images",
    phase: "build",
    seen: `an engine in memory has no image ${reference}`,
  });
}

class MemoryNode extends ShellNode {
  readonly kind = "container";
  readonly carrier: Node;
  readonly died: Promise<Death>;
  readonly #facts: ConstructorParameters<typeof ShellNode>[0];

  constructor(facts: ConstructorParameters<typeof ShellNode>[0], carrier: Node, died: Promise<Death>) {
    super(facts);
    this.#facts = facts;
    this.carrier = carrier;
    this.died = died;
  }

  as(user: string): this {
    return new MemoryNode({ ...this.#facts, user }, this.carrier, this.died) as this;
  }
}

type Answer = (command: Command, options: ExecOptions) => NonNullable<ReturnType<MemoryAnswer>>;

class MemoryTransport implements Transport {
  readonly #title: string;
  readonly #answer: Answer;

  constructor(title: string, answer: Answer) {
    this.#title = title;
    this.#answer = answer;
  }

  async exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    options.signal?.throwIfAborted();
    const { status = 0, stdout = "", stderr = "" } = this.#answer(command, options);
    const [stdoutBytes, stderrBytes] = [Buffer.from(stdout), Buffer.from(stderr)];
    return { status, signal: undefined, stdout, stderr, stdoutBytes, stderrBytes };
  }

  async observe<Subject, Seen>(
    probe: Probe<Subject, Seen>,
    subject: Subject,
    { user }: ObserveOptions = {},
  ): Promise<Seen> {
    const script = shell(probe.script([subject]));
    const { stdoutBytes, stderr, status } = await this.exec(script, user === undefined ? {} : { user });
    const [seen] = probe.parse({ stdout: stdoutBytes, stderr, status }, [subject]);
    if (seen instanceof Error) throw seen;
    if (seen !== undefined) return seen;
    throw new ObservationError({
      code: "no-answer",
      phase: "observe",
      node: this.#title,
      seen: `probe ${probe.name} gave no answer`,
    });
  }

  async dial(): Promise<never> {
    const seen = "a node in memory has no programs";
    throw new TransportError({ code: "cannot-start", phase: "exec", node: this.#title, seen });
  }

  async connect(): Promise<never> {
    return this.dial();
  }

  async close(): Promise<void> {}
}
