// Decides how a machine that is measured is stood up: as a run does it for a spec.
import type { Environment } from "../index.ts";
import { type LiveEnvironment, standUp } from "../lifecycle/run.ts";
import { scratchOf, session } from "../vitest/session.ts";

/** A live environment, and where its files are. */
export interface Stood {
  readonly live: LiveEnvironment;
  readonly directory: string;
  readonly scope: string;
}

/** Stands an environment up in the run of this test process. Take it down when it was measured. */
export async function standMachine(environment: Environment): Promise<Stood> {
  const { settings: run, ledger, engines, store, events, scope } = session();
  const name = scope();
  const directory = scratchOf(run, name);
  const live = await standUp({
    environment,
    owner: { run: run.run, identity: run.identity },
    scope: name,
    drivers: await engines.of(environment),
    ledger,
    images: store,
    events,
    directory,
    report: run.report,
  });
  return { live, directory, scope: name };
}
