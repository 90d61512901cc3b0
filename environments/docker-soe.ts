// The studio's standard operating environment in a container, and the ways in which one is run.
import { container, defineEnvironment } from "../harness/index.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";

/** One container, nothing overridden: what `docker run` gives. */
export const dockerSoe = defineEnvironment("docker-soe", {
  nodes: { soe: container({ image: soe, idle: true }) },
});
