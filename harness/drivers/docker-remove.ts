// Decides how a container is removed: at once, and whoever shares its network before it where the engine wants that: docker lets it go
// first, podman not before those have gone.
import type Docker from "dockerode";
import { messageOf } from "../model/errors.ts";
import { spokenBy } from "./docker-dialect.ts";
import { isGone } from "./docker-engine.ts";

/** How long whoever removes the others may take: what cannot be removed is told, and waited for no longer. */
const mostWaitMs = 60_000;

/** Removes a container with its anonymous volumes; where others depend on it, once whoever removes those has done so. */
export async function removeContainer(docker: Docker, name: string): Promise<void> {
  const container = docker.getContainer(name);
  const remove = () => container.remove({ force: true, v: true });
  // One that does not run is removed all the same, and what else keeps it from being killed is told by its removal.
  if ((await spokenBy(docker)).removal === "stops") await container.kill().catch(() => undefined);
  try {
    await remove();
  } catch (error) {
    const dependent = dependentIn(messageOf(error));
    if (dependent.length === 0) throw error;
    const abortSignal = AbortSignal.timeout(mostWaitMs);
    await Promise.all(
      dependent.map((id) =>
        docker
          .getContainer(id)
          .wait({ condition: "removed", abortSignal })
          .catch((failed: unknown) => {
            if (!isGone(failed)) throw abortSignal.aborted ? error : failed;
          }),
      ),
    );
    await remove();
  }
}

/**
 * Ids of the containers that stand in the way, by podman's words.
 * @example dependentIn("container 0a… has dependent containers which must be removed before it: 1b…, 2c…: container already exists")
 */
export function dependentIn(message: string): readonly string[] {
  const [, ids = ""] = /dependent containers which must be removed before it: ([0-9a-f, ]+)/.exec(message) ?? [];
  return ids.split(", ").filter((id) => id !== "");
}
