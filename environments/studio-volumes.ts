// A service whose data are on the studio's storage, and two machines that may run it.

import { box } from "../fixtures/studio-box/recipe.ts";
import { engineHost } from "../fixtures/studio-engine/recipe.ts";
import { nfs, nfsServer } from "../fixtures/studio-nfs/recipe.ts";
import { container, defineEnvironment, vm, volume } from "../harness/index.ts";

/** They need the storage no sooner than the service does. */
const engine = (hostname: string) => vm({ image: engineHost, hostname, memory: "512m", networks: { studio: {} } });
const service = (on: "one" | "two") =>
  container({
    on,
    image: box,
    idle: true,
    user: "1000:1000",
    mounts: { "/data": volume(`on-${on}`) },
    after: ["server"],
  });
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
      // As in `studio-nfs.ts`.
      ready: { port: 2049 },
    }),
    one: engine("vfx-engine-001"),
    two: engine("vfx-engine-002"),
    wiki: service("one"),
    successor: service("two"),
  },
});
