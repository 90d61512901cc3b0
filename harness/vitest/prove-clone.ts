// Decides what can be done with one environment that stands for changes: make one in it, ask the tests, undo it. A change is made in nodes of
// this environment and nowhere else.
import { type RunnerTestCase, TestRunner } from "vitest";
import type { LiveEnvironment } from "../lifecycle/run.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { messageOf } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { redact } from "../model/secret.ts";
import type { Mutation } from "../prove/mutation.ts";
import { applyCommand, findCommand, lookCommand, scriptStatus, undoCommand } from "../prove/script.ts";
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

/** What a check saw under a change, by the change's id. */
const seenUnder = new WeakMap<Asked, Map<string, string>>();

export function noticedOf(asked: Asked, id: string): string | undefined {
  return seenUnder.get(asked)?.get(id);
}

export class Clone {
  readonly #standing: Standing;
  readonly #recording: Recording;
  #changed: { readonly mutation: Mutation; readonly paths: readonly string[]; readonly before: string } | undefined;

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
    if (change.way !== "script") {
      this.#changed = { mutation, paths: [], before: "" };
      return { made: true };
    }
    const node = this.#node(mutation.node);
    const declared = (this.#standing.environment.nodes as Record<string, NodeDeclaration>)[mutation.node];
    if (node === undefined || (node.kind !== "container" && node.kind !== "vm"))
      return { refused: "only containers and machines of the environment are changed", spoilt: false };
    try {
      const { script } = change;
      const found = script.find === undefined ? [] : await this.#found(node, findCommand(script));
      const paths = [...script.paths, ...found];
      if (paths.length === 0) return { refused: "the node has nothing of the kind", spoilt: false };
      const ground = { of: node.kind, memory: declared?.kind === "container" ? memoryOf(declared) : [] };
      const { status, stdout, stderr } = await node.exec(applyCommand(script, paths, ground), { user: "0" });
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

  /** Whether what was changed is still so, after tests that do something to the node themselves. */
  async holds(): Promise<boolean> {
    const changed = this.#changed;
    const node = changed === undefined ? undefined : this.#node(changed.mutation.node);
    if (changed?.mutation.change.way !== "script" || node === undefined) return true;
    const { stdout } = await node.exec(lookCommand(changed.paths), { user: "0" });
    return stdout.trimEnd() !== changed.before;
  }

  /** Takes back what `change` made; whether all is as it was. */
  async undo(): Promise<boolean> {
    const changed = this.#changed;
    this.#changed = undefined;
    if (changed === undefined || changed.mutation.change.way !== "script") return true;
    const node = this.#node(changed.mutation.node);
    if (node === undefined) return false;
    try {
      const command = undoCommand(changed.mutation.change.script, changed.paths);
      const { status, stdout } = await node.exec(command, { user: "0" });
      return status === 0 && stdout.trimEnd() === changed.before;
    } catch {
      return false; // the node may be gone with the change
    }
  }

  /** Who of the tests notices, the first that fails before one that could not ask. */
  async noticed(tests: readonly TestRecord[]): Promise<Noticed | undefined> {
    let errored: Noticed | undefined;
    for (const test of tests) {
      const noticed = await this.run(test);
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
              : change.way === "script" && digestOf(answer) !== each.answered;
          if (about) each.judged += 1;
          if (judgement.met === each.negated) each.canFail = true;
          const seen = seenUnder.get(each) ?? new Map<string, string>();
          seenUnder.set(each, seen.set(id, judgement.seen));
        } catch {
          each.canFail = true; // it says that it could not ask, which is not met either
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
