// Decides what is kept of one watched node: what was found and not yet told, what could not be watched, what may be found. Pure.
import type { Instant } from "../model/event.ts";
import { type Finding, type FindingKind, findingKinds, type Tolerates, type Unwatched } from "../model/health.ts";

/** A finding more than so many lines long is cut: the evidence has the rest. */
const mostLines = 20;

export class NodeRecord {
  readonly name: string;
  readonly title: string;
  readonly tolerates: NonNullable<Tolerates>;
  readonly #pending = new Map<FindingKind, { at: Instant; lines: string[]; more: number }>();
  readonly #unwatched = new Map<string, Set<FindingKind>>();
  /** By kind: the tests that said so. */
  readonly #provoked = new Map<FindingKind, Set<string>>();

  constructor(about: { name: string; title: string; tolerates: Tolerates }) {
    this.name = about.name;
    this.title = about.title;
    this.tolerates = about.tolerates ?? {};
  }

  /** Lines of one kind that come before they are taken are one finding. */
  found(kind: FindingKind, at: Instant, lines: readonly string[]): void {
    const known = this.#pending.get(kind) ?? { at, lines: [], more: 0 };
    this.#pending.set(kind, known);
    for (const line of lines)
      if (known.lines.length < mostLines) {
        if (!known.lines.includes(line)) known.lines.push(line);
      } else known.more += 1;
  }

  /** What was found since it was taken last. */
  take(): readonly Finding[] {
    const taken = [...this.#pending].map(([kind, { at, lines, more }]) => ({
      kind,
      at,
      lines: more === 0 ? lines : [...lines, `(and ${more} lines more)`],
    }));
    this.#pending.clear();
    return taken;
  }

  notWatched(kinds: readonly FindingKind[], reason: string): void {
    const known = this.#unwatched.get(reason) ?? new Set();
    this.#unwatched.set(reason, known);
    for (const kind of kinds) known.add(kind);
  }

  provoke(kinds: readonly FindingKind[], test: string): void {
    for (const kind of kinds) this.#provoked.set(kind, (this.#provoked.get(kind) ?? new Set()).add(test));
  }

  /** Why a finding of a test, or outside of any, fails nothing; `undefined` where it does. */
  allowed(kind: FindingKind, tests: readonly string[]): { by: "environment" | "test"; reason: string } | undefined {
    const reason = this.tolerates[kind];
    if (reason !== undefined) return { by: "environment", reason };
    const provoking = tests.find((test) => this.#provoked.get(kind)?.has(test));
    return provoking === undefined ? undefined : { by: "test", reason: "the test provokes it" };
  }

  /** Each kind is watched, in part at least, or has a reason why it is not. */
  facts(watched: readonly FindingKind[]): {
    readonly watched: readonly FindingKind[];
    readonly notWatched: readonly Unwatched[];
    readonly optOuts: readonly { readonly kind: FindingKind; readonly reason: string; readonly test?: string }[];
  } {
    const notWatched = [...this.#unwatched].map(([reason, kinds]) => ({ kinds: [...kinds], reason }));
    const open = findingKinds.filter(
      (kind) => !watched.includes(kind) && !notWatched.some(({ kinds }) => kinds.includes(kind)),
    );
    return {
      watched,
      notWatched: [...notWatched, ...(open.length === 0 ? [] : [{ kinds: open, reason: "nobody was asked yet" }])],
      optOuts: [
        ...Object.entries(this.tolerates).map(([kind, reason]) => ({
          kind: kind as FindingKind,
          reason: reason ?? "",
        })),
        ...[...this.#provoked].flatMap(([kind, tests]) =>
          [...tests].map((test) => ({ kind, reason: "the test provokes it", test })),
        ),
      ],
    };
  }
}
