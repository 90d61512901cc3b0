// Decides what is asked of a stand-up. Types alone.
import type { Driver, ImageOrigin, Owner } from "../drivers/driver.ts";
import type { Environment } from "../model/environment.ts";
import type { EventSink } from "../model/event.ts";
import type { NodeWatch } from "../model/health.ts";
import type { BuiltImage } from "../model/image.ts";
import type { Recipe } from "../model/recipe.ts";
import type { Ledger } from "./ledger.ts";

/** What makes images of recipes: the store. */
export interface ImageBuilder {
  build(
    recipe: Recipe,
    options: { say(line: string): void; source?: ImageOrigin; signal?: AbortSignal },
  ): Promise<{ image: BuiltImage; built: boolean; ms: number }>;
}

export interface StandingUp {
  readonly environment: Environment;
  readonly owner: Owner;
  /** Lower-case letters and digits; one of its kind in the run. */
  readonly scope: string;
  /** The spec file it is for; told in events. */
  readonly file?: string | undefined;
  /** Of every kind that the environment's nodes need. */
  readonly drivers: readonly Driver[];
  readonly ledger: Ledger;
  readonly images: ImageBuilder;
  readonly events: EventSink;
  /** Directory for scratch mounts of this stand-up. */
  readonly directory: string;
  /** The run's report directory; evidence is written below it. */
  readonly report: string;
  /**
   * `kind name` of what of it stands already and is not touched; only what is missing is made, and takes part in what is there. What is
   * made is then all that `takeDown` and `leave` are about, and nothing can be brought back.
   */
  readonly stands?: ReadonlySet<string> | undefined;
  /** What could not be stood up is left as it is, as by `leave`. */
  readonly keepBroken?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Who watches the nodes while they stand; nobody where nothing is judged. */
  readonly watch?: NodeWatch | undefined;
}
