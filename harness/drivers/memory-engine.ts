// Decides what an engine in memory keeps, and which faults it has. Like a real one it refuses a name twice, refuses to remove
// what is in use, and may do what was asked without the answer ever arriving.
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { Death } from "../model/node.ts";
import type { FoundResource, PlannedResource, ResourceRef } from "./driver.ts";

/** What goes wrong. Creates are counted from 1 over the engine's life; names of resources may be given in part. */
export interface MemoryFaults {
  /** The create with this number is refused: nothing comes to be. */
  readonly failCreate?: number;
  /** The create with this number happens, and the caller gets an error without ever hearing the id. */
  readonly loseAnswer?: number;
  /** The create with this number fails for the caller at once, and happens `ms` later. */
  readonly appearLate?: { readonly create: number; readonly ms: number };
  /** Removing a resource whose name holds `name` fails `times` times; `Infinity`: always. */
  readonly failDestroy?: { readonly name: string; readonly times: number };
  /** Removing a resource whose name holds this text is accepted, answered, and not done. */
  readonly ignoreDestroy?: string;
  /** Removing a resource whose name holds this text never answers. */
  readonly hangDestroy?: string;
  /** The next inventories, as many as this, fail. */
  readonly failFind?: number;
  /** The node with this name dies, with this status, before it is ready. */
  readonly dieAtStart?: { readonly node: string; readonly status: number };
}

interface Kept {
  readonly found: FoundResource;
  readonly uses: readonly string[];
  readonly log: string[];
  readonly died: PromiseWithResolvers<Death>;
  state: "running" | "exited";
}

/** The engine behind one or more memory drivers: share one between drivers to have what two processes on one engine have. */
export class MemoryEngine {
  faults: MemoryFaults;
  readonly #kept = new Map<string, Kept>();
  readonly #late = new Set<Promise<void>>();
  #creates = 0;
  #failedDestroys = 0;
  #failedFinds = 0;

  constructor(faults: MemoryFaults = {}) {
    this.faults = faults;
  }

  /** Creates, or fails as the faults say. */
  async create(resource: PlannedResource, labels: Pick<FoundResource, "owner" | "environment">): Promise<string> {
    this.#creates += 1;
    const { failCreate, loseAnswer, appearLate } = this.faults;
    const number = this.#creates;
    if (number === failCreate) throw refused("create", resource, "create-refused", "the engine refuses");
    if (number === appearLate?.create) {
      const landing = pause(appearLate.ms).then(() => void this.#put(resource, labels));
      this.#late.add(landing.finally(() => this.#late.delete(landing)));
      throw refused("create", resource, "answer-lost", "the connection was lost before the answer came");
    }
    const id = this.#put(resource, labels);
    if (number === loseAnswer)
      throw refused("create", resource, "answer-lost", "the connection was lost before the answer came");
    const { dieAtStart } = this.faults;
    if (dieAtStart !== undefined && resource.node === dieAtStart.node) this.die(resource.name, dieAtStart.status);
    return id;
  }

  async destroy(resource: ResourceRef): Promise<void> {
    const { failDestroy, ignoreDestroy, hangDestroy } = this.faults;
    const kept = this.#kept.get(resource.name);
    if (kept === undefined || kept.found.kind !== resource.kind) return;
    if (hangDestroy !== undefined && resource.name.includes(hangDestroy)) await new Promise(() => undefined);
    if (failDestroy !== undefined && resource.name.includes(failDestroy.name)) {
      this.#failedDestroys += 1;
      if (this.#failedDestroys <= failDestroy.times)
        throw refused("destroy", resource, "destroy-refused", "the engine refuses");
    }
    if (ignoreDestroy !== undefined && resource.name.includes(ignoreDestroy)) return;
    const users = [...this.#kept.values()].filter(({ uses }) => uses.includes(resource.name));
    // A node may go before those that started after it; what it is made of may not go before the node.
    if (users.length > 0 && kept.found.kind !== "container")
      throw refused(
        "destroy",
        resource,
        "in-use",
        `it is in use by ${users.map(({ found }) => found.name).join(", ")}`,
      );
    this.die(resource.name, 137);
    this.#kept.delete(resource.name);
  }

  async find(run: string | undefined): Promise<readonly FoundResource[]> {
    if (this.#failedFinds < (this.faults.failFind ?? 0)) {
      this.#failedFinds += 1;
      throw new ProvisionError({ code: "engine-down", phase: "destroy", seen: "the engine does not answer" });
    }
    return [...this.#kept.values()]
      .filter(({ found }) => run === undefined || found.owner.run === run)
      .map(({ found, state }) => ({ ...found, state }));
  }

  /** A node's main process ends by itself. */
  die(name: string, status: number): void {
    const kept = this.#kept.get(name);
    if (kept === undefined || kept.state === "exited") return;
    kept.state = "exited";
    kept.died.resolve({ status, oomKilled: false, lastLines: kept.log.slice(-10) });
  }

  /** What is kept under a name; `undefined` when nothing is. */
  at(name: string): Kept | undefined {
    return this.#kept.get(name);
  }

  /** Resolves once everything that was to appear late has. */
  async landed(): Promise<void> {
    await Promise.all(this.#late);
  }

  #put(resource: PlannedResource, labels: Pick<FoundResource, "owner" | "environment">): string {
    if (this.#kept.has(resource.name)) throw refused("create", resource, "name-taken", "the name is taken");
    const id = `${resource.kind}-${this.#creates}`;
    const { driver, kind, name, node } = resource;
    this.#kept.set(name, {
      found: {
        driver,
        kind,
        name,
        id,
        ...labels,
        createdAt: new Date().toISOString(),
        ...(node === undefined ? {} : { node }),
      },
      uses: resource.needs,
      log: [`${name} started`],
      died: Promise.withResolvers<Death>(),
      state: "running",
    });
    return id;
  }
}

function refused(phase: "create" | "destroy", resource: ResourceRef, code: string, why: unknown): ProvisionError {
  return new ProvisionError({ code, phase, node: resource.name, seen: `${resource.kind}: ${messageOf(why)}` });
}
