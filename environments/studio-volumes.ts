// A service whose data are on the studio's storage, and two machines that may run it.
import { engineHost } from "../fixtures/studio-engine/recipe.ts";
import { nfs, nfsServer } from "../fixtures/studio-nfs/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { container, defineEnvironment, vm, volume } from "../harness/index.ts";

const stored = { nfs: { server: nfs.server, path: nfs.path, options: ["hard"] } };

export const studioVolumes = defineEnvironment("studio-volumes", {
  networks: { studio: { subnet: nfs.clients, domain: "studio.example" } },
  // The same data: each engine has a volume of its own for them.
  volumes: { "on-one": stored, "on-two": stored },
  nodes: {
    server: vm({
      image: nfsServer,
      hostname: nfs.server,
      networks: { studio: {} },
      ready: { unit: "nfs-server.service" },
    }),
    one: vm({
      image: engineHost,
      hostname: "vfx-engine-001",
      memory: "512m",
      networks: { studio: {} },
      after: ["server"],
    }),
    two: vm({
      image: engineHost,
      hostname: "vfx-engine-002",
      memory: "512m",
      networks: { studio: {} },
      after: ["server"],
    }),
    wiki: container({ on: "one", image: soe, idle: true, user: "1000:1000", mounts: { "/data": volume("on-one") } }),
    successor: container({
      on: "two",
      image: soe,
      idle: true,
      user: "1000:1000",
      mounts: { "/data": volume("on-two") },
    }),
  },
});
