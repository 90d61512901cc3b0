// Decides what is kept of what a spec asks while it runs, for `assay prove`: which test asked which node what, which check wanted to know it,
// and what of the answer it read. Changes nothing that the spec sees.
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import type { RunnerTestCase } from "vitest";
import type { Check, Probe, ServiceSubject } from "../model/check.ts";
import type { ImageFacts } from "../model/image.ts";
import type { Node } from "../model/node.ts";
import type { Observation } from "../prove/mutation.ts";

/** A check that a test asked, without what it is part of. */
export interface Asked {
  readonly test: TestRecord;
  readonly node: string;
  /** As whom, where it was another view of the node. */
  readonly user: string | undefined;
  readonly check: Check<Node>;
  readonly negated: boolean;
  /** Observations that it makes. */
  readonly keys: Set<string>;
  /** Members of the answer that it reads. */
  readonly facets: Set<string>;
  /** What it saw where nothing was changed, in its words; and what it was answered, as a digest. */
  readonly seen: string;
  readonly answered: string;
  /** It was not met under some change. */
  canFail: boolean;
  /** How many changes there were of what it is answered. */
  judged: number;
}

export interface TestRecord {
  readonly task: RunnerTestCase;
  /** In which environments it ran. */
  readonly keys: Set<string>;
  /** Names of nodes that it asked for anything. */
  readonly nodes: Set<string>;
  /** How many checks it asked, of any node, also of one that is not watched. */
  checks: number;
  /** It used a node for anything, or read anything of one but what it is called. */
  reached: boolean;
  passed: boolean;
  /** What is done in its name from now on is not done by it: its environment is taken down. */
  ended: boolean;
}

/** Where in the code of a spec something is asked: carried along all that it awaits. */
export interface Scope {
  readonly record: TestRecord;
  readonly leaf?: Asked;
  /** It is run again, on a changed node: nobody is told. */
  readonly again?: true;
  /** What the engine is to have said of the image of a node. */
  readonly retold?: { readonly node: string; readonly change: (facts: ImageFacts) => ImageFacts };
}

interface Seen extends Omit<Observation, "facets" | "titles" | "answer"> {
  answer?: unknown;
  readonly facets: Set<string>;
  readonly titles: string[];
}

/** A test that is run again skips itself: of the change it says nothing. */
export class SkippedAgain extends Error {}

/** How long a check that waits may wait again, on a changed node. */
const mostWithinMs = 1_500;

/** All that was recorded in this process, which runs one spec file. */
export class Recording {
  readonly #scopes = new AsyncLocalStorage<Scope>();
  readonly #watched = new WeakMap<Node, { readonly name: string; readonly user: string | undefined }>();
  readonly #seen = new Map<string, Seen>();
  readonly records = new Map<string, TestRecord>();
  readonly asked: Asked[] = [];

  get observations(): readonly Observation[] {
    return [...this.#seen.values()];
  }

  /** What of it belongs to an environment's tests. */
  of(tasks: readonly RunnerTestCase[]): readonly TestRecord[] {
    return tasks.flatMap(({ id }) => this.records.get(id) ?? []);
  }

  /** Runs a test's body for the first time. */
  async first(task: RunnerTestCase, body: () => Promise<void>): Promise<void> {
    const record: TestRecord = {
      task,
      keys: new Set(),
      nodes: new Set(),
      checks: 0,
      reached: false,
      passed: false,
      ended: false,
    };
    this.records.set(task.id, record);
    try {
      await this.#scopes.run({ record }, body);
      record.passed = true;
    } finally {
      record.ended = true;
    }
  }

  /** What is done for a test before it begins, and not by it: nobody is told. */
  aside<Answer>(work: () => Answer): Answer {
    return this.#scopes.exit(work);
  }

  again<Answer>(scope: Omit<Scope, "again">, body: () => Promise<Answer>): Promise<Answer> {
    return this.#scopes.run({ ...scope, again: true }, body);
  }

  /** Whether what runs now is a test that is run again. */
  get repeating(): boolean {
    return this.#scopes.getStore()?.again === true;
  }

  /** How long a check may wait. */
  within(ms: number): number {
    return this.repeating ? Math.min(ms, mostWithinMs) : ms;
  }

  /** A check was asked by a test that runs for the first time: each of its parts is asked once more, to know what it looks at. */
  async look(node: Node, check: Check<Node>, negated: boolean): Promise<void> {
    const scope = this.#asking;
    if (scope === undefined) return;
    scope.record.checks += 1;
    const known = this.#watched.get(node);
    if (known === undefined) return;
    const parts = negated || check.parts === undefined ? [check] : leaves(check.parts);
    for (const part of parts) {
      const leaf: Asked = {
        test: scope.record,
        node: known.name,
        user: known.user,
        check: part,
        negated,
        keys: new Set(),
        facets: new Set(),
        seen: "",
        answered: "",
        canFail: false,
        judged: 0,
      };
      try {
        const seen = await this.#scopes.run({ ...scope, leaf }, async () => {
          const answer = await part.observe(node);
          if (part.looksAt !== undefined) this.#noteService(node, known.name, part.looksAt, answer);
          return answer;
        });
        const { facets } = leaf;
        const judgement = part.judge(tracked(seen, facets));
        for (const key of leaf.keys) for (const facet of facets) this.#seen.get(key)?.facets.add(facet);
        if ("met" in judgement)
          this.asked.push(Object.assign(leaf, { seen: judgement.seen, answered: digestOf(seen) }));
      } catch {
        // It was met a moment ago; what cannot be asked twice is not looked into.
      }
    }
  }

  /** The node, which tells from now on what it is asked. Idempotent. */
  watch<Watched extends Node>(node: Watched, name: string, user?: string): Watched {
    if (this.#watched.has(node)) return node;
    this.#watched.set(node, { name, user });
    const over = <Arguments extends readonly unknown[], Answer>(
      method: string,
      made: (real: (...words: Arguments) => Answer) => (...words: Arguments) => Answer,
    ) => {
      const own = (node as unknown as Record<string, unknown>)[method];
      if (typeof own !== "function") return;
      Object.defineProperty(node, method, { configurable: true, writable: true, value: made(own.bind(node)) });
    };
    over("observe", (real: Observe) => async (probe, subject) => {
      const seen = this.#note(node, name, probe.name, subject);
      const answer = await real(probe, subject);
      if (seen !== undefined && !("answer" in seen)) seen.answer = answer;
      return answer;
    });
    over("exec", (real: Node["exec"]) => async (...words: Parameters<Node["exec"]>) => {
      // Outside of a check a command is what is done to the node, and not what is asked of it.
      const inCheck = this.#scopes.getStore()?.leaf !== undefined;
      const seen = inCheck ? this.#note(node, name, "command", words[0]) : void this.#touch(name);
      const answer = await real(...words);
      if (seen !== undefined && !("answer" in seen)) seen.answer = { status: answer.status };
      return answer;
    });
    over("image", (real: () => Promise<ImageFacts>) => async () => {
      const scope = this.#scopes.getStore();
      const seen = this.#note(node, name, "image", undefined);
      const facts = await real();
      const { retold } = scope ?? {};
      if (retold?.node === name) return retold.change(facts);
      return seen === undefined ? facts : tracked(facts, seen.facets);
    });
    over("mountSource", (real: (target: string) => string) => (target: string) => {
      this.#note(node, name, "mount source", target);
      return real(target);
    });
    for (const method of [
      "port",
      "address",
      "state",
      "logs",
      "connect",
      "dial",
      "login",
      "agent",
      "stop",
      "restart",
      "console",
    ])
      over(method, (real: (...words: readonly unknown[]) => unknown) => (...words: readonly unknown[]) => {
        this.#note(node, name, method, undefined);
        return real(...words);
      });
    over("as", (real: (user: string) => Node) => (asked: string) => this.watch(real(asked), name, asked));
    for (const [member, has] of membersOf(node)) this.#tellReached(node, member, has);
    return node;
  }

  /** Of whatever a spec takes from a node it is known that it did: the node's carrier, its facts, what only one kind of node can do. */
  #tellReached(node: Node, member: string, has: PropertyDescriptor): void {
    Object.defineProperty(node, member, {
      configurable: true,
      enumerable: has.enumerable ?? false,
      get: () => {
        const scope = this.#asking;
        if (scope !== undefined) scope.record.reached = true;
        return has.get === undefined ? (has.value as unknown) : (has.get.call(node) as unknown);
      },
    });
  }

  #touch(name: string): void {
    this.#asking?.record.nodes.add(name);
  }

  #noteService(node: Node, name: string, { probe, subject }: ServiceSubject, answer: unknown): void {
    const seen = this.#note(node, name, probe, subject);
    if (seen !== undefined && !("answer" in seen)) seen.answer = answer;
  }

  /** `undefined` where nobody listens: outside of tests, and in those that are run again. */
  get #asking(): Scope | undefined {
    const scope = this.#scopes.getStore();
    return scope === undefined || scope.again === true || scope.record.ended ? undefined : scope;
  }

  #note(node: Node, name: string, probe: string, subject: unknown): Seen | undefined {
    const scope = this.#asking;
    if (scope === undefined) return undefined;
    const key = `${node.title}\0${probe}\0${JSON.stringify(subject)}`;
    const seen = this.#seen.get(key) ?? {
      key,
      node: name,
      of: node.kind,
      probe,
      subject,
      facets: new Set(),
      titles: [],
    };
    this.#seen.set(key, seen);
    scope.record.keys.add(key);
    scope.record.nodes.add(name);
    scope.leaf?.keys.add(key);
    if (scope.leaf !== undefined && !seen.titles.includes(scope.leaf.check.title))
      seen.titles.push(scope.leaf.check.title);
    return seen;
  }
}

/** By these a node is known, and nothing is asked of it. */
const names: readonly string[] = ["constructor", "title", "name", "kind"];

/** What a node has, its own first. */
function membersOf(node: Node): ReadonlyMap<string, PropertyDescriptor> {
  const members = new Map<string, PropertyDescriptor>();
  for (let at: object | null = node; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    for (const [member, has] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (!names.includes(member) && !members.has(member)) members.set(member, has);
  return members;
}

/** Tells two answers apart. */
export function digestOf(answer: unknown): string {
  return createHash("sha256").update(inspect(answer, plainly)).digest("base64");
}

/** Long answers are told apart by what they begin with, and by how long they are. */
const plainly = { depth: 8, maxArrayLength: 4096, maxStringLength: 65_536, sorted: true, breakLength: Infinity };

type Observe = (probe: Probe<unknown, unknown>, subject: unknown) => Promise<unknown>;

function leaves(parts: readonly Check<Node>[]): readonly Check<Node>[] {
  return parts.flatMap((part) => (part.parts === undefined ? [part] : leaves(part.parts)));
}

/** The same, but it is noted which members are read: `gid`, `config/cmd`, `config/labels/version`. Lists and what is no plain object are whole. */
function tracked<Answer>(answer: Answer, facets: Set<string>, place = ""): Answer {
  if (
    typeof answer !== "object" ||
    answer === null ||
    ![Object.prototype, null].includes(Object.getPrototypeOf(answer))
  )
    return answer;
  const at = (member: string | symbol) => (typeof member === "string" ? `${place}${member}` : undefined);
  return new Proxy(answer, {
    get(target, member, receiver) {
      const name = at(member);
      const value = Reflect.get(target, member, receiver) as unknown;
      if (name !== undefined) facets.add(name);
      return tracked(value, facets, `${name}/`);
    },
  });
}

let current: Recording | undefined;

/** The recording of this process; begun by whoever asks with `true` first. */
export function recording(begin: true): Recording;
export function recording(begin?: boolean): Recording | undefined;
export function recording(begin = false): Recording | undefined {
  if (begin) current ??= new Recording();
  return current;
}
