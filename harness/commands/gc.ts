// Decides how collecting is told: what was removed, what was left alone and why, what could not be removed.
import { dirname } from "node:path";
import { readConfig } from "../config.ts";
import { type Collected, gc } from "../lifecycle/gc.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { quoteWord } from "../model/check.ts";
import { ExitCode, messageOf, ProvisionError } from "../model/errors.ts";
import { sayUntil } from "../reporting/kept.ts";
import { openDrivers, placesOf } from "./surroundings.ts";

/**
 * `assay gc`. Exit code 4 when something could not be removed, 3 when an engine or the ledger could not be asked.
 * Without a usable ledger it goes by labels alone.
 */
export async function gcCommand(options: { readonly json?: boolean; readonly kept?: boolean }): Promise<number> {
  const config = readConfig();
  const ledger = openOrExplain(config.ledger);
  const drivers = openDrivers(config);
  try {
    const usable = ledger instanceof Ledger ? ledger : undefined;
    const { patienceMs } = config;
    const leased = options.kept === true;
    const collected = await gc({ ledger: usable, drivers, places: placesOf(config), patienceMs, leased });
    // What killed builds left, and images that newer ones have replaced.
    const { Store } = await import("../store/store.ts");
    const { sweepEngine } = await import("./store-contents.ts");
    const store = new Store({ directory: config.store, disks: config.disks, budget: config.storeBudget });
    const { sweepWorkplaces } = await import("./workplaces.ts");
    const places = sweepWorkplaces(config);
    const sweeping = async () => [
      ...(places === 0 ? [] : [`${places} ${places === 1 ? "workplace" : "workplaces"} of commands that ended`]),
      ...(await store.sweep()).map((what) => `${what} from the store`),
      ...(await sweepEngine(config, store)),
    ];
    // What was removed of runs is told all the same.
    const unswept: string[] = [];
    const swept = await sweeping().catch((error: unknown) => {
      unswept.push(`the store could not be swept: ${messageOf(error)}`);
      return [];
    });
    const told = {
      ...collected,
      swept,
      troubles: [...(ledger instanceof Ledger ? [] : [ledger]), ...collected.troubles, ...unswept],
    };
    process.stdout.write(
      options.json === true ? `${JSON.stringify(told, null, 2)}\n` : `${gcLines(told).join("\n")}\n`,
    );
    if (told.removed.some(({ totals }) => totals.leaked.length > 0)) return ExitCode.leak;
    return told.troubles.length === 0 ? ExitCode.met : ExitCode.couldNotAsk;
  } finally {
    for (const driver of drivers) await driver.close();
    if (ledger instanceof Ledger) ledger.close();
  }
}

/** The ledger, or why it cannot be used. */
function openOrExplain(file: string): Ledger | string {
  try {
    return Ledger.open(file);
  } catch (error) {
    if (error instanceof ProvisionError) return messageOf(error);
    throw error;
  }
}

/** What goes before a command that is meant for another ledger. */
export function commandWith(ledger: string | undefined): string {
  return ledger === undefined ? "" : `ASSAY_STATE=${quoteWord(dirname(ledger))} `;
}

/** What was collected, for people. */
export function gcLines({ removed, kept, troubles, swept = [] }: Collected & { swept?: readonly string[] }): string[] {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const lines = [
    ...removed.map(
      ({ run, totals }) => `removed ${count(totals.destroyed, "resource")} of run ${run}, whose owner is dead`,
    ),
    ...removed.flatMap(({ run, totals }) =>
      totals.leaked.map((name) => `left: ${name} of run ${run} could not be removed`),
    ),
    ...kept.map(({ run, owner, identity, resources, until, ledger }) => {
      const [host, , , pid] = identity.split(" ");
      const why = {
        alive: `its process ${pid} lives`,
        leased: `it is kept ${sayUntil(until)}; ${commandWith(ledger)}assay down ${run} removes it`,
        foreign: `its process ${pid} is on ${host}, which cannot be asked from here`,
      }[owner];
      return `left alone: run ${run} with ${count(resources.length, "resource")}; ${why}`;
    }),
    ...swept.map((what) => `removed ${what}`),
    ...troubles.map((trouble) => `trouble: ${trouble}`),
  ];
  return lines.length === 0 ? ["nothing to remove"] : lines;
}
