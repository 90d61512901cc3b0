// Decides that questions to a tree of files which are asked in one tick go together, as they do over a shell.
import type { Probe } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import type { FileTree } from "../model/tree.ts";

interface Asked {
  readonly subject: unknown;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

/** @example await new TreeQuestions(tree, "soe/image").ask(fileStat, "/etc/passwd") */
export class TreeQuestions {
  readonly #tree: FileTree;
  readonly #node: string;
  #asked = new Map<Probe<never, unknown>, Asked[]>();

  constructor(tree: FileTree, node: string) {
    this.#tree = tree;
    this.#node = node;
  }

  /** For probes with `fromTree`. Rejects as a probe over a shell does. */
  ask<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<Answer> {
    if (this.#asked.size === 0) setImmediate(() => this.#flush());
    return new Promise<Answer>((resolve, reject) => {
      const asked = this.#asked.get(probe as Probe<never, unknown>) ?? [];
      asked.push({ subject, resolve, reject });
      this.#asked.set(probe as Probe<never, unknown>, asked);
    });
  }

  #flush(): void {
    const all = this.#asked;
    this.#asked = new Map();
    for (const [probe, asked] of all) {
      this.#answer(probe, asked).catch((error: unknown) => {
        for (const { reject } of asked) reject(error);
      });
    }
  }

  async #answer(probe: Probe<never, unknown>, asked: readonly Asked[]): Promise<void> {
    const answers = await probe.fromTree?.(this.#tree, asked.map(({ subject }) => subject) as never[]);
    if (answers?.length !== asked.length)
      throw new ObservationError({
        code: "no-answer",
        phase: "observe",
        node: this.#node,
        seen: `probe ${probe.name} gave ${answers?.length ?? 0} answers to ${asked.length} questions`,
      });
    for (const [index, { resolve, reject }] of asked.entries()) {
      const answer = answers[index];
      answer instanceof Error ? reject(answer) : resolve(answer as never);
    }
  }
}
