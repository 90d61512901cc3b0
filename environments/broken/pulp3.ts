// Broken twins of Pulp 3: the same nodes, put together otherwise than they have to be.
import { defineEnvironment, volume } from "../../harness/index.ts";
import { pulp3 } from "../pulp3.ts";

/** The content app has files of its own: what the others keep is nowhere for it. */
export const ownFiles = defineEnvironment("broken-pulp3-own-files", {
  networks: { pulp: {} },
  volumes: { files: {}, own: {} },
  nodes: { ...pulp3.nodes, content: { ...pulp3.nodes.content, mounts: { "/var/lib/pulp": volume("own") } } },
});
