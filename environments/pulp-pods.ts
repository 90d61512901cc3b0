// The stand-in for Pulp as pods of Kubernetes, on Qpid: the same images and nodes as in `pulp`, from files that a cluster takes.
import { mongodb } from "../fixtures/mongodb/recipe.ts";
import { pulpApache, pulpBeat, pulpContent, pulpResourceManager, pulpWorker } from "../fixtures/pulp/recipe.ts";
import { qpid } from "../fixtures/qpid/recipe.ts";
import { syslog } from "../fixtures/syslog/recipe.ts";
import { fromPods } from "../harness/index.ts";

/** Of the files below `fixtures/pulp/pods`, or others in the place of some. */
export const podsOf = (name: string, files: readonly string[]) =>
  fromPods(name, {
    context: import.meta.dirname,
    files,
    images: {
      "mongodb:latest": mongodb,
      "qpid:latest": qpid,
      "syslog:latest": syslog,
      "pulp-beat:latest": pulpBeat,
      "pulp-resource-manager:latest": pulpResourceManager,
      "pulp-worker:latest": pulpWorker,
      "pulp-apache:latest": pulpApache,
      "pulp-content:latest": pulpContent,
    },
    nodes: {
      syslog: "syslog/syslogd",
      database: "db/mongodb",
      broker: "msg/qpid",
      content: "content/volumes",
      beat: "beat/beat",
      manager: "manager/manager",
      worker: "content/worker",
      web: "content/apache",
    },
  });

export const pulpPods = podsOf("pulp-pods", ["../fixtures/pulp/pods/*.yaml"]);
