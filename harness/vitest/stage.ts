// Decides how a contract test stands environments up without a supervisor: as a run of its own, in the same ledger and with the
// same labels, owned by the test process. When that is killed, `assay gc` finds a dead owner and takes everything.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { proxies } from "../commands/proxies.ts";
import { engineFacts, placesOf } from "../commands/surroundings.ts";
import { readConfig } from "../config.ts";
import type { Engines } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import type { EngineAddress } from "../drivers/docker-address.ts";
import type { FoundResource, Remover } from "../drivers/driver.ts";
import { Partitions } from "../drivers/partition.ts";
import { enginesOf } from "../engines.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { occupy } from "../lifecycle/places.ts";
import { type Reaped, reap } from "../lifecycle/reap.ts";
import { standUp } from "../lifecycle/run.ts";
import type { Environment } from "../model/environment.ts";
import type { RunEvent } from "../model/event.ts";
import { identityOf } from "../model/identity.ts";
import { Store } from "../store/store.ts";
import { scratchOf } from "./session.ts";
import type { NodesOf } from "./test-in.ts";

export interface StageOptions {
  /** Another engine than the usual one: `unix:///…`. */
  readonly dockerHost?: string | undefined;
  /** Which engine that is. Default: the configuration's. */
  readonly engine?: "docker" | "podman";
  /** Keys for a `tcp://` address. */
  readonly dockerTls?: EngineAddress["dockerTls"];
  /** How an `ssh://` address is reached. */
  readonly ssh?: EngineAddress["ssh"];
  /** Another libvirt than the usual one: `qemu:///session`. */
  readonly libvirtUri?: string;
  /** Another place than the usual one for what drivers keep from run to run. */
  readonly state?: string;
  /** Another ledger than the machine's, for an engine that goes away with the test. */
  readonly ledger?: string;
}

/** One run on a real engine, and what was said of it. */
export interface Stage {
  readonly run: string;
  /** The host's docker engine. */
  readonly driver: DockerDriver;
  readonly engines: Engines;
  /** Every event so far, newest last. */
  readonly events: readonly RunEvent[];
  /** The run's report directory, below which evidence is kept. */
  readonly report: string;
  /** Resolves with the next event that `wanted` accepts. */
  next(wanted: (event: RunEvent) => boolean): Promise<RunEvent>;
  /** Stands an environment up by `lifecycle/run.ts`, images of recipes included. */
  standUp<E extends Environment>(environment: E): Promise<Staged<E>>;
  /** What the engine has of this run, by labels. */
  found(): Promise<readonly FoundResource[]>;
  /** Takes everything down and answers what the inventory said. Idempotent. */
  close(): Promise<Reaped>;
}

export interface Staged<E extends Environment> {
  readonly nodes: NodesOf<E>;
  /** What the engine says of a node's container: its `inspect`, as evidence keeps it. */
  inspect(node: keyof E["declared"] & string): Promise<Inspected>;
  /** Brings every node back to the moment at which all were ready; absent where some cannot. */
  readonly rewind?: () => Promise<void>;
  /** Mends what is broken, as the end of a test does. */
  heal(): Promise<void>;
  takeDown(): Promise<void>;
}

/** The engine's own words; paths in it are asserted, not typed. */
// biome-ignore lint/suspicious/noExplicitAny: the engine's document has hundreds of members, and tests name few of them
export type Inspected = any;

/**
 * Begins a run. Close it in `afterAll`.
 * @example
 * const stage = await openStage();
 * const { nodes } = await stage.standUp(defineEnvironment("one", { nodes: { soe: container({ image: soe, idle: true }) } }));
 */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const config = readConfig();
  const run = `stage${randomBytes(5).toString("hex")}`;
  const owner = { run, identity: identityOf() };
  mkdirSync(config.state, { recursive: true });
  const ledger = Ledger.open(options.ledger ?? config.ledger);
  const places = placesOf(config);
  ledger.beginRun(run, owner.identity, "contract tests");
  // In the run's own directory, which goes with the run whoever ends it.
  const report = join(occupy(places, run, owner.identity), ".report");
  const engines = enginesOf({
    ...engineFacts(config),
    ...(options.dockerHost === undefined ? {} : { dockerHost: options.dockerHost }),
    ...(options.dockerTls === undefined ? {} : { dockerTls: options.dockerTls }),
    ...(options.ssh === undefined ? {} : { ssh: options.ssh }),
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(options.libvirtUri === undefined ? {} : { libvirtUri: options.libvirtUri }),
    ...(options.state === undefined ? {} : { state: options.state }),
  });
  const driver = await engines.docker();
  const used = new Set<Remover>([driver, new Partitions()]);
  const images = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const hosts: Awaited<ReturnType<Engines["host"]>>[] = [];
  const events: RunEvent[] = [];
  const waiting = new Set<(event: RunEvent) => void>();
  const say = (event: RunEvent) => {
    events.push(event);
    for (const heard of [...waiting]) heard(event);
  };
  let stands = 0;
  let closing: Promise<Reaped> | undefined;
  return {
    run,
    driver,
    engines,
    events,
    report,
    next: (wanted) =>
      new Promise((resolve) => {
        const heard = (event: RunEvent) => {
          if (!wanted(event)) return;
          waiting.delete(heard);
          resolve(event);
        };
        waiting.add(heard);
      }),
    async standUp<E extends Environment>(environment: E) {
      stands += 1;
      const scope = `n${stands}`;
      const directory = scratchOf({ scratch: join(config.scratch, run) }, scope);
      const drivers = await engines.of(environment);
      for (const each of drivers) used.add(each);
      const live = await standUp({
        environment,
        owner,
        scope,
        drivers,
        ledger,
        images,
        events: { say, flushed: async () => undefined },
        directory,
        report,
      });
      const host = await engines.host(environment);
      hosts.push(host);
      const standing = { owner, environment, scope, directory, images: live.images };
      const planned = drivers.flatMap((each) => each.plan(standing).map((resource) => ({ each, resource })));
      const groups = Object.entries(environment.groups).map(([group, names]) => [
        group,
        names.map((name) => live.nodes.get(name)),
      ]);
      return {
        nodes: {
          ...Object.fromEntries([...live.nodes, ...groups]),
          host: host.node,
        } as unknown as NodesOf<E>,
        ...(live.rewind === undefined ? {} : { rewind: live.rewind }),
        heal: () => live.heal(),
        takeDown: () => live.takeDown(),
        async inspect(node) {
          const found = planned.find(({ resource }) => resource.node === node && resource.kind === "container");
          const files = found === undefined ? [] : await found.each.evidence(found.resource);
          return JSON.parse(String(files.find(({ title }) => title === "inspect")?.content));
        },
      };
    },
    found: async () => (await Promise.all([...used].map((each) => each.find(run)))).flat(),
    close() {
      closing ??= (async () => {
        const reaped = await reap(run, { ledger, drivers: [...used], places });
        ledger.close();
        await engines.close();
        for (const host of hosts) await host.close();
        return reaped;
      })();
      return closing;
    },
  };
}
