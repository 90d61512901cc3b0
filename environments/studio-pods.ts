// The studio's pages as pods of Kubernetes: what runs in a cluster is proved here, from the same files.
import { web } from "../fixtures/studio-web/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { fromPods } from "../harness/index.ts";

export const studioPods = fromPods("studio-pods", {
  context: import.meta.dirname,
  files: ["../fixtures/studio-pods/*.yaml"],
  images: { "studio-web:latest": web, "studio-soe:latest": soe },
  nodes: { server: "web/server", editor: "web/editor", browser: "client/browser" },
});
