// Decides what becomes of what a spec breaks on purpose in one stand-up: what it leaves on the host is in the ledger before it is there,
// and everything is mended at the latest when the test, or the stand-up, is over. Refuses to know what a fault is made of.
import type { ResourceRef, Standing } from "../drivers/driver.ts";
import { DeclarationError, messageOf, TeardownError } from "../model/errors.ts";
import type { EventSink } from "../model/event.ts";
import type { Fault } from "../model/fault.ts";
import type { ContainerNode, VmNode } from "../model/node.ts";
import type { Ledger } from "./ledger.ts";

/** One fault, and how it is mended. */
export interface Breaking {
  /** For people: `partition of studio/one from studio/two`. */
  readonly title: string;
  /** What there is of it on the host; absent where all of it is in the node, and goes with that. */
  readonly resource?: ResourceRef;
  apply(): Promise<void>;
  /** Mended already is success. */
  undo(): Promise<void>;
}

export interface FaultsOf {
  readonly standing: Standing;
  readonly ledger: Ledger;
  readonly events: EventSink;
}

/** Of this process, by the engine's id of each node. */
const known = new Map<string, Faults>();

/**
 * The faults of the stand-up that a node belongs to. Rejects nodes that no stand-up of this process has with `no-stand`.
 * @example const faults = faultsOf(server);
 */
export function faultsOf(node: ContainerNode | VmNode, at?: string): Faults {
  const faults = known.get(node.id);
  if (faults !== undefined) return faults;
  throw new DeclarationError({
    code: "no-stand",
    at,
    node: node.title,
    seen: `${node.title} does not stand any more, or another process stood it up`,
    hint: "break what the test at hand was given",
  });
}

/** What is broken in one stand-up. */
export class Faults {
  readonly standing: Standing;
  readonly #ledger: Ledger;
  readonly #events: EventSink;
  readonly #broken = new Map<Fault, Breaking>();
  readonly #nodes = new Set<string>();
  #count = 0;

  constructor({ standing, ledger, events }: FaultsOf) {
    this.standing = standing;
    this.#ledger = ledger;
    this.#events = events;
  }

  /** A number that no other fault of the stand-up has. */
  next(): number {
    this.#count += 1;
    return this.#count;
  }

  /** From now on `faultsOf` knows the node. */
  own({ id }: { readonly id: string }): void {
    known.set(id, this);
    this.#nodes.add(id);
  }

  /** Breaks something. When that fails, what there may be of it is mended before this rejects. */
  async begin(breaking: Breaking): Promise<Fault> {
    const { resource, title } = breaking;
    const { run } = this.standing.owner;
    const entry = resource && this.#ledger.intend(run, { ...resource, environment: this.standing.environment.name });
    this.#tell(resource, "intent");
    const end = async () => {
      if (entry !== undefined) this.#ledger.deleting(entry);
      await breaking.undo();
      if (entry === undefined) return;
      this.#ledger.gone(entry);
      this.#tell(resource, "gone");
    };
    try {
      await breaking.apply();
    } catch (error) {
      await end().catch(() => undefined); // the ledger still has what is left; the reason is worth more
      throw error;
    }
    if (entry !== undefined) this.#ledger.live(entry);
    this.#tell(resource, "live");
    let healing: Promise<void> | undefined;
    const heal = async () => {
      if (!this.#broken.has(fault)) return;
      await end();
      this.#broken.delete(fault);
    };
    const fault: Fault = {
      title,
      heal() {
        healing ??= heal().finally(() => {
          healing = undefined;
        });
        return healing;
      },
      [Symbol.asyncDispose]: () => fault.heal(),
    };
    this.#broken.set(fault, breaking);
    return fault;
  }

  /** Mends all that is broken, the newest first. Attempts everything; rejects with a `TeardownError` that has each reason. */
  heal(): Promise<void> {
    return this.#heal([...this.#broken.keys()]);
  }

  /** Mends what is on the host. What is in the nodes goes as they go, or as they are brought back, and is over. */
  async over(): Promise<void> {
    const outside = [...this.#broken].filter(([, { resource }]) => resource !== undefined).map(([fault]) => fault);
    for (const fault of this.#broken.keys()) if (!outside.includes(fault)) this.#broken.delete(fault);
    await this.#heal(outside);
  }

  /** `over`, and none of the stand-up's nodes can be broken any more. */
  close(): Promise<void> {
    for (const id of this.#nodes) if (known.get(id) === this) known.delete(id);
    this.#nodes.clear();
    return this.over();
  }

  async #heal(faults: readonly Fault[]): Promise<void> {
    const failed: { title: string; error: unknown }[] = [];
    for (const fault of faults.toReversed()) {
      const { title } = fault;
      await fault.heal().catch((error: unknown) => failed.push({ title, error }));
    }
    if (failed.length === 0) return;
    throw new TeardownError({
      code: "not-healed",
      phase: "destroy",
      node: this.standing.environment.name,
      seen: failed.map(({ title, error }) => `${title} could not be healed: ${messageOf(error)}`).join("; "),
      errors: failed.map(({ error }) => error),
    });
  }

  #tell(resource: ResourceRef | undefined, state: "intent" | "live" | "gone"): void {
    if (resource === undefined) return;
    const { environment, scope } = this.standing;
    const { kind, name } = resource;
    this.#events.say({ event: "resource", at: Date.now(), environment: environment.name, scope, kind, name, state });
  }
}
