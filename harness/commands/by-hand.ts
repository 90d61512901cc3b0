// Decides how an environment that was stood up by hand is written down beside its run, so that another process knows what it was
// declared to be, and which checkout it is of. Written before the run's lease; goes with the run's directory.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import type { Declared, Lookup } from "../lifecycle/declared.ts";
import type { Ledger } from "../lifecycle/ledger.ts";
import type { Store } from "../store/store.ts";
import { type KeptRun, keeps, keptRuns } from "./kept-runs.ts";
import { startsFromImage } from "./recipes.ts";

/** What declarations name, as the store and the engine have it now. */
export function lookupOf(store: Store, docker: () => Promise<Pick<DockerDriver, "images">>): Lookup {
  const images = async () => (await docker()).images;
  return {
    recipe: async (recipe) => store.digest(recipe, startsFromImage(recipe) ? { source: await images() } : {}),
    image: async (reference) => (await (await images()).resolve(reference)).digest,
    sealed: (data) => store.sealed(data),
  };
}

/** What stands by hand. */
export interface Declaration extends Declared {
  readonly environment: string;
  /** Top level of the project that declares it: each checkout has its own of a name. */
  readonly project: string;
  /** The names of each group's machines. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
}

export function writeDeclaration(config: Pick<Config, "scratch">, run: string, declaration: Declaration): void {
  writeFileSync(fileOf(config, run), JSON.stringify(declaration), { mode: 0o600 });
}

/** `undefined` for a run that `assay up` did not make. */
export function declarationOf(config: Pick<Config, "scratch">, run: string): Declaration | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(config, run), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** What `assay up` stood up for this project under the name, if it is up. */
export function upOf(
  ledger: Pick<Ledger, "runs">,
  config: Pick<Config, "scratch" | "project">,
  environment: string,
): { readonly up: KeptRun; readonly declaration: Declaration } | undefined {
  for (const up of keptRuns(ledger)) {
    if (up.lease.digest === undefined || !keeps(up, environment)) continue;
    const declaration = declarationOf(config, up.run);
    if (declaration?.project === config.project && declaration.environment === environment) return { up, declaration };
  }
  return undefined;
}

/** Held by the run of an environment that is up, so that two are not stood up at once. */
export function claimOf({ project, environment }: Pick<Declaration, "project" | "environment">): string {
  return `up:${project}:${environment}`;
}

function fileOf({ scratch }: Pick<Config, "scratch">, run: string): string {
  return join(scratch, run, ".declaration.json");
}
