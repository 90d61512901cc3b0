// Decides in which order resources go, and that every one is attempted whatever became of the others.
// Refuses to decide what is to go: that is the caller's.
import type { Remover } from "../drivers/driver.ts";
import { sayMs } from "../model/duration.ts";
import { messageOf, TeardownError } from "../model/errors.ts";
import type { ResourceKind, RunEvent } from "../model/event.ts";
import type { Releasable } from "./inventory.ts";
import type { Ledger } from "./ledger.ts";

/** What uses others goes before what is used, and what stands between them first: partitions, processes, containers, domains, volumes, networks, directories. */
export const releaseOrder: readonly ResourceKind[] = [
  "partition",
  "process",
  "container",
  "domain",
  "volume",
  "network",
  "directory",
];

export interface Releasing {
  readonly ledger: Ledger | undefined;
  readonly drivers: readonly Remover[];
  /** Told `resource` events. */
  readonly say?: ((event: RunEvent) => void) | undefined;
  /** How long one removal may take before the next kind's turn comes; default 60 000. */
  readonly eachMs?: number | undefined;
}

export interface ReleaseFailure {
  readonly item: Releasable;
  readonly error: TeardownError;
}

/**
 * Removes everything in `items`, kind by kind, all of one kind at once, and writes it down. Answers what could not be
 * removed; rejects only when the ledger cannot be written. What was never seen to exist is removed by name and left
 * standing in the ledger, as `deleting`: its create may still land, and only the caller knows when enough was waited.
 */
export async function release(items: readonly Releasable[], releasing: Releasing): Promise<readonly ReleaseFailure[]> {
  const failures: ReleaseFailure[] = [];
  for (const kind of releaseOrder) {
    const now = items.filter((item) => item.kind === kind);
    const ended = await Promise.allSettled(now.map((item) => releaseOne(item, releasing)));
    for (const [index, each] of ended.entries()) {
      const item = now[index];
      if (each.status === "fulfilled" || item === undefined) continue;
      if (!(each.reason instanceof TeardownError)) throw each.reason;
      failures.push({ item, error: each.reason });
    }
  }
  return failures;
}

async function releaseOne(item: Releasable, { ledger, drivers, say, eachMs = 60_000 }: Releasing): Promise<void> {
  const driver = drivers.find(({ kind }) => kind === item.driver);
  const told = (state: "deleting" | "gone") =>
    say?.({
      event: "resource",
      at: Date.now(),
      environment: item.environment,
      kind: item.kind,
      name: item.name,
      ...(item.id === undefined ? {} : { id: item.id }),
      state,
    });
  const existed = item.found !== undefined || item.entries.some((entry) => entry.existed);
  for (const { entry, existed: known } of item.entries) {
    if (item.found !== undefined && !known) ledger?.live(entry, item.id);
    ledger?.deleting(entry);
  }
  if (existed) told("deleting");
  try {
    if (driver === undefined) throw new Error(`no driver "${item.driver}" can be used`);
    await within(eachMs, driver.destroy(item));
  } catch (error) {
    throw new TeardownError({
      code: "not-destroyed",
      phase: "destroy",
      node: item.node === undefined ? item.environment : `${item.environment}/${item.node}`,
      seen: `${item.kind} ${item.name} could not be removed: ${messageOf(error)}`,
      hint: "assay gc tries again",
      cause: error,
      errors: [error],
    });
  }
  if (!existed) return;
  for (const { entry } of item.entries) ledger?.gone(entry);
  told("gone");
}

/** A removal that never answers must not keep the others from going. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${sayMs(ms)}`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
