// Decides how what the store holds is told, and how it is made smaller by hand.
import { type Config, readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import { sayBytes, sayMs } from "../model/duration.ts";
import { ExitCode, HarnessError } from "../model/errors.ts";
import { readBudget } from "../store/budget.ts";
import { labels } from "../store/image-config.ts";
import { Store, type StoreContents } from "../store/store.ts";
import { engineFacts } from "./surroundings.ts";

/** `assay list --store`: each entry with its size, its last use and who uses it; the longest unused first. */
export async function storeListCommand(options: { readonly json?: boolean }): Promise<number> {
  const contents = await open().contents();
  console.log(
    options.json === true ? JSON.stringify(contents, null, 2) : contentsLines(contents, Date.now()).join("\n"),
  );
  return ExitCode.met;
}

/**
 * `assay gc --store [budget]`: removes what was used longest ago until the store is within the budget, the configured one without a
 * word. `0` leaves what live processes use and nothing else.
 */
export async function storeGcCommand(budget: string | true, options: { readonly json?: boolean }): Promise<number> {
  const store = open();
  const wanted = budget === true ? readConfig().storeBudget : budget;
  const removed = await store.sweep(
    wanted === undefined ? { now: true } : { now: true, budget: readBudget(wanted, "the budget") },
  );
  removed.push(...(await sweepEngine(readConfig(), store)));
  const { bytes } = await store.contents();
  if (options.json === true) console.log(JSON.stringify({ removed, bytes }, null, 2));
  else console.log([...removed.map((what) => `removed ${what}`), `the store holds ${sayBytes(bytes)}`].join("\n"));
  return ExitCode.met;
}

/**
 * Removes what the engine has of images that this store has forgotten and whose name a newer one has: copies that nobody finds again.
 * Where no engine answers there is nothing to say.
 */
export async function sweepEngine(config: Config, store: Store): Promise<string[]> {
  const forgotten = new Set(await store.forgotten());
  if (forgotten.size === 0) return [];
  const driver = await openDockerDriver(engineFacts(config)).catch(() => undefined);
  try {
    const gone = (await driver?.images.removeNameless(labels.recipeDigest, (digest) => forgotten.has(digest))) ?? [];
    store.forget(gone);
    return gone.length === 0
      ? []
      : [`${gone.length} nameless ${gone.length === 1 ? "image" : "images"} from the engine`];
  } catch (error) {
    if (error instanceof HarnessError) return [];
    throw error;
  } finally {
    await driver?.close();
  }
}

function open(): Store {
  const { store, disks, storeBudget } = readConfig();
  return new Store({ directory: store, disks, budget: storeBudget });
}

/** The contents for people. `nowMs`: milliseconds since the epoch. */
export function contentsLines({ directory, budget, bytes, entries }: StoreContents, nowMs: number): string[] {
  const most = Number.isFinite(budget) ? `of ${sayBytes(budget)}` : "without a budget";
  const width = Math.max(0, ...entries.map(({ title }) => title.length));
  return [
    ...entries.map(({ kind, hex, title, bytes: size, usedMs, usedBy }) => {
      const by = usedBy.map((identity) => identity.split(" ")[3]).join(", ");
      const use = by === "" ? `used ${sayMs(Math.max(0, nowMs - usedMs))} ago` : `in use by process ${by}`;
      return `${kind.padEnd(5)}  ${title.padEnd(width)}  ${hex.slice(0, 12)}  ${sayBytes(size).padStart(11)}  ${use}`;
    }),
    `${entries.length} ${entries.length === 1 ? "entry" : "entries"}, ${sayBytes(bytes)} ${most}, in ${directory}`,
  ];
}
