// Decides how what is alive is told: runs, whose they are, and what stands of each. Removes nothing.
import { existsSync } from "node:fs";
import { readConfig } from "../config.ts";
import type { Owner, Remover } from "../drivers/driver.ts";
import { knownElsewhere } from "../lifecycle/elsewhere.ts";
import { takeInventory, type Views } from "../lifecycle/inventory.ts";
import { type Lease, type Ownership, ownership } from "../lifecycle/lease.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { sayMs } from "../model/duration.ts";
import { ExitCode, messageOf } from "../model/errors.ts";
import type { ResourceKind } from "../model/event.ts";
import { sayUntil } from "../reporting/kept.ts";
import { commandWith } from "./gc.ts";
import { openDrivers } from "./surroundings.ts";

export interface ListedResource {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly environment: string;
  readonly node?: string;
  /** The engine's word (`running`, `exited`), or the ledger's where the engine shows nothing: `intent`, `deleting`, `missing`. */
  readonly state: string;
}

export interface ListedRun {
  readonly run: string;
  /** What was typed; absent for a run that this machine's ledger does not know. */
  readonly command?: string;
  readonly owner: Ownership;
  /** `host boot-id pid-namespace pid start-time` of the supervisor. */
  readonly identity: string;
  /** Milliseconds. */
  readonly ageMs: number;
  /** For how long it is kept, where its owner is a lease that ends. */
  readonly leftMs?: number;
  /** Another ledger's file, where that is what keeps it. */
  readonly ledger?: string;
  readonly resources: readonly ListedResource[];
}

export interface Listing {
  readonly runs: readonly ListedRun[];
  /** What could not be asked; then something may be missing from the list. */
  readonly troubles: readonly string[];
}

/** `assay list`. Exit code 3 when an engine or the ledger could not be asked. */
export async function listCommand(options: { readonly json?: boolean }): Promise<number> {
  const config = readConfig();
  const troubles: string[] = [];
  const attempt = async <Answer>(ask: () => Answer | Promise<Answer>): Promise<Answer | undefined> => {
    try {
      return await ask();
    } catch (error) {
      troubles.push(messageOf(error));
      return undefined;
    }
  };
  const ledger = await attempt(() => Ledger.open(config.ledger));
  const drivers: readonly Remover[] = openDrivers(config);
  const listed = await listRuns({ ledger, drivers }, Date.now());
  const listing = { runs: listed.runs, troubles: [...troubles, ...listed.troubles] };
  process.stdout.write(
    options.json === true ? `${JSON.stringify(listing, null, 2)}\n` : `${listLines(listing).join("\n")}\n`,
  );
  for (const driver of drivers) await driver.close();
  ledger?.close();
  return listing.troubles.length === 0 ? ExitCode.met : ExitCode.couldNotAsk;
}

/** Runs that have not ended, or of which something stands; newest first. `now` is milliseconds since the epoch. */
export async function listRuns(views: Views, now: number): Promise<Listing> {
  const { items, unasked } = await takeInventory(views);
  type Known = Omit<ListedRun, "owner"> & { lease?: Lease | undefined; foreign?: boolean; resources: ListedResource[] };
  const runs = new Map<string, Known>();
  for (const { run, identity, command, startedAt, endedAt, lease } of views.ledger?.runs() ?? [])
    if (endedAt === undefined || items.some((item) => item.run === run))
      runs.set(run, { run, command, identity, ageMs: now - startedAt, lease, resources: [] });
  for (const { run, owner, kind, name, environment, node, found, entries, createdAt } of items) {
    const known: Known = runs.get(run) ?? {
      ...{ run, identity: owner.identity, ageMs: now - createdAt, resources: [] },
      ...knownTo(owner, views.ledger),
    };
    const [entry] = entries;
    // An entry that is live in the ledger and that the engine does not show was removed by somebody else.
    const remembered = entry?.state === "live" ? "missing" : (entry?.state ?? "unknown");
    const kept = kind === "directory" && remembered === "missing" && existsSync(name);
    const state = found === undefined ? (kept ? "there" : remembered) : (found.state ?? "there");
    known.resources.push({ kind, name, environment, state, ...(node === undefined ? {} : { node }) });
    runs.set(run, { ...known, ageMs: Math.max(known.ageMs, now - createdAt) });
  }
  return {
    runs: [...runs.values()]
      .map(({ lease, foreign, ...each }) => {
        const owner = foreign === true ? "foreign" : ownership({ identity: each.identity, lease }, now);
        const until = owner === "leased" ? lease?.until : undefined;
        return { ...each, owner, ...(until === undefined ? {} : { leftMs: until - now }) };
      })
      .sort((a, b) => a.ageMs - b.ageMs || a.run.localeCompare(b.run)),
    troubles: unasked.map(({ driver, error }) => `${driver} could not be asked: ${messageOf(error)}`),
  };
}

/** Of a run that this ledger does not know. */
function knownTo(owner: Owner, ours: Views["ledger"]): { lease?: Lease; ledger?: string; foreign: boolean } {
  const { owner: seen, ...known } = knownElsewhere(owner, ours);
  return { foreign: seen === "foreign", ...known };
}

/** The listing for people. */
export function listLines({ runs, troubles }: Listing): string[] {
  const lines = runs.flatMap(({ run, command, owner, identity, ageMs, leftMs, ledger, resources }) => {
    const [host, , , pid] = identity.split(" ");
    const whose = {
      alive: `process ${pid}, alive`,
      leased: `kept ${leftMs === undefined ? sayUntil(undefined) : `for ${sayMs(leftMs)} more`}`,
      dead: `process ${pid}, dead`,
      foreign: `process ${pid} of ${host}`,
    }[owner];
    const next = {
      alive: "",
      leased:
        ledger === undefined
          ? `; assay shell ${run}/<node>, assay down ${run}`
          : `; ${commandWith(ledger)}assay down ${run}`,
      dead: "; assay gc removes it",
      foreign: "; only that machine can tell whether it lives",
    };
    const width = Math.max(0, ...resources.map(({ kind }) => kind.length));
    return [
      `${run}  ${command ?? "not in this ledger"}  ${sayMs(ageMs)} old  ${whose}${next[owner]}`,
      ...resources.map(({ kind, name, state }) => `  ${kind.padEnd(width)}  ${name}  ${state}`),
    ];
  });
  if (lines.length === 0 && troubles.length === 0) return ["nothing is alive"];
  return [...lines, ...troubles.map((trouble) => `could not be asked: ${trouble}`)];
}
