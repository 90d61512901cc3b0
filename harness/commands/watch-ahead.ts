// Decides what stands ahead of its use while somebody watches: one of each environment that the last round used and that another process
// can take over. All of it is the watch's own run, so that reaper and gc know whose it is. Refuses to fail: what does not stand is stood
// up by whoever needs it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Owner } from "../drivers/driver.ts";
import { offered } from "../lifecycle/idle.ts";
import type { Ledger } from "../lifecycle/ledger.ts";
import { runVariable } from "../lifecycle/processes.ts";
import { release } from "../lifecycle/release.ts";
import { ownModule } from "../place.ts";
import type { WarmSettings } from "../vitest/warm.ts";
import type { StandSettings } from "./stand-child.ts";
import { engineFacts, openDrivers, placesOf } from "./surroundings.ts";

/** The watch's own run has begun. */
export class StandsAhead {
  readonly #config: Config;
  readonly #ledger: Ledger;
  readonly #owner: Owner;
  #count = 0;

  constructor(config: Config, ledger: Ledger, owner: Owner) {
    this.#config = config;
    this.#ledger = ledger;
    this.#owner = { ...owner, ledger: config.ledger };
  }

  /** For those who run specs. */
  get settings(): WarmSettings {
    const scratch = join(this.#config.scratch, this.#owner.run);
    return { owner: this.#owner, scratch, directory: join(scratch, "idle") };
  }

  /** Removes what a round that was cut short left of those it took. Rejects only when the ledger cannot be written. */
  async sweep(): Promise<void> {
    const { run } = this.#owner;
    const idle = offered(this.settings.directory);
    const items = this.#ledger
      .standing(run)
      .filter(({ kind, name }) => !idle.some(({ resources }) => resources.includes(`${kind} ${name}`)))
      .map((entry) => ({ ...entry, entries: [entry] }));
    for (const { run: whose, scope } of this.#ledger.claims())
      if (whose === run && !idle.some((each) => each.scope === scope)) this.#ledger.release(run, scope);
    if (items.length === 0) return;
    const drivers = openDrivers(this.#config);
    try {
      await release(items, { ledger: this.#ledger, drivers });
    } finally {
      for (const driver of drivers) await driver.close();
    }
  }

  /** Stands up what is not there of these, by name, until `signal` is aborted. */
  async prepare(environments: readonly string[], signal: AbortSignal): Promise<void> {
    const there = offered(this.settings.directory).map(({ environment }) => environment);
    for (const name of environments) if (!there.includes(name) && !signal.aborted) await this.#stand(name, signal);
  }

  async #stand(environment: string, signal: AbortSignal): Promise<void> {
    const { ledger, store, disks, storeBudget, scratch, project } = this.#config;
    const { run, identity } = this.#owner;
    this.#count += 1;
    const scope = `ahead${this.#count}`;
    const directory = join(scratch, run);
    const settings: StandSettings = {
      ...{ environment, scope, run, identity, ledger, store, disks, storeBudget, scratch, project },
      socket: placesOf(this.#config).socket(run),
      report: join(directory, ".report"),
      engines: engineFacts(this.#config),
      idle: this.settings.directory,
    };
    mkdirSync(directory, { recursive: true });
    const log = openSync(join(directory, ".ahead.log"), "a", 0o600);
    try {
      const child = spawn(process.execPath, [ownModule("commands/stand-child")], {
        cwd: project,
        env: { ...process.env, ASSAY_STAND: JSON.stringify(settings), [runVariable]: run },
        detached: true,
        stdio: ["ignore", log, log],
        signal,
        killSignal: "SIGKILL",
      });
      await once(child, "exit");
    } catch {
      // Cancelled, or it could not be started: nobody needs it yet.
    } finally {
      closeSync(log);
    }
  }
}
