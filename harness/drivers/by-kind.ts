// Decides which driver serves a kind of node. The only file that names concrete drivers; each is loaded when asked for.
import type { DockerDriver, DockerDriverOptions } from "./docker.ts";

/** Opens the docker driver. Rejects with `engine-down` when no engine can be found. */
export async function openDockerDriver(options: DockerDriverOptions): Promise<DockerDriver> {
  const { DockerDriver } = await import("./docker.ts");
  return DockerDriver.open(options);
}
