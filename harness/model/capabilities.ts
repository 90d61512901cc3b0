// Decides what a host can be able to do, and how a "no" is told: never without its cause and its remedy.

/** A static busybox that containers are looked into with: its path on the engine's machine, or why there is none and what to do. */
export type Busybox =
  | { readonly path: string; readonly missing?: never }
  | { readonly path?: never; readonly missing: string };

/** One line of `assay doctor`. */
export interface Finding {
  /** `docker engine`, `SELinux` */
  readonly what: string;
  readonly can: "yes" | "no" | "unknown";
  /** `20.10.24, API 1.41`; for a "no", what was seen. */
  readonly detail: string;
  /** Why not; always there for a "no". */
  readonly cause?: string;
  /** The command or change that mends it; always there for a "no", even if it is "use another host". */
  readonly remedy?: string;
  /** Whether `assay run` of container specs is impossible without it. */
  readonly needed: boolean;
}
