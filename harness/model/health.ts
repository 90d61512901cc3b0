// Decides what can be wrong with a node that nobody asked about, by stable names, and how it is said that it may be. Data only.
import { z } from "zod";
import type { Instant } from "./event.ts";
import type { Death, Node } from "./node.ts";

/**
 * What is found of a node without being asked for. `core-dump`: a process ended by a signal that says "broken" and is no segfault (SIGABRT,
 * SIGBUS, SIGFPE, SIGILL, SIGTRAP), or left a core. `exited`: it ended by itself, and nothing starts it again. `restart-loop`: it ended by
 * itself again and again.
 */
export const findingKinds = [
  "kernel-panic",
  "kernel-oops",
  "oom-kill",
  "segfault",
  "core-dump",
  "unit-failed",
  "filesystem-error",
  "avc-denial",
  "restart-loop",
  "exited",
] as const;
export type FindingKind = (typeof findingKinds)[number];

/** One thing that was found. */
export interface Finding {
  readonly kind: FindingKind;
  /** When it was seen, which is later than it happened where it had to be asked for. */
  readonly at: Instant;
  /** In the words of the kernel, the engine or the unit manager. */
  readonly lines: readonly string[];
}

/** What of a node is not watched, and why. */
export interface Unwatched {
  readonly kinds: readonly FindingKind[];
  readonly reason: string;
}

/** Something that a driver hears of a node without asking. `meant`: it is declared to end. */
export type Sign =
  /** It has ended; how is being asked, and `ended` follows. */
  | { readonly sign: "ending"; readonly at: Instant }
  | {
      readonly sign: "ended";
      readonly at: Instant;
      readonly death: Death;
      readonly words: string;
      readonly meant: boolean;
    }
  /** A verb of its own ended it. */
  | { readonly sign: "over"; readonly at: Instant }
  /** Its driver lost it, for a reason that is not its own. */
  | { readonly sign: "lost"; readonly at: Instant; readonly words: string }
  | { readonly sign: "oom"; readonly at: Instant }
  /** A machine's guest started again by itself. */
  | { readonly sign: "restarted"; readonly at: Instant }
  /** A command of the spec's died of a signal. */
  | { readonly sign: "signalled"; readonly at: Instant; readonly signal: NodeJS.Signals; readonly words: string }
  /** A whole line of a machine's console. */
  | { readonly sign: "console"; readonly at: Instant; readonly line: string };

export type HeardSign = (sign: Sign) => void;

/** Who is told of each node as soon as it is ready, and may listen to it. Never throws. */
export interface NodeWatch {
  /** `listen` calls what it is given for each sign from now on. A node that is ready anew is told anew. */
  ready(node: Node, listen: (heard: HeardSign) => void): void;
}

const reason = z.string().trim().min(3, "say why, in words");

/** An option of nodes. Kind → why. */
export const tolerates = z.partialRecord(z.enum(findingKinds), reason).optional();
export type Tolerates = z.output<typeof tolerates>;
