// The stand-in for Pulp on the engine of a machine: what a test changes of it, in files, in memory and between its parts, is brought back
// with that machine.
import { engineHost } from "../fixtures/studio-engine/recipe.ts";
import { defineEnvironment, vm } from "../harness/index.ts";
import { pulpNodes } from "./pulp.ts";

/** Emulated, the engine loads the images for minutes, and a role's program begins in one. */
const within = "20m";

export const pulpMachine = defineEnvironment("pulp-machine", {
  // Its engine is started once there is a network, or two minutes later.
  networks: { pulp: {}, lan: {} },
  volumes: { "log-socket": {} },
  nodes: {
    engine: vm({
      image: engineHost,
      hostname: "vfx-engine-003",
      memory: "2g",
      vcpus: 2,
      networks: ["lan"],
      ready: { within },
    }),
    ...pulpNodes("rabbitmq", { on: "engine", within }),
  },
});
