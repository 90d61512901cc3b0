// Decides what a check and a probe are. A check touches a node in `observe` only; `judge` is pure.

import type { Node } from "./node.ts";
import type { Judgement } from "./outcome.ts";
import type { FileTree } from "./tree.ts";

/**
 * A titled question to a node. `N` is the narrowest kind of node it can be asked of: an image check wants a container.
 *
 * `observe` rejects with an `ObservationError` or `TransportError` when it could not ask; it never turns that into an
 * answer. It may be called many times, and concurrently. `judge` is pure, total and quick.
 *
 * @example
 * const check: Check<Node, FileStat> = {
 *   title: "/etc/passwd has mode 0644",
 *   command: "stat /etc/passwd",
 *   observe: (node) => node.observe(stat, "/etc/passwd"),
 *   judge: (seen) => ({ met: seen.mode === 0o644, expected: "0644", seen: seen.mode.toString(8) }),
 * };
 */
export interface Check<N extends Node = Node, Seen = unknown> {
  /** A sentence that is true when the check is met: `file /vfx/a is owned by 1000:1000`. */
  readonly title: string;
  /** What a person would run on the node to see the same; shown when the check is not met. */
  readonly command: string;
  observe(node: N): Promise<Seen>;
  judge(seen: Seen): Judgement;
  /** For `all`: the checks it stands for, each of which is reported by itself. */
  readonly parts?: readonly Check<N>[];
  /** What of a service it looks at, where it asks by the service's own protocol: that is no probe's subject, and `assay prove` changes it. */
  readonly looksAt?: ServiceSubject;
}

/** What is asked of a service. Plain data; `probe` says whose the subject is, as a probe's name does: `redis`. */
export interface ServiceSubject<Probe extends string = string, Subject = unknown> {
  readonly probe: Probe;
  readonly subject: Subject;
}

/**
 * How one kind of fact is read off a node by a shell. Probes of one kind asked for in the same tick become one call of
 * `script` with all their subjects, and all kinds travel as one script: a check is never a round trip of its own.
 *
 * @example see `checks/file.ts`, whose probe reads any number of files with one `stat`.
 */
export interface Probe<Subject, Answer> {
  readonly name: string;
  /** Its answers are bytes of files, with as many lines in them as there are: `parse` makes no text of each. */
  readonly anyLines?: boolean;
  /**
   * POSIX shell text that prints the answer for all subjects. Subjects are words of input: quote each with `quoteWord`.
   * Runs in a subshell with standard input empty; its exit status is reported in the answer.
   */
  script(subjects: readonly Subject[]): string;
  /**
   * One answer a subject, in their order. An `Error` in the list rejects that subject's observation alone; throwing
   * rejects all. Pure: tested on recorded output.
   */
  parse(output: ProbeOutput, subjects: readonly Subject[]): readonly (Answer | Error)[];
  /**
   * The same answers, read off the files alone: for an image at rest, and for a container whose image has no tools. Absent where
   * files do not tell: such a probe needs a running node.
   */
  fromTree?(tree: FileTree, subjects: readonly Subject[]): Promise<readonly (Answer | Error)[]>;
}

export interface ProbeOutput {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly status: number;
}

/** `'it'\''s'`: one word for a POSIX shell, whatever it holds. NUL cannot be a word and is refused. */
export function quoteWord(word: string): string {
  if (word.includes("\0")) throw new RangeError("a shell word cannot hold NUL");
  return `'${word.replaceAll("'", "'\\''")}'`;
}
