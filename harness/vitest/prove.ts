// Decides how a spec is proved: its tests run again, in this process, on nodes that were changed on purpose; what none of them notices has
// survived. A change is made in a clone of the environment and undone there; where it cannot be undone, the next gets a fresh clone.
import type { RunnerTestCase } from "vitest";
import type { LiveEnvironment } from "../lifecycle/run.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { messageOf } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { MutationKind, Proof } from "../model/proof.ts";
import { derive } from "../prove/derive.ts";
import { partOf } from "../prove/environments.ts";
import { type Mutation, needsOwnClone } from "../prove/mutation.ts";
import { Clone, type Noticed } from "./prove-clone.ts";
import { Findings, nameOf } from "./prove-findings.ts";
import { recording, type TestRecord } from "./prove-record.ts";
import { session } from "./session.ts";
import { substituted } from "./substitute.ts";

/** What of it is wanted. Plain data. */
export interface ProveSettings {
  readonly only?: readonly MutationKind[] | undefined;
  readonly node?: string | undefined;
}

export interface Proving {
  readonly environment: Environment;
  /** Each test has a clean environment. */
  readonly perTest: boolean;
  /** Tests that ran in it, in their order. */
  readonly ran: readonly RunnerTestCase[];
  /** What they ran in, where all had the same. */
  readonly live: LiveEnvironment | undefined;
  host(): Promise<Node>;
  stand(environment: Environment): Promise<LiveEnvironment>;
}

/** Environments of containers that stand at a time for changes. */
const atOnce = 3;

/** Why a change that did not stay says nothing. */
function undone({ change }: Mutation): string {
  const own = change.way === "service" || (change.way === "script" && change.script.look !== undefined);
  return own ? "it comes back by itself, or by the tests" : "the tests themselves make it what it was";
}

/** Proves the tests of one environment in one spec file, and says `proved`. Tests that did not pass prove nothing and are left out. */
export async function prove(proving: Proving): Promise<void> {
  const proof = await new Prover(proving).prove();
  session().events.say({ event: "proved", at: Date.now(), ...proof });
}

class Prover {
  readonly #proving: Proving;
  readonly #recording = recording(true);
  readonly #tests: readonly TestRecord[];
  readonly #findings: Findings;
  readonly #closing: Promise<void>[] = [];
  #repeatable: ReadonlySet<TestRecord> = new Set();
  /** Of those that were tried. */
  #unrepeatable: readonly TestRecord[] = [];
  #environment: Environment;
  /** Whether these tests pass by themselves in a part of the environment, by their names. */
  readonly #enough = new Map<string, Promise<boolean>>();
  /** Which of these tests pass in an environment that nobody changed, by their names. */
  readonly #passing = new Map<string, Promise<ReadonlySet<TestRecord>>>();
  /** Machines that were used, to be brought back for the next change. */
  #kept: Clone | undefined;

  constructor(proving: Proving) {
    this.#proving = proving;
    this.#environment = proving.environment;
    this.#tests = this.#recording.of(proving.ran).filter(({ passed }) => passed);
    this.#findings = new Findings(this.#recording, this.#tests);
  }

  async prove(): Promise<Proof> {
    const began = performance.now();
    const { settings, said } = session();
    const own = new Set(this.#tests.flatMap(({ keys }) => [...keys]));
    const observations = this.#recording.observations.filter(({ key }) => own.has(key));
    this.#environment = await substituted(this.#proving.environment, settings.substitutes);
    const { mutations, refused } = derive(observations, this.#environment, settings.prove);
    for (const { id, why } of refused) this.#findings.refuse(id, why);
    const inPlace = mutations.filter((each) => !needsOwnClone(each));
    try {
      if (this.#proving.perTest) await this.#fresh(inPlace);
      else await this.#allInPlace(inPlace);
      await this.#fresh(mutations.filter(needsOwnClone));
    } finally {
      if (this.#kept !== undefined) this.#letGo(this.#kept);
      await Promise.allSettled(this.#closing);
    }
    return {
      file: said(this.#tests[0]?.task.file.filepath ?? this.#proving.ran[0]?.file.filepath ?? ""),
      environment: this.#proving.environment.name,
      ...this.#findings.told,
      ...this.#findings.checks(observations),
      hollow: this.#findings.hollow,
      unrepeatable: this.#unrepeatable.map(nameOf),
      ms: Math.round(performance.now() - began),
    };
  }

  async #clone(environment = this.#environment): Promise<Clone> {
    const { stand, host } = this.#proving;
    return Clone.of({ environment, live: await stand(environment), host: await host() }, this.#recording);
  }

  /** The same, clean: machines are brought back, all else is made anew. */
  async #again(clone: Clone): Promise<Clone> {
    if (await clone.rewind()) return clone;
    this.#letGo(clone);
    return this.#clone();
  }

  /** One that nobody has used, or that is as if nobody had. */
  async #clean(environment = this.#environment): Promise<Clone> {
    const kept = this.#kept;
    this.#kept = undefined;
    return kept === undefined ? this.#clone(environment) : this.#again(kept);
  }

  /** Who is asked of a change, in which part of the environment: with one for each test, one after the other. */
  async #rounds(mutation: Mutation): Promise<readonly Round[]> {
    const asked = this.#ordered(mutation, this.#tests);
    if (this.#proving.perTest)
      return asked.map((test) => ({
        tests: [test],
        environment: partOf(this.#environment, [mutation.node, ...test.nodes]) ?? this.#environment,
        proved: false,
      }));
    const tests = this.#tests.filter((each) => asked.includes(each));
    const whole = { tests: this.#tests, environment: this.#environment, proved: false };
    const part = partOf(this.#environment, [mutation.node, ...tests.flatMap(({ nodes }) => [...nodes])]);
    if (part === undefined) return [whole];
    // They may need what another test left: that they do not is tried once.
    const key = tests.map(nameOf).join("\0");
    const known = this.#enough.get(key) ?? this.#passes(tests, part);
    this.#enough.set(key, known);
    return [(await known) ? { tests, environment: part, proved: true } : whole];
  }

  async #passes(tests: readonly TestRecord[], environment: Environment): Promise<boolean> {
    const clone = await this.#clone(environment);
    try {
      return (await clone.noticed(tests)) === undefined;
    } finally {
      this.#letGo(clone);
    }
  }

  /** A test that waits for longer than it may, or needs what is no more, fails in any clone: who fails in one that is unchanged notices nothing. */
  async #ableToPass({ tests, environment, proved }: Round): Promise<ReadonlySet<TestRecord>> {
    if (proved) return new Set(tests);
    const key = tests.map(nameOf).join("\0");
    const known = this.#passing.get(key) ?? this.#passingIn(tests, environment);
    this.#passing.set(key, known);
    return known;
  }

  async #passingIn(tests: readonly TestRecord[], environment: Environment): Promise<ReadonlySet<TestRecord>> {
    const clone = await this.#clean(environment);
    const passing = new Set<TestRecord>();
    for (const test of tests) if ((await clone.run(test)) === undefined) passing.add(test);
    this.#done(clone);
    return passing;
  }

  #done(clone: Clone): void {
    if (this.#machines) this.#kept = clone;
    else this.#letGo(clone);
  }

  #letGo(clone: Clone): void {
    this.#closing.push(clone.close().catch(() => undefined)); // whoever ends the run has what is left, and tells
  }

  /** What the tests ran in for all, as long as everything comes back; tests that do not pass in it twice get clones of their own. */
  async #allInPlace(mutations: readonly Mutation[]): Promise<void> {
    if (mutations.length === 0) return;
    const { live, host } = this.#proving;
    // What they ran in nobody needs any more.
    let clone =
      live === undefined
        ? await this.#clone()
        : Clone.of({ environment: this.#environment, live, host: await host() }, this.#recording);
    if (live === undefined) for (const test of this.#tests) await clone.run(test);
    const repeatable = new Set<TestRecord>();
    for (const test of this.#tests) if ((await clone.run(test)) === undefined) repeatable.add(test);
    this.#repeatable = repeatable;
    this.#unrepeatable = this.#tests.filter((each) => !repeatable.has(each));
    const left: Mutation[] = [];
    const before = this.#findings.mark;
    clone = await this.#each(mutations, clone, left, false);
    // Where all pass as before, it was the changes that were noticed. Else all is done again, and looked at after each change.
    if ((await clone.noticed([...repeatable])) !== undefined) {
      this.#findings.forget(before);
      left.length = 0;
      clone = await this.#again(clone);
      for (const test of this.#tests) await clone.run(test);
      clone = await this.#each(mutations, clone, left, true);
    }
    this.#done(clone);
    await this.#fresh(left);
  }

  /** Those that nobody noticed whom it takes a clone of its own to ask go to `left`. Answers the clone that is whole at the end. */
  async #each(mutations: readonly Mutation[], first: Clone, left: Mutation[], careful: boolean): Promise<Clone> {
    let clone = first;
    for (const mutation of mutations) {
      const looking = this.#tests.filter((each) => looksAt(each, mutation));
      if (looking.length > 0 && !looking.some((each) => this.#repeatable.has(each))) {
        left.push(mutation);
        continue;
      }
      for (let again = 0; again < 2; again += 1) {
        const began = performance.now();
        const outcome = await this.#inPlace(mutation, clone, careful);
        if (outcome.spoilt) {
          clone = await this.#again(clone);
          for (const test of this.#tests) await clone.run(test);
        }
        if ("refused" in outcome) this.#findings.refuse(mutation.id, outcome.refused);
        else if (outcome.doubtful && again === 0) continue;
        else if (outcome.noticed?.outcome !== "found" && this.#othersLook(mutation)) left.push(mutation);
        else this.#findings.tell(mutation, outcome.noticed, performance.now() - began);
        break;
      }
    }
    return clone;
  }

  /** Whether a test that cannot be run twice asked what this is about. */
  #othersLook({ from, node }: Mutation): boolean {
    return this.#tests.some(
      (each) => !this.#repeatable.has(each) && (from.some((key) => each.keys.has(key)) || each.nodes.has(node)),
    );
  }

  async #inPlace(
    mutation: Mutation,
    clone: Clone,
    careful: boolean,
  ): Promise<
    | { readonly refused: string; readonly spoilt: boolean }
    | { readonly noticed: Noticed | undefined; readonly spoilt: boolean; readonly doubtful: boolean }
  > {
    const made = await clone.change(mutation);
    if ("refused" in made) return { refused: made.refused, spoilt: made.spoilt };
    const asked = this.#ordered(mutation, [...this.#repeatable]);
    const looking = asked.filter((each) => looksAt(each, mutation));
    let noticed = await clone.noticed(looking);
    // What those who look at it bring back themselves, nobody else need be asked about.
    let held = noticed !== undefined || (await clone.holds());
    if (held && noticed?.outcome !== "found") {
      const others = await clone.noticed(asked.filter((each) => !looking.includes(each)));
      if (others?.outcome === "found" || noticed === undefined) noticed = others;
      held = noticed !== undefined || (await clone.holds());
    }
    if (held) await clone.judge(mutation, this.#findings.unsettled(mutation, noticed));
    const back = await clone.undo();
    if (!held) return { refused: undone(mutation), spoilt: !back };
    // It is the change that was noticed only where the same test passes again without it.
    const doubtful = careful && back && noticed !== undefined && (await clone.run(noticed.test)) !== undefined;
    return { noticed, spoilt: !back || doubtful, doubtful };
  }

  /** Who asked what this is about comes first; then those who asked the node for something else. */
  #ordered(mutation: Mutation, tests: readonly TestRecord[]): readonly TestRecord[] {
    const first = tests.filter((each) => looksAt(each, mutation));
    return [...first, ...tests.filter((each) => !first.includes(each) && each.nodes.has(mutation.node))];
  }

  /** Machines are brought back sooner than made. */
  get #machines(): boolean {
    return Object.values(this.#environment.nodes as Record<string, NodeDeclaration>).some(({ kind }) => kind === "vm");
  }

  /** Each in an environment of its own. */
  async #fresh(mutations: readonly Mutation[]): Promise<void> {
    const waiting = [...mutations];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const began = performance.now();
        const outcome = await this.#alone(next);
        if ("refused" in outcome) this.#findings.refuse(next.id, outcome.refused);
        else this.#findings.tell(next, outcome.noticed, performance.now() - began);
      }
    };
    const began = performance.now();
    const before = this.#findings.mark;
    await Promise.all(Array.from({ length: this.#machines ? 1 : atOnce }, work));
    this.#findings.share(before, performance.now() - began);
  }

  async #alone(mutation: Mutation): Promise<{ readonly refused: string } | { readonly noticed: Noticed | undefined }> {
    // With an environment for each test one that looks at it is enough; else each may need what those before it left.
    const rounds = await this.#rounds(mutation);
    let noticed: Noticed | undefined;
    let asked = rounds.length === 0;
    for (const round of rounds) {
      const { tests, environment } = round;
      const { change } = mutation;
      const able = await this.#ableToPass(round);
      if (able.size === 0) continue;
      asked = true;
      let clone: Clone;
      try {
        clone = await (change.way === "declaration"
          ? this.#clone(change.change(environment))
          : this.#clean(environment));
      } catch (error) {
        const [test] = tests;
        if (test === undefined) throw error;
        noticed ??= { outcome: "errored", test, said: messageOf(error) };
        break;
      }
      try {
        if (change.way !== "declaration") {
          const made = await clone.change(mutation);
          if ("refused" in made) return { refused: made.refused };
        }
        const found = await clone.noticed(tests, able);
        if (found?.outcome === "found" || noticed === undefined) noticed = found ?? noticed;
        if (found === undefined && !(await clone.holds())) return { refused: undone(mutation) };
        await clone.judge(mutation, this.#findings.unsettled(mutation, found));
      } finally {
        if (change.way === "declaration") this.#letGo(clone);
        else this.#done(clone);
      }
      if (noticed?.outcome === "found") break;
    }
    return asked ? { noticed } : { refused: "no test that could notice it passes in a clone that nobody changed" };
  }
}

function looksAt({ keys }: TestRecord, { from }: Mutation): boolean {
  return from.some((key) => keys.has(key));
}

interface Round {
  readonly tests: readonly TestRecord[];
  readonly environment: Environment;
  /** They pass in it. */
  readonly proved: boolean;
}
