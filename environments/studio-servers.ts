// Two that are to be the studio's servers, and a desk that is none.
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { container, defineEnvironment } from "../harness/index.ts";

const image = { image: soe, idle: true } as const;

export const studioServers = defineEnvironment("studio-servers", {
  nodes: { one: container(image), two: container({ ...image, user: "1000:1000" }), desk: container(image) },
});
