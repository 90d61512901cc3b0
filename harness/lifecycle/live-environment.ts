// Decides what can be done with an environment that stands.
import type { KeptStand } from "../model/event.ts";
import type { BuiltImage } from "../model/image.ts";
import type { Node } from "../model/node.ts";

export interface LiveEnvironment {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly images: ReadonlyMap<string, BuiltImage>;
  /**
   * Brings all nodes back to the moment at which the environment was ready, in place, and heals what is broken. Absent where some cannot:
   * those are taken down and stood up again.
   */
  readonly rewind?: () => Promise<void>;
  /** Mends what a test broke and left so: see `faults.ts`. Nothing broken is success. */
  heal(): Promise<void>;
  /** Evidence first, then everything is removed, in reverse. Idempotent. Rejects with a `TeardownError` when something could not be. */
  takeDown(): Promise<void>;
  /**
   * Evidence, and then nothing is removed: a `kept` event tells what stays, and how it is reached. Whether it does is for whoever
   * owns the run to decide; without a lease it goes with the run. `takeDown` does nothing any more. Never rejects. Without
   * `evidence` where nothing went wrong.
   */
  leave(options?: { readonly evidence?: boolean }): Promise<KeptStand>;
}
