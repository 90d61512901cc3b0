// Decides what a fault is: something that a spec breaks on purpose, and that is mended again whatever becomes of the spec.

/**
 * Something that was broken. It ends when it is healed, when its scope does (`await using`), at the latest when the test in which it began
 * ends, and with the environment: also where the run is killed.
 * @example
 * await using cut = await partition(dev, server); // healed when the block ends
 * @example
 * const cut = await partition([one, two], server);
 * await cut.heal();
 */
export interface Fault {
  /** What was broken, for people: `partition of studio/one from studio/two`. */
  readonly title: string;
  /** Mends it. Resolves when it is mended. Idempotent; one that failed may be tried again. */
  heal(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
