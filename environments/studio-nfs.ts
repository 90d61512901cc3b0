// The studio's storage and who works on it, on the studio's network; and a machine that has no business there.
import { nfs, nfsClient, nfsServer } from "../fixtures/studio-nfs/recipe.ts";
import { defineEnvironment, vm } from "../harness/index.ts";

/** The server is on both networks; of its clients' addresses only those of the studio's are let in. */
export const studioNfs = defineEnvironment("studio-nfs", {
  networks: { studio: { subnet: nfs.clients, domain: "studio.example" }, guests: { internal: true } },
  nodes: {
    server: vm({
      image: nfsServer,
      hostname: nfs.server,
      networks: { studio: { mac: "02:00:00:00:00:fe", address: "172.16.0.2" }, guests: {} },
      // At the end of its boot, and no sooner: only then may the next start from its memory.
      ready: { port: 2049 },
    }),
    dev: vm({
      image: nfsClient,
      count: 2,
      name: (number) => `vfx-dev-00${number}`,
      // A server tells its clients apart by what they call themselves: two of one name take each other's locks.
      hostname: (number) => `vfx-dev-00${number}`,
      networks: { studio: { mac: (number) => `02:00:00:00:00:0${number}` } },
      after: ["server"],
    }),
    guest: vm({
      image: nfsClient,
      networks: { guests: { mac: "02:00:00:00:01:01" } },
      after: ["server"],
      tolerates: { "unit-failed": "it is refused, also by what mounts at its boot: that is asserted" },
    }),
  },
});
