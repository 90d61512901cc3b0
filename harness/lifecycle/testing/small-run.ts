// Decides what a whole run is at its smallest: a program that is supervisor, child and reaper by its first argument. For tests
// that kill each of them; directories stand in for an engine.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { identityOf } from "../../model/identity.ts";
import { connectEvents, eventSocketPath } from "../event-socket.ts";
import { faultStep } from "../fault.ts";
import type { Lease } from "../lease.ts";
import { Ledger } from "../ledger.ts";
import type { Places } from "../places.ts";
import { standBy } from "../reaper.ts";
import { supervise } from "../supervisor.ts";
import { DirectoryDriver } from "./directory-driver.ts";

/** What each of the three is told, as JSON in the second argument. */
export interface SmallRun {
  readonly directory: string;
  readonly run: string;
  /** See `faultStep`. */
  readonly fault?: string;
  /** What the child does once its resources stand. */
  readonly afterwards: "exit" | "wait" | "ignore-signals" | "status-7" | "destroy";
  /** How many resources it makes. */
  readonly resources: number;
  /** For the processes it starts; the mark is added. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The first resource stays, for so many milliseconds; 0 for as long as nobody takes it down. */
  readonly keepMs?: number;
  /** The reaper's program does not exist. */
  readonly noReaper?: true;
}

export const program = fileURLToPath(import.meta.url);

export function smallPlaces(directory: string): Places {
  return { scratch: join(directory, "scratch"), socket: (run) => eventSocketPath(join(directory, "sockets"), run) };
}

export function engineOf(directory: string): DirectoryDriver {
  return new DirectoryDriver(join(directory, "engine"));
}

const roles = { supervisor, child, reaper };

async function supervisor(told: SmallRun): Promise<void> {
  const { directory, run, fault } = told;
  const part = (role: keyof typeof roles, file = process.execPath) => ({
    command: [file, program, role, JSON.stringify(told), run] as const,
    env: told.env,
    cwd: directory,
    log: join(directory, `${role}.log`),
  });
  const ledger = Ledger.open(join(directory, "ledger.db"), {
    step: faultStep(fault, "supervisor", run, join(directory, "ledger.db")),
  });
  const ended = await supervise({
    run,
    command: "small run",
    ledger,
    drivers: async () => [engineOf(directory)],
    child: part("child"),
    reaper: told.noReaper === true ? part("reaper", "/no/such/program") : part("reaper"),
    places: smallPlaces(directory),
    graceMs: 300,
    keep: () => leaseOf(told),
    event: (event) => say(directory, JSON.stringify(event)),
    collected: (collected) =>
      say(directory, JSON.stringify({ run, collected: "error" in collected ? String(collected.error) : collected })),
  });
  ledger.close();
  say(directory, JSON.stringify({ ended }));
}

function leaseOf({ run, keepMs }: SmallRun): Lease | undefined {
  if (keepMs === undefined) return undefined;
  const keptAt = Date.now();
  const stands = [{ environment: "small", scope: "s", nodes: [], resources: [`directory assay-${run}-0`] }];
  return { keptAt, stands, ...(keepMs === 0 ? {} : { until: keptAt + keepMs }) };
}

async function child({ directory, run, fault, resources, afterwards }: SmallRun): Promise<void> {
  const ledger = Ledger.open(join(directory, "ledger.db"), {
    step: faultStep(fault, "worker", run, join(directory, "ledger.db")),
  });
  const events = connectEvents(smallPlaces(directory).socket(run));
  const driver = engineOf(directory);
  const owner = { run, identity: ledger.run(run)?.identity ?? "" };
  for (const signal of afterwards === "ignore-signals" ? (["SIGINT", "SIGTERM"] as const) : [])
    process.on(signal, () => say(directory, JSON.stringify({ signalled: signal })));
  const entries: [number, string][] = [];
  for (let i = 0; i < resources; i += 1) {
    const resource = {
      driver: driver.kind,
      kind: "directory" as const,
      name: `assay-${run}-${i}`,
      environment: "small",
    };
    const entry = ledger.intend(run, resource);
    driver.put(resource, { owner, environment: "small" });
    ledger.live(entry, resource.name);
    entries.push([entry, resource.name]);
  }
  if (afterwards === "destroy") {
    for (const [entry, name] of entries) {
      ledger.deleting(entry);
      await driver.destroy({ driver: driver.kind, kind: "directory", name });
      ledger.gone(entry);
    }
  }
  events.say({ event: "planned", at: Date.now(), file: "small", tests: [identityOf()] });
  await events.flushed();
  if (afterwards === "wait" || afterwards === "ignore-signals") setInterval(() => {}, 1_000);
  else {
    events.close();
    process.exitCode = afterwards === "status-7" ? 7 : 0;
  }
}

async function reaper({ directory, run, fault }: SmallRun): Promise<void> {
  const open = () =>
    Ledger.open(join(directory, "ledger.db"), { step: faultStep(fault, "reaper", run, join(directory, "ledger.db")) });
  const first = open();
  const identity = first.run(run)?.identity ?? "";
  first.close();
  const reaction = await standBy({
    run,
    identity,
    pipe: process.stdin,
    open: async () => ({ ledger: open(), drivers: [engineOf(directory)] }),
    places: smallPlaces(directory),
  });
  say(directory, JSON.stringify({ run, reaper: reaction }));
}

function say(directory: string, line: string): void {
  appendFileSync(join(directory, "said"), `${line}\n`);
}

if (import.meta.main) {
  const [, , role, told] = process.argv;
  for (const signal of role === "reaper" ? (["SIGINT", "SIGTERM", "SIGHUP"] as const) : [])
    process.on(signal, () => {});
  await roles[role as keyof typeof roles](JSON.parse(told ?? "") as SmallRun);
}
