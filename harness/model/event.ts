// Decides what is said while a run goes on. The report is a function of these events and of nothing else.

import type { Phase } from "./errors.ts";
import type { FindingKind, Unwatched } from "./health.ts";
import type { Outcome } from "./outcome.ts";
import type { Proof } from "./proof.ts";

/** Milliseconds since the epoch. */
export type Instant = number;

/** An error as it is told to others: already text, already redacted. */
export interface ToldError {
  readonly name: string;
  readonly message: string;
  /** From `HarnessError.code`; absent for assertions and foreign errors. */
  readonly code?: string | undefined;
  /** `file:line:column` in the spec or declaration, relative to the project. */
  readonly at?: string | undefined;
  readonly stack?: string | undefined;
}

/** What became of the wish to have a product's own image in the place of a recipe's. */
export interface Preference {
  readonly recipe: string;
  /** As it is declared: `mongo:7`. */
  readonly reference: string;
  /** Of the image that is used; absent where the recipe's is. */
  readonly imageId?: string;
  readonly why: string;
}

/** A kind of thing that is created and must be gone at the end. */
export type ResourceKind = "container" | "network" | "volume" | "directory" | "domain" | "process" | "partition";

export type RunEvent =
  | {
      readonly event: "run-started";
      readonly at: Instant;
      readonly run: string;
      readonly version: string;
      readonly command: readonly string[];
      readonly host: HostFacts;
      /** Which part of the spec files this run runs, of how many. */
      readonly shard?: Shard;
    }
  /** Versions of an engine that the run came to use, beside those that `run-started` names. */
  | { readonly event: "engines"; readonly at: Instant; readonly engines: HostFacts["engines"] }
  /** A spec file was read: the tests it plans to run. */
  | { readonly event: "planned"; readonly at: Instant; readonly file: string; readonly tests: readonly string[] }
  /** What a spec file was made of when it ran: modules, and what the recipes of its environments read. Absolute paths. */
  | { readonly event: "reads"; readonly at: Instant; readonly file: string; readonly paths: readonly string[] }
  /** Files that a spec file is made of, by content, as they were when they were read; see `store/inputs.ts`. */
  | { readonly event: "inputs"; readonly at: Instant; readonly file: string; readonly inputs: readonly Input[] }
  /** A test passed that failed in earlier runs, on the same inputs and images. */
  | {
      readonly event: "flaky";
      readonly at: Instant;
      readonly file: string;
      readonly test: string;
      /** Runs, the newest first. */
      readonly failedIn: readonly string[];
    }
  /** An image is there, built now or found in the store. */
  | {
      readonly event: "image";
      readonly at: Instant;
      readonly environment?: string;
      readonly recipe: string;
      readonly tag: string;
      readonly recipeDigest: string;
      readonly treeDigest: string;
      readonly imageId: string;
      /** Of a disk's whole file, where the recipe gives one. */
      readonly disk?: string;
      readonly built: boolean;
      readonly ms: number;
      /** What the recipe starts from, in words: `debian bookworm`. */
      readonly from?: string;
      /** What it does to that, a line a step. */
      readonly steps?: readonly string[];
      /** `file:line:column` of the recipe. */
      readonly declaredAt?: string;
    }
  /** What is about to be stood up, as it was declared: said before anything of it is made. */
  | {
      readonly event: "declared";
      readonly at: Instant;
      readonly environment: string;
      readonly scope?: string;
      readonly file?: string;
      readonly layout: Layout;
    }
  /** It was decided whether a preferred image is taken in the place of a recipe's. */
  | ({ readonly event: "preference"; readonly at: Instant } & Preference)
  /** A node, or its environment where `node` is absent, went through a phase; `ms` when it ended. */
  | {
      readonly event: "phase";
      readonly at: Instant;
      readonly environment: string;
      /** Which stand-up of the environment, as in `Standing.scope`; tells several of one run apart. */
      readonly scope?: string;
      /** The spec file it is stood up for. */
      readonly file?: string;
      readonly node?: string;
      readonly phase: Phase;
      readonly state: "started" | "done" | "failed";
      readonly ms?: number;
      readonly detail?: string;
    }
  /** What became known of a live node: how it is reached, on what it runs. Words for people. */
  | {
      readonly event: "node";
      readonly at: Instant;
      readonly environment: string;
      readonly scope?: string;
      readonly node: string;
      readonly facts: Readonly<Record<string, string>>;
    }
  | {
      readonly event: "resource";
      readonly at: Instant;
      readonly environment: string;
      readonly scope?: string;
      readonly kind: ResourceKind;
      readonly name: string;
      readonly id?: string;
      readonly state: "intent" | "live" | "deleting" | "gone" | "leaked";
    }
  | {
      readonly event: "test-started";
      readonly at: Instant;
      readonly file: string;
      readonly test: string;
      readonly environment?: string;
    }
  | {
      readonly event: "check";
      readonly at: Instant;
      readonly file: string;
      readonly test: string;
      readonly node: string;
      readonly title: string;
      readonly negated: boolean;
      readonly outcome: Outcome;
      readonly expected?: string;
      readonly seen?: string;
      readonly command: string;
      readonly reason?: string;
      readonly tries: number;
      readonly ms: number;
    }
  | {
      readonly event: "test-ended";
      readonly at: Instant;
      readonly file: string;
      readonly test: string;
      readonly environment?: string;
      readonly outcome: Outcome;
      readonly reason?: string;
      readonly errors: readonly ToldError[];
      readonly ms: number;
      /** How often the test called `expect`, checks among it. */
      readonly assertions?: number;
    }
  /** A file under the run's `evidence/`; `path` is relative to the run's directory. */
  | {
      readonly event: "evidence";
      readonly at: Instant;
      readonly environment: string;
      readonly scope?: string;
      readonly node: string;
      readonly title: string;
      readonly path: string;
    }
  /** Something that was found of a node without being asked for; `test` where one ran. What is `allowed` fails nothing. */
  | {
      readonly event: "finding";
      readonly at: Instant;
      readonly environment: string;
      readonly scope?: string;
      readonly node: string;
      readonly kind: FindingKind;
      readonly lines: readonly string[];
      readonly file?: string;
      readonly test?: string;
      readonly allowed?: { readonly by: "environment" | "test"; readonly reason: string };
    }
  /** What was watched of a node while it stood, what was not, and what was allowed beforehand, used or not. */
  | {
      readonly event: "watched";
      readonly at: Instant;
      readonly environment: string;
      readonly scope?: string;
      readonly node: string;
      readonly watched: readonly FindingKind[];
      readonly notWatched: readonly Unwatched[];
      readonly optOuts: readonly { readonly kind: FindingKind; readonly reason: string; readonly test?: string }[];
    }
  /** Time that a process of the run took for this, and that no test asked for; more than one are added up. */
  | {
      readonly event: "overhead";
      readonly at: Instant;
      readonly of: "ledger" | "evidence" | "health";
      readonly ms: number;
    }
  /** A stand-up was left as it is, for a person to look at; whether it stays is the supervisor's to decide. */
  | ({ readonly event: "kept"; readonly at: Instant } & KeptStand)
  /** The tests of a spec file were run again on what was changed on purpose. */
  | ({ readonly event: "proved"; readonly at: Instant } & Proof)
  /** Something outside any test went wrong: a spec file that cannot be loaded, vitest that died. */
  | {
      readonly event: "trouble";
      readonly at: Instant;
      readonly file?: string;
      readonly outcome: "errored" | "failed";
      readonly exitCode: 1 | 2 | 3;
      readonly error: ToldError;
    }
  | {
      readonly event: "run-ended";
      readonly at: Instant;
      readonly cancelled?: "SIGINT" | "SIGTERM" | "SIGHUP";
      readonly totals: TeardownTotals;
    };

/** A file by its path, relative to the project, and what is in it; a directory ends in `/`, and what is in it are names. */
export interface Input {
  readonly path: string;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** One of several runs that share the spec files: the `index`th of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

export interface HostFacts {
  readonly hostname: string;
  readonly kernel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly node: string;
  /** Engine versions by name: `docker: "20.10.24 (API 1.41)"`. */
  readonly engines: Readonly<Record<string, string>>;
}

/** What the inventory after teardown found. */
export interface TeardownTotals {
  readonly created: number;
  readonly destroyed: number;
  /** `kind name` of everything of this run that is still there. */
  readonly leaked: readonly string[];
  /** What was left standing on purpose. */
  readonly kept?: KeptTotals;
}

export interface KeptTotals {
  /** When it is taken down by itself; absent: when somebody says so. */
  readonly until?: Instant;
  readonly stands: readonly KeptStand[];
}

/** One stand-up of an environment that outlives its run. */
export interface KeptStand {
  readonly environment: string;
  readonly scope: string;
  readonly nodes: readonly KeptNode[];
  /** `kind name` of all that belongs to it. */
  readonly resources: readonly string[];
  /** What it goes on holding of this machine: names, and amounts of what is shared. */
  readonly claims?: readonly { readonly name: string; readonly amount?: number }[];
}

/** How a kept node is found again: by its name on the engine. */
export interface KeptNode {
  readonly node: string;
  readonly kind: "container" | "vm";
  /** The container's or domain's. */
  readonly name: string;
  /** The machine of the environment whose engine has it. */
  readonly on?: string;
  /** Ports that this host reaches it by, `127.0.0.1:8080 → 80/tcp`, and its addresses. */
  readonly reach?: readonly string[];
}

/** What an environment consists of, as far as a picture of it shows. */
export interface Layout {
  readonly nodes: readonly LayoutNode[];
  readonly networks: readonly { readonly network: string; readonly about?: string }[];
}

export interface LayoutNode {
  readonly node: string;
  readonly kind: "container" | "vm" | "image";
  readonly image: string;
  /** The machine of the environment that carries it. */
  readonly on?: string;
  readonly networks: readonly { readonly network: string; readonly address?: string }[];
  /** `source` in words: `volume data`, `scratch`, `nfs server:/path`. */
  readonly mounts: readonly { readonly at: string; readonly source: string }[];
  /** Ports that the host reaches it by: `127.0.0.1:8080 → 80/tcp`, and disks of machines. */
  readonly extras: readonly string[];
}

/** Where events go. Never throws, never blocks; `flushed` resolves when everything said so far has left this process. */
export interface EventSink {
  say(event: RunEvent): void;
  flushed(): Promise<void>;
}
