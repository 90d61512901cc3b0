// Decides how an environment becomes fixtures of a test: stood up once a file, or once a test, and always taken down.
import { join } from "node:path";
import { afterAll, test as base, beforeAll, type RunnerTestCase, type TestAPI } from "vitest";
import type { Engines } from "../drivers/by-kind.ts";
import { EnvironmentWatch } from "../health/environment-watch.ts";
import { type LiveEnvironment, type StandingUp, standUp } from "../lifecycle/run.ts";
import type { Environment, NodeOf } from "../model/environment.ts";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { EventSink } from "../model/event.ts";
import type { Node } from "../model/node.ts";
import { redact } from "../model/secret.ts";
import { pathsOf } from "../store/recipe-paths.ts";
import { buildingIn, missingCapability } from "./capabilities.ts";
import { tellInputs } from "./inputs.ts";
import { withPreferred } from "./preference.ts";
import { recording } from "./prove-record.ts";
import { readPaths } from "./reads.ts";
import { scratchOf, session } from "./session.ts";
import { refuseSharing } from "./sharing.ts";
import { isFollowed, refuseSpare } from "./spare.ts";
import { substituted } from "./substitute.ts";

export interface TestInOptions {
  /**
   * `file`: the tests of a file share one environment, in order. `test`: each test has a clean one; one of virtual machines is
   * brought back in place to the moment at which it was ready, which takes well under a second. Default `file`.
   */
  readonly isolation?: "file" | "test";
  /**
   * With `isolation: "test"`, of containers: while a test runs, the environment of the next comes up, and those of tests that have ended go.
   * Two of them stand at a time, and a test has the processors less for itself. Refused (`no-spare`) where two cannot: fixed host ports and
   * subnets, a directory of this host that may be written to. Default `false`.
   */
  readonly spare?: boolean;
}

/** What `testIn` gives, as far as a body of tests that several environments share needs it. */
export type TestsOn<Nodes> = (name: string, body: (nodes: Nodes) => Promise<void>) => void;

export type NodesOf<E extends Environment> = { [Name in keyof E["declared"]]: NodeOf<E["declared"][Name]> } & {
  readonly host: Node;
};

/**
 * A `test` whose fixtures are the environment's nodes, and `host`. Standing up is not charged to any test's time.
 * When it fails, every test is `errored` with the reason; where the host lacks a capability that the environment
 * requires, every test is skipped with the reason.
 *
 * @example
 * const test = testIn(dockerSoe);
 * test("the SOE has bash", async ({ soe }) => expect(soe).toMeet(pkg("bash").isInstalled()));
 */
export function testIn<E extends Environment>(environment: E, options: TestInOptions = {}): TestAPI<NodesOf<E>> {
  const perTest = options.isolation === "test";
  const spare = options.spare === true;
  if (spare) refuseSpare(environment, perTest);
  refuseSharing(environment, perTest);
  readPaths(pathsOf(environment));
  /** Opened when a test asks for it. */
  let host: ReturnType<Engines["host"]> | undefined;
  let shared: Promise<WatchedEnvironment> | undefined;
  /** With isolation by test: the environment that the last test used, to be brought back to its beginning. */
  let used: WatchedEnvironment | undefined;
  /** With isolation by test: what was stood up before the first test, for that one. */
  let first: Promise<WatchedEnvironment> | undefined;
  /** What comes up while a test runs, for the next one, and what goes meanwhile. */
  let next: Promise<WatchedEnvironment> | undefined;
  const going: Promise<unknown>[] = [];
  let skipped: string | undefined;
  /** Some test of this one failed, and what it left is wanted for a look. */
  let failed = false;
  let left = false;
  /** Tests that share the environment and have not ended: a fault is somebody's among them. */
  let running = 0;
  /** Of several that failed the first is kept: hundreds of them would leave no room to look at any. */
  const end = async (live: WatchedEnvironment, wanted: boolean) => {
    const unhealthy = await whyNot(live.watch.close());
    const stays = !left && (wanted || (unhealthy !== undefined && keeping() !== undefined));
    left ||= stays;
    const gone = stays ? live.leave() : live.takeDown();
    if (spare) going.push(whyNot(gone));
    else await gone;
    if (unhealthy !== undefined) throw unhealthy;
  };
  const keeping = () => session().settings.keep;
  /** Tests that ran in this environment, where they are proved. */
  const ran: RunnerTestCase[] = [];
  const openHost = async () => {
    host ??= session().engines.host(environment);
    return (await host).node;
  };

  // Failures are kept: thrown here, they would be told of the file and of no test.
  beforeAll(async () => {
    tellInputs(specFile() ?? "");
    const facts = () => {
      const { engines, disks } = session().settings;
      return { ...engines, disks };
    };
    skipped = await missingCapability(
      environment,
      facts,
      buildingIn(() => session().store),
    );
    if (skipped !== undefined) return;
    if (!perTest) {
      shared = stand(environment);
      await shared.catch(() => undefined);
    } else if (Object.values(environment.nodes).some(({ kind }) => kind === "vm")) {
      // A machine takes its time to boot, which is no test's; the first test has it as it is then.
      first = stand(environment);
      await first.catch(() => undefined);
    }
  });
  afterAll(async () => {
    const wanted = keeping() === "always" || failed;
    const stood = await Promise.all([first, shared, next].map((each) => each?.catch(() => undefined)));
    const failures: unknown[] = [];
    if (session().settings.prove !== undefined && ran.length > 0) {
      const [, live] = stood;
      // What is changed from now on is no fault of the image's.
      failures.push(await whyNot(live?.watch.close() ?? Promise.resolve()));
      const { prove } = await import("./prove.ts");
      failures.push(await whyNot(prove({ environment, perTest, ran, live, host: openHost, stand: standAside })));
    }
    for (const live of [used, ...stood])
      if (live !== undefined) failures.push(await whyNot(end(live, wanted && live !== stood[0] && live !== stood[2])));
    failures.push(...(await Promise.all(going)));
    await host?.then(
      (opened) => opened.close(),
      () => undefined,
    );
    tellLedger();
    await session().events.flushed();
    const failure = failures.find((each) => each !== undefined);
    if (failure !== undefined) throw failure;
  });

  let test = base.extend(
    "assayEnvironment",
    { auto: true },
    async ({ task, skip, onTestFinished, onTestFailed }, { onCleanup }) => {
      task.meta.environment = environment.name;
      if (session().settings.prove !== undefined) ran.push(task as RunnerTestCase);
      if (keeping() !== undefined)
        onTestFailed(() => {
          failed = true;
        });
      onTestFinished(() => hideSecrets(task.result?.errors));
      if (skipped !== undefined) skip(skipped);
      /** What is found of its nodes is this test's, until it is over; `after` comes then, whatever was found. */
      const watching = (live: WatchedEnvironment, after?: (unhealthy: boolean) => Promise<void>) => {
        live.watch.testBegins(fullName(task));
        const failures: unknown[] = [];
        // This comes before the calls of `onTestFinished` and `onTestFailed`. Vitest does it again where it throws.
        onCleanup(async () => {
          failures.push(await whyNot(live.watch.testEnds(fullName(task))));
          failures.push(await whyNot(after?.(failures[0] !== undefined)));
        });
        onTestFinished(() => {
          const failure = failures.find((each) => each !== undefined);
          if (failure !== undefined) throw failure;
        });
        return live;
      };
      if (!perTest) {
        const live = (await shared) ?? notStarted(environment);
        running += 1;
        // What a test broke is not the next one's to find.
        onTestFinished(async () => {
          running -= 1;
          if (running === 0) await live.heal();
        });
        return watching(live);
      }
      if (used !== undefined) {
        const last = used;
        used = undefined;
        if (failed && !left) await end(last, true);
        else {
          used = await backAgain(last);
          return watching(used);
        }
      }
      const ready = first ?? next;
      first = next = undefined;
      const live = await (ready ?? stand(environment));
      if (spare && isFollowed(task.file, task)) {
        next = stand(environment);
        next.catch(() => undefined); // told to the test that it is for
      }
      // What can be brought back in place is kept for the next test; everything else is made anew.
      if (live.rewind === undefined)
        return watching(live, (unhealthy) =>
          end(live, keeping() === "always" || (keeping() !== undefined && (unhealthy || isBroken(task.result)))),
        );
      used = live;
      return watching(live);
    },
  ) as unknown as Extendable;
  test = test.extend("host", async () => recording()?.watch(await openHost(), "host") ?? openHost());
  for (const name of Object.keys(environment.nodes)) {
    test = test.extend(name, ({ assayEnvironment }) => watched(assayEnvironment.nodes.get(name), name));
  }
  for (const [group, names] of Object.entries(environment.groups)) {
    test = test.extend(group, ({ assayEnvironment }) =>
      names.map((name) => watched(assayEnvironment.nodes.get(name), name)),
    );
  }
  return test as unknown as TestAPI<NodesOf<E>>;
}

/** The names are only known when it runs; `NodesOf` says to the compiler what they are. */
interface Extendable {
  extend(name: string, fixture: (fixtures: { readonly assayEnvironment: LiveEnvironment }) => unknown): Extendable;
}

declare module "vitest" {
  interface TaskMeta {
    /** The environment the test ran in. */
    environment?: string;
  }
}

function isBroken(result: { readonly errors?: readonly unknown[] | undefined } | undefined): boolean {
  return (result?.errors ?? []).length > 0;
}

interface WatchedEnvironment extends LiveEnvironment {
  readonly watch: EnvironmentWatch;
}

/** Why it was rejected; `undefined` where it was not. */
function whyNot(work: Promise<unknown> | undefined): Promise<unknown> {
  return Promise.resolve(work).then(
    () => undefined,
    (error: unknown) => error ?? new Error("rejected without a reason"),
  );
}

/** As vitest's reporter has it: the suites that a test is in, and its name. */
function fullName(task: { readonly name: string; readonly suite?: Named | undefined }): string {
  return task.suite === undefined ? task.name : `${fullName(task.suite)} > ${task.name}`;
}
interface Named {
  readonly name: string;
  readonly suite?: Named | undefined;
}

let toldLedgerMs = 0;

/** How long this process has waited for the ledger since it was told last. */
function tellLedger(): void {
  const { ledger, events } = session();
  events.say({ event: "overhead", at: Date.now(), of: "ledger", ms: ledger.spentMs - toldLedgerMs });
  toldLedgerMs = ledger.spentMs;
}

interface ErrorTexts {
  message?: string;
  stack?: string | undefined;
  diff?: string | undefined;
  cause?: unknown;
}

function watched(node: Node | undefined, name: string): Node | undefined {
  return node === undefined ? undefined : (recording()?.watch(node, name) ?? node);
}

/** One more, for changes to be made in it: the report is told of what it is made of, as that is to be removed, and of nothing else. */
async function standAside(environment: Environment): Promise<LiveEnvironment> {
  const { events, settings } = session();
  const quiet: EventSink = {
    say: (event) => (event.event === "resource" ? events.say(event) : undefined),
    flushed: () => events.flushed(),
  };
  const wanted = await standing(environment);
  return standUp({ ...wanted, keepBroken: false, events: quiet, report: join(settings.scratch, "aside") });
}

function stand(environment: Environment): Promise<WatchedEnvironment> {
  return aside(() => standHere(environment));
}

/** For a test, and not by it: what is asked of nodes meanwhile says nothing of what the test asks. */
function aside<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  return recording()?.aside(work) ?? work();
}

async function standHere(environment: Environment): Promise<WatchedEnvironment> {
  const { settings, events } = session();
  const unwatched = await standing(environment);
  const { environment: stood, scope: name, file } = unwatched;
  const watch = new EnvironmentWatch({ environment: stood, scope: name, file, events });
  const wanted = { ...unwatched, watch };
  const warm =
    settings.warm === undefined
      ? undefined
      : await (await import("./warm.ts")).warmOne(session(), settings.warm, wanted);
  const live = warm ?? (await standUp(wanted));
  await watch.stands();
  return { ...live, watch };
}

async function standing(environment: Environment): Promise<StandingUp> {
  const { settings, engines, ledger, store, events, scope, said } = session();
  const name = scope();
  const stood = await withPreferred(await substituted(environment, settings.substitutes), {
    directory: join(settings.scratch, "preferred"),
    never: settings.noPrefer === true,
    offered: async (...asked) => (await engines.docker()).offered(...asked),
    say: (decided) => events.say({ event: "preference", at: Date.now(), ...decided }),
  });
  const file = fileOf(said);
  return {
    environment: stood,
    owner: { run: settings.run, identity: settings.identity, ledger: settings.ledger },
    scope: name,
    file,
    drivers: await engines.of(stood),
    ledger,
    images: store,
    events,
    directory: scratchOf(settings, name),
    report: settings.report,
    keepBroken: settings.keep !== undefined,
  };
}

/** The same environment as it was when it was ready; one that cannot be brought back is taken down, and the test has the reason. */
async function backAgain(live: WatchedEnvironment): Promise<WatchedEnvironment> {
  try {
    await aside(async () => live.rewind?.());
    live.watch.rewound();
    return live;
  } catch (error) {
    await live.watch.close().catch(() => undefined); // what was found is told; the reason is worth more
    await live.takeDown().catch(() => undefined); // the reason is worth more; the ledger has what is left
    throw error;
  }
}

/** The spec file that runs in this process, for people. */
function fileOf(said: (path: string) => string): string | undefined {
  const filepath = specFile();
  return filepath === undefined ? undefined : said(filepath);
}

function specFile(): string | undefined {
  return (globalThis as { __vitest_worker__?: { filepath?: string } }).__vitest_worker__?.filepath;
}

function notStarted(environment: Environment): never {
  throw new ProvisionError({
    code: "not-stood-up",
    phase: "create",
    node: environment.name,
    seen: "the environment was not stood up before the test",
    hint: "call testIn at the top of the spec file",
  });
}

const longestMessage = 4_000;

function shortened(text: string): string {
  return text.length <= longestMessage
    ? text
    : `${text.slice(0, longestMessage)}… (${text.length - longestMessage} more characters)`;
}

/** What leaves this process about a failure has no secret in it. */
function hideSecrets(errors: ErrorTexts[] | undefined): void {
  for (const error of errors ?? []) {
    if (typeof error.message === "string") error.message = shortened(redact(error.message));
    if (typeof error.stack === "string") error.stack = redact(error.stack);
    if (typeof error.diff === "string") error.diff = redact(error.diff);
    if (error.cause !== undefined) error.cause = redact(messageOf(error.cause));
  }
}
