// Decides what a test process shares with its supervisor: the run it belongs to, the ledger, the engine, the events.
import { join, relative } from "node:path";
import { inject } from "vitest";
import { proxies } from "../commands/proxies.ts";
import type { Engines } from "../drivers/by-kind.ts";
import { type EngineFacts, enginesOf } from "../engines.ts";
import { connectEvents } from "../lifecycle/event-socket.ts";
import { faultStep } from "../lifecycle/fault.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { DeclarationError } from "../model/errors.ts";
import type { EventSink } from "../model/event.ts";
import { onSecret } from "../model/secret.ts";
import { Store } from "../store/store.ts";
import type { ProveSettings } from "./prove.ts";
import type { Substitutes } from "./substitute.ts";
import type { WarmSettings } from "./warm.ts";

/** What the supervisor hands to the test processes: plain data, by vitest's `provide`. */
export interface RunSettings {
  readonly run: string;
  /** The supervisor's, see `identityOf`. */
  readonly identity: string;
  /** Unix socket for events. */
  readonly socket: string;
  readonly ledger: string;
  readonly store: string;
  /** Directory of this run's scratch mounts. */
  readonly scratch: string;
  /** The run's report directory. */
  readonly report: string;
  readonly project: string;
  readonly engines: EngineFacts;
  /** Directory of disk images; see `Config.disks`. */
  readonly disks: string;
  /** See `Config.storeBudget`. */
  readonly storeBudget?: string | undefined;
  /** Which stand-ups are left standing. */
  readonly keep?: "on-failure" | "always" | undefined;
  /** Environments that stand ahead of their use, where somebody watches. */
  readonly warm?: WarmSettings | undefined;
  /** Full names of the tests that are to run; absent: all. Others are neither planned nor told. */
  readonly only?: readonly string[] | undefined;
  /** See `lifecycle/fault.ts`. */
  readonly fault?: string | undefined;
  /** The specs are proved: see `prove.ts`. */
  readonly prove?: ProveSettings | undefined;
  /** Nobody is asked for preferred images: see `preference.ts`. */
  readonly noPrefer?: boolean | undefined;
  /** What stands in for what, by name: see `substitute.ts`. */
  readonly substitutes: Substitutes;
}

declare module "vitest" {
  interface ProvidedContext {
    assay: RunSettings | undefined;
  }
}

export interface Session {
  readonly settings: RunSettings;
  readonly events: EventSink;
  readonly ledger: Ledger;
  readonly store: Store;
  readonly engines: Engines;
  /** A scope no other stand-up of the run has. */
  scope(): string;
  /** Path relative to the project, for people. */
  said(path: string): string;
}

let current: Session | undefined;
let stands = 0;

/** The session of this test process. A `DeclarationError` when vitest was started without a supervisor. */
export function session(): Session {
  current ??= open();
  return current;
}

function open(): Session {
  const settings = inject("assay");
  if (settings === undefined) {
    throw new DeclarationError({
      code: "no-supervisor",
      seen: "vitest was started by itself: nobody would tear down after it",
      hint: "run `npm test` or `assay run`",
    });
  }
  const events = connectEvents(settings.socket);
  onSecret((name, value) => events.secret(name, value));
  return {
    settings,
    events,
    ledger: Ledger.open(settings.ledger, {
      step: faultStep(settings.fault, "worker", settings.run, settings.ledger),
    }),
    store: new Store({
      directory: settings.store,
      disks: settings.disks,
      budget: settings.storeBudget,
      environment: proxies(),
    }),
    engines: enginesOf(settings.engines),
    scope: () => {
      stands += 1;
      return `p${process.pid}n${stands}`;
    },
    said: (path) => relative(settings.project, path),
  };
}

/** Directory for the scratch mounts of one stand-up. */
export function scratchOf(settings: Pick<RunSettings, "scratch">, scope: string): string {
  return join(settings.scratch, scope);
}
