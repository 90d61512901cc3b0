// The studio's name server, and who is published on it: forward and reverse, by its key.
import { nameServer, zones } from "../fixtures/studio-dns/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { container, defineEnvironment, secret } from "../harness/index.ts";

/** Who has it changes the studio's names. */
export const nameKey = {
  name: zones.key,
  secret: secret("studio name key", "b25seS1pbi10aGlzLXN0dWRpby0yMDI2LTExLTIyISE="),
};

/** `dev` asks the studio's server as every program does; `stranger` has the tools to change names, and no key. */
export const studioDns = defineEnvironment("studio-dns", {
  networks: {
    studio: {
      subnet: zones.subnet,
      domain: zones.domain,
      publish: { server: "names", key: nameKey, ttl: 60 },
    },
  },
  nodes: {
    names: container({
      image: nameServer,
      env: { DNS_SECRET: nameKey.secret },
      networks: { studio: { address: zones.server } },
      ready: { log: / running$/ },
    }),
    dev: container({
      image: soe,
      idle: true,
      hostname: "vfx-dev-001",
      dns: [zones.server],
      networks: { studio: { aliases: ["licences"] } },
    }),
    stranger: container({ image: nameServer, idle: true, networks: ["studio"] }),
  },
});
