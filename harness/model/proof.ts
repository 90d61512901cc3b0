// Decides how it is told what a spec noticed of changes made on purpose. Plain data: it travels as an event.

/** What of a node or of its environment a change is about. */
export const mutationKinds = [
  "file",
  "package",
  "user",
  "group",
  "inventory",
  "system",
  "command",
  "service",
  "process",
  "port",
  "database",
  "queue",
  "label",
  "image",
  "mount",
  "environment",
] as const;

export type MutationKind = (typeof mutationKinds)[number];

/** One change, and who noticed it. */
export interface Mutant {
  /** The same in every spec of the environment: `soe: take /etc/hosts away`. */
  readonly id: string;
  readonly node: string;
  readonly kind: MutationKind;
  /** `found`: a test failed. `errored`: none failed, and one could not ask. `survived`: all passed. */
  readonly outcome: "found" | "errored" | "survived";
  /** The test that noticed it, and its first words. */
  readonly by?: { readonly test: string; readonly said: string };
  /** Of one that survived: the check that looked at the same subject. */
  readonly nearest?: { readonly title: string; readonly seen: string; readonly changed: boolean };
  readonly ms: number;
}

/** What one spec file's tests in one environment noticed. */
export interface Proof {
  /** Relative to the project. */
  readonly file: string;
  readonly environment: string;
  readonly mutants: readonly Mutant[];
  /** Changes that were wanted and not made, with the reason: what is shared with others is never changed. */
  readonly refused: readonly { readonly id: string; readonly why: string }[];
  /** Checks that were met under every change of their own subject; by test. */
  readonly alwaysTrue: readonly { readonly test: string; readonly title: string; readonly mutants: number }[];
  /** Checks for whose subject no change is known, or none could be made: nothing is said of them. */
  readonly unproven: readonly { readonly test: string; readonly title: string; readonly probes: readonly string[] }[];
  /** Tests that passed and observe nothing: they asked nothing of any node, whatever they asserted, or made no check and no assertion. */
  readonly hollow: readonly { readonly test: string; readonly why: string }[];
  /** Tests that do not pass a second time in the same environment: each change had a fresh one for them. None where none was run again there. */
  readonly unrepeatable: readonly string[];
  /** All of it, stand-ups included. */
  readonly ms: number;
}
