// The studio's pages as a compose file describes them.
import { web } from "../fixtures/studio-web/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { fromCompose } from "../harness/index.ts";

export const studioCompose = fromCompose("studio-compose", {
  context: import.meta.dirname,
  file: "../fixtures/studio-compose/compose.yaml",
  images: { "studio-web:latest": web, "studio-soe:latest": soe },
  values: { TITLE: "Dailies" },
  nodes: { server: "web", browser: "browser", first: "first_page" },
});
