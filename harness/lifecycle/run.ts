// Decides how one environment is stood up and taken down: images, admission, creation in order, evidence, release.
// Every step is in the ledger before it is done. Refuses to know what an engine is.
import type { Driver, PlannedResource, Standing } from "../drivers/driver.ts";
import type { Edge } from "../model/edge.ts";
import { messageOf, type Phase, ProvisionError } from "../model/errors.ts";
import type { KeptStand } from "../model/event.ts";
import type { BuiltImage } from "../model/image.ts";
import type { ContainerNode, Node, StillNode, VmNode } from "../model/node.ts";
import { redact } from "../model/secret.ts";
import { admit } from "./admission.ts";
import { builtImages } from "./built-images.ts";
import { inOrder } from "./create-order.ts";
import { untilAllTrue } from "./edges.ts";
import { keepAll } from "./evidence.ts";
import { Faults } from "./faults.ts";
import { keptNode } from "./kept-node.ts";
import { layoutOf } from "./layout.ts";
import type { LiveEnvironment } from "./live-environment.ts";
import { applyPlays, checkPlays } from "./plays.ts";
import { StandingNames } from "./publish.ts";
import { release } from "./release.ts";
import type { StandingUp } from "./standing-up.ts";
import { lastingTakes, takesOf } from "./takes.ts";

export type { ImageBuilder, StandingUp } from "./standing-up.ts";
export type { LiveEnvironment };

/**
 * Stands an environment up: nodes that do not wait for each other start at the same time. When anything fails, what was
 * made is taken down again, with evidence, before this rejects.
 */
export async function standUp(wanted: StandingUp): Promise<LiveEnvironment> {
  const stand = new Stand(wanted);
  try {
    return await stand.up();
  } catch (error) {
    if (wanted.keepBroken === true && stand.begun) await stand.leave();
    else await stand.down().catch(() => undefined); // the ledger still has what is left; the supervisor takes it
    throw error;
  }
}

/**
 * Takes over what another process stood up and left, of the same declaration, under the same owner and scope: connects, creates nothing.
 * Containers of an engine of their own alone. Rejects when something of it is not there, or is not ready; then it is taken down.
 */
export async function adopt(wanted: StandingUp): Promise<LiveEnvironment> {
  const stand = new Stand(wanted);
  try {
    return await stand.adopt();
  } catch (error) {
    await stand.down().catch(() => undefined); // the ledger still has what is left; the owner takes it
    throw error;
  }
}

class Stand {
  readonly #wanted: StandingUp;
  readonly #nodes = new Map<string, Node>();
  readonly #created: PlannedResource[] = [];
  readonly #entries = new Set<number>();
  readonly #names: StandingNames;
  #faults: Faults | undefined;
  #down: Promise<void> | undefined;

  constructor(wanted: StandingUp) {
    this.#wanted = wanted;
    this.#names = new StandingNames(wanted.environment, this.#nodes);
  }

  async up(): Promise<LiveEnvironment> {
    const { environment, owner, scope, directory, drivers, stands } = this.#wanted;
    this.#declare();
    await checkPlays(environment);
    const images = await this.#images();
    const networks = new Map();
    const standing: Standing = { owner, environment, scope, directory, images, nodes: this.#nodes, networks };
    await this.#phase("declare", undefined, () => Promise.all(drivers.map((driver) => driver.check(standing))));
    await this.#admit(standing);
    const started = new Map<string, Promise<void>>();
    for (const resource of inOrder(drivers.flatMap((driver) => driver.plan(standing)))) {
      if (stands?.has(`${resource.kind} ${resource.name}`) === true) {
        const joins = resource.node === undefined ? this.#driverOf(resource).join?.(resource, standing) : undefined;
        started.set(resource.name, joins ?? Promise.resolve());
        continue;
      }
      const needs = resource.needs.map((name) => started.get(name));
      started.set(resource.name, this.#one(resource, standing, needs));
    }
    const ended = await Promise.allSettled(started.values());
    const failed = ended.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    if (this.#names.look()) await this.#phase("ready", undefined, () => this.#names.publish(standing, drivers));
    // Who joins what stands is in none of them: else all would be made anew.
    if (environment.plays.length > 0 && stands === undefined)
      await this.#phase("ready", undefined, () => applyPlays(this.#wanted, this.#nodes));
    const rewindable = stands === undefined && (await this.#mark(standing));
    return this.#live(standing, rewindable);
  }

  async adopt(): Promise<LiveEnvironment> {
    const { environment, owner, scope, directory, drivers, ledger } = this.#wanted;
    this.#declare();
    const images = await this.#images();
    const standing: Standing = { owner, environment, scope, directory, images, nodes: this.#nodes };
    const planned = inOrder(drivers.flatMap((driver) => driver.plan(standing)));
    const known = new Map(ledger.standing(owner.run).map((entry) => [`${entry.kind} ${entry.name}`, entry.entry]));
    for (const resource of planned) {
      const entry = known.get(`${resource.kind} ${resource.name}`);
      if (entry !== undefined) this.#entries.add(entry);
      this.#created.push(resource);
    }
    for (const resource of planned) {
      const { node, kind, name } = resource;
      if (!known.has(`${kind} ${name}`) && resource.carriedBy === undefined)
        throw new ProvisionError({
          code: "not-there",
          phase: "connect",
          node,
          seen: `${kind} ${name} is not in the ledger`,
        });
      if (kind === "directory" || node === undefined) continue;
      await this.#phase("ready", node, () => this.#connect(resource, node, standing));
    }
    this.#names.look();
    return this.#live(standing, false);
  }

  #live(standing: Standing, rewindable: boolean): LiveEnvironment {
    const faults = new Faults({ standing, ledger: this.#wanted.ledger, events: this.#wanted.events });
    this.#faults = faults;
    for (const node of this.#nodes.values()) if ("id" in node) faults.own(node as VmNode | ContainerNode);
    return {
      nodes: this.#nodes,
      images: standing.images,
      ...(rewindable ? { rewind: () => this.#rewind(standing) } : {}),
      heal: () => faults.heal(),
      takeDown: () => this.down(),
      leave: (options) => this.leave(options),
    };
  }

  /** Whether anything was made. */
  get begun(): boolean {
    return this.#created.length > 0;
  }

  async leave({ evidence = true }: { readonly evidence?: boolean } = {}): Promise<KeptStand> {
    this.#down = Promise.resolve();
    if (evidence) await this.#evidence();
    await this.#faults?.heal().catch(() => undefined); // the ledger has what is left on the host
    const { environment, owner, scope, ledger, events } = this.#wanted;
    const kept: KeptStand = {
      environment: environment.name,
      scope,
      nodes: this.#created
        // An image at rest is no node that stays.
        .filter(
          ({ node, kind }) => node !== undefined && kind !== "directory" && environment.nodes[node]?.kind !== "image",
        )
        .map((resource) => keptNode(resource, environment, this.#nodes.get(resource.node ?? ""))),
      resources: ledger
        .standing(owner.run)
        .filter(({ entry }) => this.#entries.has(entry))
        .map(({ kind, name }) => `${kind} ${name}`),
      claims: lastingTakes(environment),
    };
    events.say({ event: "kept", at: Date.now(), ...kept });
    return kept;
  }

  /** Keeps the state to bring back, where that can be done of all that was made; answers whether it can. */
  async #mark(standing: Standing): Promise<boolean> {
    const marking = this.#wanted.drivers.filter(({ mark, rewind }) => mark !== undefined && rewind !== undefined);
    const kept = (each: PlannedResource) =>
      each.carriedBy !== undefined || marking.some((driver) => driver.kind === each.driver);
    if (this.#created.length === 0 || !this.#created.every(kept)) return false;
    for (const driver of marking) {
      const resources = this.#created.filter((each) => each.driver === driver.kind);
      if (resources.length > 0) await this.#phase("ready", undefined, async () => driver.mark?.(resources, standing));
    }
    return true;
  }

  async #rewind(standing: Standing): Promise<void> {
    const carried = this.#created.filter((each) => each.carriedBy !== undefined && each.kind === "container");
    await this.#phase("reset", undefined, async () => {
      await this.#faults?.over();
      // What lies in a machine comes back with it; what this process has of it is of the life that ends.
      await Promise.all(carried.map(async (each) => this.#driverOf(each).letGo?.(each)));
      for (const driver of this.#wanted.drivers) {
        const resources = this.#created.filter((each) => each.driver === driver.kind);
        if (resources.length > 0) await driver.rewind?.(resources, standing);
      }
      // Over one connection, one after the other: making more of them takes an emulated machine longer.
      for (const each of carried) await this.#connect(each, each.node ?? "", standing, "marked");
    });
  }

  #driverOf(resource: PlannedResource): Driver {
    const driver = this.#wanted.drivers.find(({ kind }) => kind === resource.driver);
    if (driver === undefined) throw new TypeError(`no driver "${resource.driver}"`);
    return driver;
  }

  down(): Promise<void> {
    this.#down ??= this.#takeDown();
    return this.#down;
  }

  #images(): Promise<ReadonlyMap<string, BuiltImage>> {
    const say = (line: string) => this.#say("build", "started", undefined, line);
    return builtImages(this.#wanted, (work) => this.#phase("build", undefined, () => work(say)));
  }

  async #admit(standing: Standing): Promise<void> {
    const { owner, scope, ledger, drivers, signal } = this.#wanted;
    const takes = await takesOf(standing, drivers);
    if (takes.claims.length === 0) return;
    await admit(ledger, {
      ...takes,
      run: owner.run,
      scope,
      onWait: (reason) => this.#say("create", "started", undefined, `waiting: ${reason}`),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async #one(
    resource: PlannedResource,
    standing: Standing,
    needs: readonly (Promise<void> | undefined)[],
  ): Promise<void> {
    const { ledger, owner, environment, signal } = this.#wanted;
    const driver = this.#driverOf(resource);
    await Promise.all(needs);
    signal?.throwIfAborted();
    const node = resource.kind === "directory" ? undefined : resource.node;
    const edges = environment.nodes[node ?? ""]?.awaits ?? [];
    // Made while what it waits for is not yet true, where making and starting are two things.
    const ahead = edges.length > 0 && driver.start !== undefined;
    if (node !== undefined && !ahead) await this.#edges(edges, node);
    const start = async () => (node === undefined ? undefined : driver.start?.(resource, standing));
    const tell = (state: "intent" | "live", id?: string) =>
      this.#wanted.events.say({
        event: "resource",
        at: Date.now(),
        environment: environment.name,
        scope: this.#wanted.scope,
        kind: resource.kind,
        name: resource.name,
        state,
        ...(id === undefined ? {} : { id }),
      });
    this.#created.push(resource);
    // What another node carries goes with that, and is in no ledger.
    const entry =
      resource.carriedBy === undefined
        ? ledger.intend(owner.run, { ...resource, environment: environment.name })
        : undefined;
    if (entry !== undefined) {
      this.#entries.add(entry);
      tell("intent");
    }
    await this.#phase("create", resource.node, async () => {
      await driver.create(resource, standing, (id) => {
        if (entry === undefined) return;
        ledger.live(entry, id);
        tell("live", id);
      });
      if (!ahead) await start();
    });
    if (node === undefined) return;
    if (ahead) {
      await this.#edges(edges, node);
      await this.#phase("create", node, start);
    }
    const live = await this.#phase("ready", node, () => this.#connect(resource, node, standing));
    if (live.kind === "vm") this.#tell(live.name, { ...(live as VmNode).facts, image: (live as VmNode).imageDigest });
    else if ("facts" in live) this.#tell(live.name, (live as StillNode | ContainerNode).facts);
  }

  async #edges(edges: readonly Edge[], name: string): Promise<void> {
    if (edges.length === 0) return;
    const { environment, signal } = this.#wanted;
    const waiter = `${environment.name}/${name}`;
    const say = (why: string) => this.#say("create", "started", name, why);
    await this.#phase("create", name, () => untilAllTrue(edges, { nodes: this.#nodes, waiter, say, signal }));
  }

  /** Watched from the moment at which it is ready. */
  async #connect(resource: PlannedResource, node: string, standing: Standing, since?: "marked"): Promise<Node> {
    const driver = this.#driverOf(resource);
    const live = await driver.connect(resource, standing, since);
    this.#nodes.set(node, live);
    this.#wanted.watch?.ready(live, (heard) => driver.listen?.(resource, heard));
    return live;
  }

  #tell(node: string, facts: Readonly<Record<string, string>>): void {
    const { environment, scope, events } = this.#wanted;
    events.say({ event: "node", at: Date.now(), environment: environment.name, scope, node, facts });
  }

  async #takeDown(): Promise<void> {
    const { drivers, ledger, owner, scope, events } = this.#wanted;
    if (this.#created.length === 0) return ledger.release(owner.run, scope);
    await this.#names.withdraw((why) => this.#say("destroy", "started", undefined, redact(why)));
    await this.#evidence();
    const items = ledger
      .standing(owner.run)
      .filter(({ entry }) => this.#entries.has(entry))
      .map((entry) => ({ ...entry, entries: [entry], owner }));
    await this.#phase("destroy", undefined, async () => {
      // What could not be healed keeps nothing else from going; whoever reaps the run has it, and tells.
      await this.#faults?.close().catch(() => undefined);
      // What lies in a machine is let go of, and goes with that: removing it there first takes an emulated engine a minute.
      const carried = this.#created.filter((each) => each.carriedBy !== undefined && each.kind === "container");
      await Promise.allSettled(carried.map(async (each) => this.#driverOf(each).letGo?.(each)));
      const failures = await release(items, { ledger, drivers, say: (event) => events.say(event) });
      ledger.release(owner.run, scope);
      const [first] = failures;
      if (first !== undefined) throw first.error;
    });
  }

  /** Never stands in the way of removal: what could not be kept is said. */
  #evidence(): Promise<void> {
    const { environment, scope, report, events } = this.#wanted;
    const of = (resource: PlannedResource) => this.#driverOf(resource).evidence(resource);
    const remark = (node: string | undefined, text: string) => this.#remark(node, text);
    return keepAll(this.#created, { environment: environment.name, scope, report, events, of, remark });
  }

  /** What is told at a node's end, and changes nothing about it. */
  #remark(node: string | undefined, text: string): void {
    this.#say("destroy", "started", node, redact(text));
    this.#say("destroy", "done", node);
  }

  async #phase<Result>(phase: Phase, node: string | undefined, work: () => Promise<Result>): Promise<Result> {
    const began = performance.now();
    this.#say(phase, "started", node);
    try {
      const result = await work();
      this.#say(phase, "done", node, undefined, performance.now() - began);
      return result;
    } catch (error) {
      this.#say(phase, "failed", node, redact(messageOf(error)), performance.now() - began);
      throw error;
    }
  }

  #declare(): void {
    const { environment, scope, file, events } = this.#wanted;
    const about = { environment: environment.name, scope, ...(file === undefined ? {} : { file }) };
    events.say({ event: "declared", at: Date.now(), ...about, layout: layoutOf(environment) });
  }

  #say(phase: Phase, state: "started" | "done" | "failed", node?: string, detail?: string, ms?: number): void {
    const { environment, scope, file, events } = this.#wanted;
    events.say({
      event: "phase",
      at: Date.now(),
      environment: environment.name,
      scope,
      phase,
      state,
      ...(file === undefined ? {} : { file }),
      ...(node === undefined ? {} : { node }),
      ...(detail === undefined ? {} : { detail }),
      ...(ms === undefined ? {} : { ms }),
    });
  }
}
