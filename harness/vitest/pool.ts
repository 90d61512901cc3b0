// Decides that the first worker vitest wants is the one that was started early, if there is one. All else is vitest's own.
import { ForksPoolWorker, type PoolRunnerInitializer } from "vitest/node";
import { takeEarly } from "./early-worker.ts";

class EarlyForks extends ForksPoolWorker {
  override async start(): Promise<void> {
    // Vitest starts a process only where it has none.
    const child = takeEarly(this.execArgv, this.env);
    if (child !== undefined) Object.assign(this, { _fork: child });
    await super.start();
  }
}

/** For vitest's option `pool`. */
export const earlyForks: PoolRunnerInitializer = {
  name: "early-forks",
  createPoolWorker: (options) => new EarlyForks(options),
};
