// Broken twins of pods: the same, but for one thing that somebody wrote otherwise.
import { defineEnvironment, scratch } from "../../harness/index.ts";
import { pulpPods } from "../pulp-pods.ts";
import { studioPods } from "../studio-pods.ts";

const { web, ...others } = pulpPods.nodes;

/** The web server has an emptyDir in the claim, where workers publish. */
export const webApart = defineEnvironment("broken-pulp-pods-web-apart", {
  networks: { pods: {} },
  nodes: { ...others, web: { ...web, mounts: { ...web.mounts, "/var/www/pub": scratch({ mode: 0o777 }) } } },
});

const { server } = studioPods.nodes;

/** `restartPolicy: Never`. */
export const neverReplaced = defineEnvironment("broken-studio-pods-never-replaced", {
  networks: { pods: {} },
  nodes: { ...studioPods.nodes, server: { ...server, restart: undefined } },
});
