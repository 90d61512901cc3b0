// Decides what can be done with one environment that stands for changes: make one in it, ask the tests, undo it. A change is made in nodes of
// this environment and nowhere else.
import { type RunnerTestCase, TestRunner } from "vitest";
import type { LiveEnvironment } from "../lifecycle/run.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { messageOf } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { redact } from "../model/secret.ts";
import type { Mutation, ServiceChange } from "../prove/mutation.ts";
import { applyCommand, findCommand, lookCommand, scriptStatus, undoCommand } from "../prove/script.ts";
import { sharedStorage } from "../prove/storage.ts";
import { type Asked, digestOf, type Recording, SkippedAgain, type TestRecord } from "./prove-record.ts";

/** Who noticed a change. */
export interface Noticed {
  readonly outcome: "found" | "errored";
  readonly test: TestRecord;
  /** In its words. */
  readonly said: string;
}

export interface Standing {
  readonly environment: Environment;
  readonly live: LiveEnvironment;
  readonly host: Node;
}

/** How long the engine may take to tell that a node has ended, when nothing can be done in it any more. */
const mostDyingMs = 2_000;

interface Changed {
  readonly mutation: Mutation;
  readonly paths: readonly string[];
  readonly before: string;
  /** Of a service: what brings back what was there. */
  readonly undo?: () => Promise<void>;
}

/** What a check saw under a change, by the change's id. */
const seenUnder = new WeakMap<Asked, Map<string, string>>();

export function noticedOf(asked: Asked, id: string): string | undefined {
  return seenUnder.get(asked)?.get(id);
}

export class Clone {
  readonly #standing: Standing;
  readonly #recording: Recording;
  #changed: Changed | undefined;

  static of(standing: Standing, recorded: Recording): Clone {
    return new Clone(standing, recorded);
  }

  private constructor(standing: Standing, recorded: Recording) {
    this.#standing = standing;
    this.#recording = recorded;
  }

  /** Makes a change. `spoilt`: something of it may have stayed. */
  async change(
    mutation: Mutation,
  ): Promise<{ readonly made: true } | { readonly refused: string; readonly spoilt: boolean }> {
    const { change } = mutation;
    if (change.way === "declaration" || change.way === "image") {
      this.#changed = { mutation, paths: [], before: "" };
      return { made: true };
    }
    const node = this.#node(mutation.node);
    const declared = (this.#standing.environment.nodes as Record<string, NodeDeclaration>)[mutation.node];
    if (node === undefined || (node.kind !== "container" && node.kind !== "vm"))
      return { refused: "only containers and machines of the environment are changed", spoilt: false };
    if (change.way === "service") return this.#changeService(mutation, node, change.service);
    try {
      const { script } = change;
      const found = script.find === undefined ? [] : await this.#found(node, findCommand(script));
      const paths = [...script.paths, ...found];
      if (paths.length === 0 && script.look === undefined)
        return { refused: "the node has nothing of the kind", spoilt: false };
      const ground = { of: node.kind, memory: declared?.kind === "container" ? memoryOf(declared) : [] };
      const making = node.exec(applyCommand(script, paths, ground), { user: "0" });
      if (script.final === true && (await isGone(node, making))) {
        this.#changed = { mutation, paths, before: "" };
        return { made: true };
      }
      const { status, stdout, stderr } = await making;
      const [before = "", after = ""] = stdout.split("\0");
      this.#changed = { mutation, paths, before: before.trimEnd() };
      if (status === 0 && before.trimEnd() !== after.trimEnd()) return { made: true };
      const untouched = [scriptStatus.noPlace, scriptStatus.refused].includes(status as 71 | 72);
      const spoilt = untouched ? false : !(await this.undo());
      const why = status === 0 ? "it changes nothing here" : stderr.trim() || stdout.trim() || `status ${status}`;
      return { refused: why.split("\n")[0] ?? why, spoilt };
    } catch (error) {
      return { refused: messageOf(error), spoilt: true };
    }
  }

  async #changeService(
    mutation: Mutation,
    node: Node,
    service: ServiceChange,
  ): Promise<{ readonly made: true } | { readonly refused: string; readonly spoilt: boolean }> {
    const shared = sharedStorage(this.#standing.environment, mutation.node);
    if (shared !== undefined)
      return { refused: `its data may lie on ${shared}, which is not the node's alone`, spoilt: false };
    let before: string;
    try {
      before = await service.look(node);
    } catch (error) {
      return { refused: redact(messageOf(error)), spoilt: false };
    }
    try {
      const undo = await service.make(node);
      this.#changed = { mutation, paths: [], before, undo };
      if ((await service.look(node)) !== before) return { made: true };
      return { refused: "it changes nothing here", spoilt: !(await this.undo()) };
    } catch (error) {
      this.#changed = undefined;
      const now = await service.look(node).catch(() => undefined);
      return { refused: redact(messageOf(error)), spoilt: now !== before };
    }
  }

  /** Whether what was changed is still so, after tests that do something to the node themselves. */
  async holds(): Promise<boolean> {
    const changed = this.#changed;
    const node = changed === undefined ? undefined : this.#node(changed.mutation.node);
    if (changed === undefined || node === undefined) return true;
    const { change } = changed.mutation;
    // A server that cannot be asked any more is not as it was.
    if (change.way === "service") return (await change.service.look(node).catch(() => undefined)) !== changed.before;
    if (change.way !== "script") return true;
    const look = node.exec(lookCommand(change.script, changed.paths), { user: "0" });
    // A node that went with the change is not as it was either.
    if (change.script.final === true && (await isGone(node, look))) return true;
    return (await look).stdout.trimEnd() !== changed.before;
  }

  /** Takes back what `change` made; whether all is as it was. */
  async undo(): Promise<boolean> {
    const changed = this.#changed;
    this.#changed = undefined;
    const { change } = changed?.mutation ?? {};
    if (changed === undefined || change === undefined || change.way === "declaration" || change.way === "image")
      return true;
    const node = this.#node(changed.mutation.node);
    if (node === undefined) return false;
    try {
      if (change.way === "service") {
        await changed.undo?.();
        return (await change.service.look(node)) === changed.before;
      }
      const command = undoCommand(change.script, changed.paths);
      const { status, stdout } = await node.exec(command, { user: "0" });
      return status === 0 && stdout.trimEnd() === changed.before;
    } catch {
      return false; // the node may be gone with the change
    }
  }

  /** Who of the tests notices, the first that fails before one that could not ask. Of those who are not `able` to pass, nobody: they run for the others. */
  async noticed(
    tests: readonly TestRecord[],
    able = new Set(tests) as ReadonlySet<TestRecord>,
  ): Promise<Noticed | undefined> {
    let errored: Noticed | undefined;
    for (const test of tests) {
      const noticed = await this.run(test);
      if (!able.has(test)) continue;
      if (noticed?.outcome === "found") return noticed;
      errored ??= noticed;
    }
    return errored;
  }

  /** Runs a test again; `undefined` where it passes. */
  async run(test: TestRecord): Promise<Noticed | undefined> {
    const { change, node } = this.#changed?.mutation ?? {};
    const retold = change?.way === "image" && node !== undefined ? { retold: { node, change: change.change } } : {};
    const finished: (() => unknown)[] = [];
    const context = Object.assign(
      Object.create(test.task.context) as object,
      nodesOf(this.#standing, this.#recording),
      {
        onTestFinished: (done: () => unknown) => finished.unshift(done),
        onTestFailed: () => undefined,
        skip: (first?: unknown, second?: unknown) => {
          if (first === false) return;
          throw new SkippedAgain(String(typeof first === "string" ? first : second));
        },
      },
    );
    try {
      await this.#recording.again({ record: test, ...retold }, async () => {
        await bodyOf(test.task)(context);
        for (const done of finished) await done();
      });
      return undefined;
    } catch (error) {
      if (error instanceof SkippedAgain) return undefined;
      return { outcome: isAssertion(error) ? "found" : "errored", test, said: redact(messageOf(error)) };
    } finally {
      await this.#standing.live.heal().catch(() => undefined);
    }
  }

  /** Asks checks by themselves, without what their tests do. */
  async judge({ id, change, node }: Mutation, asked: readonly Asked[]): Promise<void> {
    const retold = change.way === "image" ? { retold: { node, change: change.change } } : {};
    await Promise.all(
      asked.map(async (each) => {
        const on = this.#node(each.node);
        if (on === undefined) return;
        try {
          const view = each.user === undefined ? on : on.as(each.user);
          const answer = await this.#recording.again({ record: each.test, ...retold }, () => each.check.observe(view));
          const judgement = each.check.judge(answer);
          if (!("met" in judgement)) return;
          // Where a mount is cut or a name not given, what looks for nothing is right to find it.
          const about =
            change.way === "image"
              ? each.facets.has(change.facet)
              : change.way !== "declaration" && digestOf(answer) !== each.answered;
          if (about) each.judged += 1;
          if (judgement.met === each.negated) each.canFail = true;
          const seen = seenUnder.get(each) ?? new Map<string, string>();
          seenUnder.set(each, seen.set(id, judgement.seen));
        } catch {
          // It says that it could not ask, which is not met either; of a server that is gone, anything that asks it says so.
          if (each.check.looksAt === undefined) each.canFail = true;
        }
      }),
    );
  }

  /** Brings machines back to the moment at which they were ready; whether that can be done of all nodes. */
  async rewind(): Promise<boolean> {
    const { rewind } = this.#standing.live;
    this.#changed = undefined;
    if (rewind === undefined) return false;
    return rewind().then(
      () => true,
      () => false,
    );
  }

  close(): Promise<void> {
    return this.#standing.live.takeDown();
  }

  async #found(node: Node, command: Parameters<Node["exec"]>[0]): Promise<readonly string[]> {
    const { stdout } = await node.exec(command, { user: "0" });
    return [...new Set(stdout.split("\0").filter((path) => path.startsWith("/")))];
  }

  #node(name: string): Node | undefined {
    return name === "host" ? this.#standing.host : this.#standing.live.nodes.get(name);
  }
}

/** Whether a node ended while something was done in it: what ends a process may end it. */
async function isGone(node: Node, doing: Promise<unknown>): Promise<boolean> {
  const broken = await doing.then(
    () => false,
    () => true,
  );
  if (!broken) return false;
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), mostDyingMs);
  try {
    return await Promise.race([node.died.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The fixtures of a test, of this environment. */
function nodesOf({ environment, live, host }: Standing, recorded: Recording): Readonly<Record<string, unknown>> {
  const node = (name: string) => {
    const found = live.nodes.get(name);
    return found === undefined ? undefined : recorded.watch(found, name);
  };
  return {
    host: recorded.watch(host, "host"),
    ...Object.fromEntries([...live.nodes.keys()].map((name) => [name, node(name)])),
    ...Object.fromEntries(Object.entries(environment.groups).map(([group, names]) => [group, names.map(node)])),
    assayEnvironment: live,
  };
}

function memoryOf({ mounts }: ContainerDeclaration): readonly string[] {
  return Object.entries(mounts).flatMap(([target, { mount }]) => (mount === "tmpfs" ? [target] : []));
}

/** Vitest's own function for a test takes the place of its fixtures where it is given another context than the test's. */
function bodyOf(task: RunnerTestCase): (context: object) => unknown {
  return TestRunner.getTestFn(task) as unknown as (context: object) => unknown;
}

/** Only an assertion blames the image, as in the report. */
function isAssertion(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { name, outcome } = error as { name?: unknown; outcome?: unknown };
  if (outcome === "errored") return false;
  return name === "AssertionError" || "actual" in error || "expected" in error;
}
