// Decides how `assay down` ends what was kept: its lease first, so that no reaper waits for it any more, then the run.
import { join } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { enginesOf } from "../engines.ts";
import { ownership } from "../lifecycle/lease.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import type { Plan } from "../lifecycle/plan.ts";
import { type Reaped, reap } from "../lifecycle/reap.ts";
import { DeclarationError, ExitCode, messageOf } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { redact } from "../model/secret.ts";
import { declarationOf } from "./by-hand.ts";
import { keeps, keptRuns, standingRuns } from "./kept-runs.ts";
import { goesWith, planLines } from "./plan-lines.ts";
import { environmentNamed, findEnvironments } from "./recipes.ts";
import { engineFacts, openDrivers, placesOf } from "./surroundings.ts";
import { withdrawKept } from "./withdraw-kept.ts";

export interface DownOptions {
  readonly json?: boolean;
  /** Tells what would be destroyed, and destroys nothing. */
  readonly plan?: boolean;
}

/**
 * `assay down <run or environment…>`. What is not up is down already, and no error. Exit code 4 when something could not be removed,
 * 3 when an engine could not be asked.
 */
export async function downCommand(words: readonly string[], options: DownOptions): Promise<number> {
  const config = readConfig();
  using ledger = Ledger.open(config.ledger);
  const runs: string[] = [];
  for (const word of words) runs.push(...(await runsMeant(ledger, config, word)));
  const plans = [...new Set(runs)].map((run) => ({ run, ...goesWith(run, ledger.run(run)?.lease?.stands ?? []) }));
  if (options.plan === true) return tellPlans(words, plans, options);
  if (options.json !== true) for (const plan of plans) console.log(planLines(`run ${plan.run}`, plan).join("\n"));
  const ended: Ended[] = [];
  const drivers = openDrivers(config);
  try {
    for (const run of new Set(runs)) {
      await withdrawNames(ledger, config, run);
      ended.push({ run, ...(await takeDown(run, { ledger, drivers, places: placesOf(config) })) });
    }
  } finally {
    for (const driver of drivers) await driver.close();
  }
  if (options.json === true)
    console.log(
      JSON.stringify(
        ended.map(({ run, created, destroyed, leaked }) => ({ run, created, destroyed, leaked })),
        null,
        2,
      ),
    );
  else console.log(ended.length === 0 ? `${words.join(", ")}: not up` : ended.map(sayEnded).join("\n"));
  if (ended.some(({ leaked }) => leaked.length > 0)) return ExitCode.leak;
  return ended.some(({ error }) => error !== undefined) ? ExitCode.couldNotAsk : ExitCode.met;
}

function tellPlans(
  words: readonly string[],
  plans: readonly (Plan & { readonly run: string })[],
  { json }: DownOptions,
): number {
  if (json === true) {
    const all = plans.map(({ run, ...plan }) => ({ run, state: "planned", plan }));
    console.log(JSON.stringify(all, null, 2));
  } else
    console.log(
      plans.length === 0
        ? `${words.join(", ")}: not up`
        : plans.flatMap((plan) => planLines(`run ${plan.run}`, plan)).join("\n"),
    );
  return ExitCode.met;
}

type Ended = Reaped & { readonly run: string };

/** Ends a lease, and removes all of the run. Its reaper, where one waits for the lease's end, does the same at the same time. */
export async function takeDown(
  run: string,
  {
    ledger,
    drivers,
    places,
  }: { ledger: Ledger; drivers: ReturnType<typeof openDrivers>; places: ReturnType<typeof placesOf> },
): Promise<Reaped> {
  ledger.endLease(run);
  return reap(run, { ledger, drivers, places });
}

/** Before their server goes, or those nodes of it. Never stands in the way of removal: what could not be withdrawn is said. */
export async function withdrawNames(
  ledger: Ledger,
  config: Config,
  run: string,
  which?: readonly string[],
): Promise<void> {
  const declaration = declarationOf(config, run);
  const networks = (declaration?.facts as { networks?: Record<string, { publish?: unknown }> } | undefined)?.networks;
  if (declaration === undefined || !Object.values(networks ?? {}).some(({ publish }) => publish !== undefined)) return;
  const engines = enginesOf(engineFacts(config));
  try {
    const environment = await environmentNamed(declaration.project, declaration.environment);
    for (const stand of ledger.run(run)?.lease?.stands ?? [])
      await withdrawKept({
        ...{ engines, environment, stand, directory: join(config.scratch, run, stand.scope) },
        ...(which === undefined ? {} : { which }),
      });
  } catch (error) {
    console.error(`${declaration.environment}: names were not withdrawn: ${redact(messageOf(error))}`);
  } finally {
    await engines.close();
  }
}

async function runsMeant(
  ledger: Ledger,
  config: Pick<Config, "scratch" | "project">,
  word: string,
): Promise<readonly string[]> {
  const { project } = config;
  const row = ledger.run(word);
  if (row !== undefined) {
    if (row.endedAt !== undefined) return [];
    const owner = ownership(row);
    if (owner === "leased") return [word];
    const whose = {
      alive: ["goes on", "end the process that it belongs to"],
      dead: ["was not kept, and its owner is dead", "assay gc removes what it left"],
      foreign: ["has an owner of whom nobody here can tell whether it lives", "ask where that was started: assay list"],
    } as const;
    const [seen, hint] = whose[owner];
    throw new DeclarationError({ code: "not-kept", seen: `run ${word} (${row.command}) ${seen}`, hint });
  }
  // What another checkout has up under the name is for that one to take down, or by its run.
  const kept = keptRuns(ledger).filter(
    (each) => keeps(each, word) && (declarationOf(config, each.run)?.project ?? project) === project,
  );
  if (kept.length > 0) return kept.map(({ run }) => run);
  const changing = standingRuns(ledger).find((each) => ownership(each) === "alive" && keeps(each, word));
  if (changing !== undefined && (declarationOf(config, changing.run)?.project ?? project) === project)
    throw new DeclarationError({
      code: "not-kept",
      seen: `${word} is being changed by process ${changing.identity.split(" ")[3]} (run ${changing.run})`,
      hint: "try again when that has ended; assay list shows it",
    });
  const environments = [...(await findEnvironments(project)).keys()];
  if (environments.includes(word)) return [];
  const guess = nearest(word, [...environments, ...keptRuns(ledger).map(({ run }) => run)]);
  throw new DeclarationError({
    code: "unknown-name",
    seen: `"${word}" is neither a run nor an environment`,
    hint: guess === undefined ? "assay list shows what stands" : `did you mean "${guess}"?`,
  });
}

function sayEnded({ run, destroyed, leaked, error }: Ended): string {
  const left = leaked.map((name) => `\nleft: ${name}`).join("");
  return `run ${run}: ${destroyed} removed, ${leaked.length} left${left}${error === undefined ? "" : `\n${error.message}`}`;
}
