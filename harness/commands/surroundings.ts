// Decides what commands that touch runs have in common: the engines, where runs keep their files, how a reaper is started.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { engineKind, engineOfKind } from "../drivers/docker-address.ts";
import type { Remover } from "../drivers/driver.ts";
import { LaterRemover } from "../drivers/later.ts";
import { nothingOfOurs } from "../drivers/libvirt-witness.ts";
import { Partitions } from "../drivers/partition.ts";
import { type EngineFacts, enginesOf } from "../engines.ts";
import { isListening } from "../host/socket.ts";
import { eventSocketPath } from "../lifecycle/event-socket.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import type { Places } from "../lifecycle/places.ts";
import { runVariable } from "../lifecycle/processes.ts";
import type { Program } from "../lifecycle/supervisor.ts";
import { identityOf } from "../model/identity.ts";
import { ownModule } from "../place.ts";
import type { RunSettings } from "../vitest/session.ts";
import { thisHost } from "./this-host.ts";

/** What drivers need to know of this configuration and this process. */
export function engineFacts(config: Config): EngineFacts {
  const { dockerHost, dockerTls, ssh, engine, libvirtUri, scratch, state } = config;
  const { path, uid } = thisHost(config);
  return { dockerHost, dockerTls, ssh, engine, libvirtUri, scratch, state, path, uid };
}

/** What a run's test processes are told; nothing is kept, and nothing stands in for anything. `report`: directory of its report. */
export function runSettings(config: Config, run: string, report: string): RunSettings {
  const { ledger, store, scratch, project, disks, storeBudget, fault } = config;
  return {
    run,
    identity: identityOf(),
    socket: placesOf(config).socket(run),
    ledger,
    store,
    scratch: join(scratch, run),
    report,
    project,
    engines: engineFacts(config),
    disks,
    storeBudget,
    fault,
    substitutes: { recipes: {}, environments: {} },
  };
}

/**
 * Every engine that a run of this configuration may use, and the kernel's own tables, each opened when it is needed: one that does not answer keeps nobody from
 * clearing up on the other.
 */
export function openDrivers(config: Config): readonly Remover[] {
  const facts = engineFacts(config);
  const engines = enginesOf(facts);
  return [
    ...(["docker", "podman"] as const).map((engine) => {
      const dockerHost = config.engineHosts[engine];
      return new LaterRemover({
        kind: engineKind({ engine, dockerHost }),
        open: () => (engine === config.engine ? engines : enginesOf({ ...facts, engine, dockerHost })).docker(),
        // The engine of this configuration is always asked; the other one where its socket is.
        nothingThere: () => engine !== config.engine && !listens(dockerHost),
      });
    }),
    ...enginesElsewhere(config).map(
      ({ kind, address }) =>
        new LaterRemover({
          kind,
          open: () => enginesOf({ ...facts, dockerTls: undefined, ...address }).docker(),
          nothingThere: () => false,
        }),
    ),
    new LaterRemover({
      kind: "libvirt",
      open: () => engines.libvirt(),
      nothingThere: () => nothingOfOurs(config.libvirtUri),
    }),
    new Partitions(),
  ];
}

/** Engines on which runs of this ledger that have not ended put something: others than those of this configuration. */
function enginesElsewhere({ ledger: file, engineHosts }: Config) {
  const known = (["docker", "podman"] as const).map((engine) =>
    engineKind({ engine, dockerHost: engineHosts[engine] }),
  );
  const kinds = existsSync(file) ? usedBy(file) : [];
  // This machine's own docker may not be the one that this configuration means.
  return [...new Set(kinds)]
    .filter((kind) => !known.includes(kind))
    .flatMap((kind) => {
      const address = kind === "docker" ? ({ engine: "docker", dockerHost: undefined } as const) : engineOfKind(kind);
      return address === undefined ? [] : [{ kind, address }];
    });
}

/** Empty where the ledger cannot be read: whoever needs it says so. */
function usedBy(file: string): readonly string[] {
  try {
    using ledger = Ledger.open(file);
    return ledger.runs().flatMap(({ run, endedAt }) => (endedAt === undefined ? ledger.driversOf(run) : []));
  } catch {
    return [];
  }
}

/** As far as can be seen without asking: somebody listens at the socket, or the address is none of a socket. */
function listens(address = "unix:///var/run/docker.sock"): boolean {
  return !address.startsWith("unix://") || isListening(address.slice("unix://".length));
}

export function placesOf(config: Config): Places {
  return { scratch: config.scratch, socket: (run) => eventSocketPath(config.sockets, run) };
}

/** The detached process that takes a run down when its supervisor cannot. */
export function reaperProgram(config: Config, run: string): Program {
  return {
    command: [process.execPath, ownModule("commands/run-reaper"), run],
    // A run inside a run: the outer one ends all that carries its mark, and this one must outlive that.
    env: { ...process.env, [runVariable]: undefined },
    cwd: config.project,
    log: join(config.state, "reaper.log"),
  };
}
