// Decides how the reaper that a supervisor starts is put together. Loads no engine's client before there is something to remove:
// in health it only waits for a farewell.
import { readConfig } from "../config.ts";
import { faultStep } from "../lifecycle/fault.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { standBy } from "../lifecycle/reaper.ts";
import { ExitCode, messageOf } from "../model/errors.ts";
import { placesOf } from "./surroundings.ts";

/**
 * Stands by until the supervisor of `run` closes the pipe on standard input; see `standBy`. Its words go to a log. `parent`
 * is who started this process, as it was then.
 */
export async function reaperCommand(run: string, parent: string): Promise<number> {
  // What ends the supervisor, a closed terminal or an impatient shell, must not end what follows it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const config = readConfig();
  const open = () => Ledger.open(config.ledger, { step: faultStep(config.fault, "reaper", run, config.ledger) });
  const reaction = await standBy({
    run,
    identity: supervisorOf(run, config.ledger, parent),
    pipe: process.stdin,
    places: placesOf(config),
    async open() {
      const { openDrivers } = await import("./surroundings.ts");
      return { ledger: usable(open), drivers: openDrivers(config) };
    },
  });
  if (reaction === "dismissed") return ExitCode.met;
  const now = new Date().toISOString();
  if (reaction === "leased") {
    console.log(`${now} run ${run}: it is kept, and taken down by others`);
    return ExitCode.met;
  }
  if (reaction === "owner-lives") {
    console.log(`${now} run ${run}: its supervisor lives on without a pipe; left alone`);
    return ExitCode.couldNotAsk;
  }
  const { destroyed, leaked, error } = reaction;
  console.log(
    `${now} run ${run}: ${destroyed} removed, ${leaked.length} left${error === undefined ? "" : `; ${error.message}`}`,
  );
  if (error === undefined) return ExitCode.met;
  return leaked.length > 0 ? ExitCode.leak : ExitCode.couldNotAsk;
}

function supervisorOf(run: string, file: string, parent: string): string {
  const ledger = usable(() => Ledger.open(file));
  try {
    return ledger?.run(run)?.identity ?? parent;
  } finally {
    ledger?.close();
  }
}

/** Without a ledger, labels alone still tell what is the run's. */
function usable(open: () => Ledger): Ledger | undefined {
  try {
    return open();
  } catch (error) {
    console.log(messageOf(error));
    return undefined;
  }
}
