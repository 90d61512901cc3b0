// Decides whose findings are: each belongs to a node, and to the tests that ran when it was seen, or to none. What was allowed is told, too.
// Refuses to judge what happens once it is closed: that is teardown's doing.
import type { NodeDeclaration } from "../model/environment.ts";
import { messageOf } from "../model/errors.ts";
import type { EventSink } from "../model/event.ts";
import type { FindingKind, HeardSign, NodeWatch } from "../model/health.ts";
import type { ContainerNode, Node, VmNode } from "../model/node.ts";
import { redact } from "../model/secret.ts";
import { ContainerWatch } from "./container-watch.ts";
import { MachineWatch } from "./machine-watch.ts";
import { NodeRecord } from "./node-record.ts";
import { HealthError, type Wrong } from "./said.ts";

export interface Watched {
  readonly environment: { readonly name: string; readonly nodes: Readonly<Record<string, NodeDeclaration>> };
  readonly scope: string;
  readonly file: string | undefined;
  readonly events: EventSink;
}

/** Watches of this process, by the engine's id of each node. */
const known = new Map<string, EnvironmentWatch>();

/** The watch of a node that stands; `undefined` where no test of this process has it. */
export function watchOf({ id }: { readonly id: string }): EnvironmentWatch | undefined {
  return known.get(id);
}

/** One stand-up, from the moment each node is ready until it is closed. */
export class EnvironmentWatch implements NodeWatch {
  readonly #about: Watched;
  readonly #nodes = new Map<string, ContainerWatch | MachineWatch>();
  readonly #ids = new Set<string>();
  readonly #running = new Set<string>();
  /** Of no test, not yet told. */
  #outside: Wrong[] = [];
  #spentMs = 0;
  #closed = false;

  constructor(about: Watched) {
    this.#about = about;
  }

  ready(node: Node, listen: (heard: HeardSign) => void): void {
    if (node.kind !== "container" && node.kind !== "vm") return;
    const live = node as ContainerNode | VmNode;
    known.set(live.id, this);
    this.#ids.add(live.id);
    const before = this.#nodes.get(node.name);
    if (before instanceof ContainerWatch && live.kind === "container") {
      before.again(live, listen);
      return;
    }
    const declared = this.#about.environment.nodes[node.name];
    const tolerates = declared === undefined || !("tolerates" in declared) ? undefined : declared.tolerates;
    const record = before?.record ?? new NodeRecord({ name: node.name, title: node.title, tolerates });
    this.#nodes.set(
      node.name,
      live.kind === "vm"
        ? new MachineWatch(record, live, listen, declared?.kind === "vm" && declared.carrier)
        : new ContainerWatch(record, live, listen),
    );
  }

  /** All nodes are ready. What was found up to now is no test's. */
  async stands(): Promise<void> {
    await this.#gather();
    this.#takeOutside();
  }

  /** All machines were brought back to the moment at which they were ready. */
  rewound(): void {
    for (const watch of this.#nodes.values()) if (watch instanceof MachineWatch) watch.rewound();
  }

  /** What was found before this is not the test's. */
  testBegins(test: string): void {
    if (this.#running.size === 0) this.#takeOutside();
    this.#running.add(test);
  }

  /** Throws a failed assertion where something was found meanwhile that nobody allows. */
  async testEnds(test: string): Promise<void> {
    await this.#gather();
    const tests = [...this.#running];
    this.#running.delete(test);
    const wrongs = this.#take(tests, test);
    if (wrongs.length > 0) throw new HealthError(wrongs);
  }

  /** What is found of a node while a test runs is what that does on purpose. */
  provoke(name: string, kinds: readonly FindingKind[]): void {
    for (const test of this.#running) this.#nodes.get(name)?.record.provoke(kinds, test);
  }

  /** Before anything is taken down: the last look, and the account. Throws what was found outside of tests. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const began = performance.now();
    await Promise.all([...this.#nodes.values()].map((watch) => watch.last().catch(() => undefined)));
    this.#spentMs += performance.now() - began;
    this.#takeOutside();
    for (const id of this.#ids) if (known.get(id) === this) known.delete(id);
    const { environment, scope, events } = this.#about;
    const at = Date.now();
    for (const { record, watched } of this.#nodes.values()) {
      const { notWatched, ...facts } = record.facts(watched);
      const said = notWatched.map(({ kinds, reason }) => ({ kinds, reason: redact(reason) }));
      events.say({
        event: "watched",
        at,
        environment: environment.name,
        scope,
        node: record.name,
        ...facts,
        notWatched: said,
      });
    }
    events.say({ event: "overhead", at, of: "health", ms: this.#spentMs });
    if (this.#outside.length > 0) throw new HealthError(this.#outside);
  }

  async #gather(): Promise<void> {
    const began = performance.now();
    await Promise.all(
      [...this.#nodes.values()].map((watch) =>
        watch.gather().catch((error: unknown) => watch.record.notWatched(watch.watched, messageOf(error))),
      ),
    );
    this.#spentMs += performance.now() - began;
  }

  #takeOutside(): void {
    this.#outside.push(...this.#take([], undefined));
  }

  /** Tells of each finding since the last time; answers those that nobody allows. */
  #take(tests: readonly string[], test: string | undefined): Wrong[] {
    const { environment, scope, file, events } = this.#about;
    return [...this.#nodes.values()].flatMap(({ record }) =>
      record.take().flatMap((finding) => {
        const { kind, at } = finding;
        const allowed = record.allowed(kind, tests);
        const lines = finding.lines.map((line) => redact(line));
        events.say({
          event: "finding",
          at,
          environment: environment.name,
          scope,
          node: record.name,
          kind,
          lines,
          ...(file === undefined ? {} : { file }),
          ...(test === undefined ? {} : { test }),
          ...(allowed === undefined ? {} : { allowed }),
        });
        return allowed === undefined ? [{ node: record, finding: { ...finding, lines } }] : [];
      }),
    );
  }
}
