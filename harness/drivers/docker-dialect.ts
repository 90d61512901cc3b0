// Decides which engine speaks the docker API, and holds every difference between them that a run could notice. Nothing else asks
// "is this podman?".
import type Docker from "dockerode";

/** How an engine that speaks the docker API differs from docker itself. */
export interface Dialect {
  /** `docker`, `podman` */
  readonly name: "docker" | "podman";
  /**
   * What becomes of a program whose connection is cut. Docker closes its streams, and it ends when it writes; podman's conmon
   * goes on reading, so that a program that only writes goes on for ever, at full speed.
   */
  readonly cut: "ends" | "stays";
}

const dialects = {
  docker: { name: "docker", cut: "ends" },
  podman: { name: "podman", cut: "stays" },
} as const satisfies Record<string, Dialect>;

/**
 * By the engine's answer to `GET /version`: podman names itself among its components.
 * @example dialectOf({ Components: [{ Name: "Podman Engine" }] }).name // "podman"
 */
export function dialectOf(version: Pick<Docker.DockerVersion, "Components">): Dialect {
  return version.Components?.some(({ Name }) => /podman/i.test(Name)) === true ? dialects.podman : dialects.docker;
}
