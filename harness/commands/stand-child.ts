// Decides what the process does that stands an environment up and leaves it standing: it says what happens to whoever owns the run, and
// keeps nothing open. Whether what it leaves stays is the owner's to decide. A process of its own, so that it may die at any time.
import { join } from "node:path";
import { type EngineFacts, enginesOf } from "../engines.ts";
import { type Declared, declaredAs, declaredNow } from "../lifecycle/declared.ts";
import { connectEvents } from "../lifecycle/event-socket.ts";
import { faultStep } from "../lifecycle/fault.ts";
import { offer } from "../lifecycle/idle.ts";
import { ownership } from "../lifecycle/lease.ts";
import { type HeldClaim, Ledger } from "../lifecycle/ledger.ts";
import type { PlanFacts } from "../lifecycle/plan.ts";
import { standUp } from "../lifecycle/run.ts";
import { withCounts } from "../model/environment.ts";
import { DeclarationError, ExitCode, HarnessError, messageOf, ProvisionError } from "../model/errors.ts";
import { identityOf } from "../model/identity.ts";
import { onSecret, redact } from "../model/secret.ts";
import { Store } from "../store/store.ts";
import { standsAhead } from "../vitest/warm.ts";
import { claimOf, declarationOf, lookupOf, writeDeclaration } from "./by-hand.ts";
import { proxies } from "./proxies.ts";
import { environmentNamed } from "./recipes.ts";

/** What it is told, as JSON in `ASSAY_STAND`. */
export interface StandSettings {
  readonly environment: string;
  /** Other numbers of machines in its groups than are declared. */
  readonly counts?: Readonly<Record<string, number>>;
  /** One of its kind in the run. */
  readonly scope: string;
  readonly run: string;
  /** Of whoever owns the run. */
  readonly identity: string;
  readonly socket: string;
  readonly ledger: string;
  readonly store: string;
  readonly disks: string;
  readonly storeBudget?: string | undefined;
  /** Root of all runs' scratch directories. */
  readonly scratch: string;
  readonly report: string;
  readonly project: string;
  readonly engines: EngineFacts;
  readonly fault?: string | undefined;
  /** What of it stands already, by nodes' names and by `kind name`: only what is missing is made, and the declaration of the rest stays. */
  readonly stands?: { readonly nodes: readonly string[]; readonly resources: readonly string[] };
  /** Where it is offered to whoever runs specs on it: see `lifecycle/idle.ts`. Without it, it is for a person. */
  readonly idle?: string | undefined;
}

async function main(settings: StandSettings): Promise<number> {
  const { environment: name, run, identity, scope, project } = settings;
  const events = connectEvents(settings.socket);
  onSecret((secret, value) => events.secret(secret, value));
  const engines = enginesOf(settings.engines);
  try {
    using ledger = Ledger.open(settings.ledger, { step: faultStep(settings.fault, "worker", run, settings.ledger) });
    const environment = withCounts(await environmentNamed(project, name), settings.counts ?? {});
    if (settings.idle !== undefined && !standsAhead(environment)) return ExitCode.met;
    const claim = claimOf({ project, environment: name });
    const refused =
      settings.idle === undefined && settings.stands === undefined
        ? ledger.claim(run, "by-hand", identityOf(), [{ name: claim }], (held) => taken(held, claim, run))
        : undefined;
    if (refused !== undefined)
      throw new ProvisionError({
        code: "goes-up",
        phase: "create",
        node: name,
        seen: refused,
        hint: "assay list shows it",
      });
    const store = new Store({
      directory: settings.store,
      disks: settings.disks,
      budget: settings.storeBudget,
      environment: proxies(),
    });
    const drivers = await engines.of(environment);
    const live = await standUp({
      environment,
      owner: { run, identity, ledger: settings.ledger },
      scope,
      drivers,
      ledger,
      images: store,
      events,
      directory: join(settings.scratch, run, scope),
      report: settings.report,
      stands: settings.stands === undefined ? undefined : new Set(settings.stands.resources),
    });
    // What was built, not what the files say by now.
    const declared = await declaredNow(environment, {
      ...lookupOf(store, () => engines.docker()),
      recipe: async ({ name, version }) => live.images.get(`${name}:${version}`)?.recipeDigest ?? "not built",
    });
    const { groups } = environment;
    if (settings.idle === undefined) {
      const all = settings.stands === undefined ? declared : beside(settings, settings.stands.nodes, declared);
      writeDeclaration(settings, run, { environment: name, project, groups, ...all });
    }
    const { resources } = await live.leave({ evidence: false });
    if (settings.idle !== undefined)
      offer(settings.idle, { environment: name, scope, digest: declared.digest, resources });
    return ExitCode.met;
  } catch (error) {
    const exitCode = error instanceof DeclarationError ? ExitCode.usage : ExitCode.couldNotAsk;
    const { name, message, stack } = error instanceof Error ? error : new Error(messageOf(error));
    events.say({
      event: "trouble",
      at: Date.now(),
      outcome: "errored",
      exitCode,
      error: {
        name,
        message: redact(message),
        ...(error instanceof HarnessError ? { code: error.code } : { stack: redact(stack ?? message) }),
      },
    });
    return exitCode;
  } finally {
    await engines.close();
    await events.flushed();
    events.close();
  }
}

/** What stood keeps what it was declared to be: an image may have been built anew meanwhile. */
function beside(settings: StandSettings, stood: readonly string[], now: Declared): Declared {
  const before = declarationOf(settings, settings.run)?.facts as PlanFacts | undefined;
  const is = now.facts as PlanFacts;
  const kept = Object.entries(before?.nodes ?? {}).filter(([name]) => stood.includes(name));
  return declaredAs({ ...is, nodes: { ...is.nodes, ...Object.fromEntries(kept) } });
}

/** Why the environment cannot be stood up beside what holds its claim. */
function taken(held: readonly HeldClaim[], claim: string, run: string): string | undefined {
  const holder = held.find((each) => each.name === claim && each.run !== run && ownership(each) !== "dead");
  if (holder === undefined) return undefined;
  return ownership(holder) === "leased"
    ? `it is up by now, as run ${holder.run}`
    : `run ${holder.run} (${holder.command}) is standing it up`;
}

// All is said and written. Clients of services that an edge asked stay connected as long as those do.
process.exit(await main(JSON.parse(process.env["ASSAY_STAND"] ?? "{}")));
