// Decides which sentences can be said about a container's life, as its engine sees it.
import type { ContainerNode, ContainerState } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { about, verdict } from "./question.ts";

/** @example await expect(job).toMeet(state().exitedWith(0), { within: "1m" }); */
export function state() {
  const ask = about<ContainerNode, ContainerState>({
    subject: "container",
    command: "docker inspect --format '{{json .State}}' CONTAINER",
    observe: (node) => node.state(),
  });
  return {
    isRunning: () => ask("is running", (seen) => verdict(seen.status === "running", "running", sayState(seen))),
    isPaused: () => ask("is paused", (seen) => verdict(seen.status === "paused", "paused", sayState(seen))),
    exitedWith: (status: number) =>
      ask(`exited with ${status}`, (seen) =>
        verdict(seen.status === "exited" && seen.exitCode === status, `exited with ${status}`, sayState(seen)),
      ),
    /** Ended because it used more memory than it may. */
    wasKilledForMemory: () =>
      ask("was killed for its memory", (seen) => verdict(seen.oomKilled, "killed for its memory", sayState(seen))),
    /** The engine has started it again by itself, this often at least; and it runs. */
    hasRestarted: (times = 1) =>
      ask(`has been started again ${times === 1 ? "" : `${times} times `}by its engine`, (seen) =>
        verdict(
          seen.status === "running" && seen.restarts >= times,
          `running, started again ${times} times or more`,
          `${sayState(seen)}, started again ${seen.restarts} times`,
        ),
      ),
    /** Its health check says so. A container without one is not met: nothing says that it is healthy. */
    isHealthy: () => ask("is healthy", (seen) => health(seen, "healthy")),
    isUnhealthy: () => ask("is unhealthy", (seen) => health(seen, "unhealthy")),
  };
}

function health(seen: ContainerState, wanted: ContainerState["health"]): Judgement {
  return verdict(
    seen.status === "running" && seen.health === wanted,
    wanted,
    seen.health === "none" ? `${sayState(seen)}, without a health check` : `${sayState(seen)}, ${seen.health}`,
  );
}

function sayState({ status, exitCode, oomKilled }: ContainerState): string {
  const ended = status === "exited" || status === "dead";
  return `${status}${ended ? ` with ${exitCode}` : ""}${oomKilled ? ", killed for its memory" : ""}`;
}
