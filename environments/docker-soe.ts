// The studio's standard operating environment in containers: as `docker run` gives it, and the ways in which it is used.
import { registry } from "../fixtures/registry/recipe.ts";
import { web } from "../fixtures/studio-web/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import { container, defineEnvironment, scratch, secret, tmpfs, volume } from "../harness/index.ts";

/** One container, nothing overridden. */
export const dockerSoe = defineEnvironment("docker-soe", {
  nodes: { soe: container({ image: soe, idle: true }) },
});

/** Names as a container has them from its host, and with each of them overridden. */
export const dockerNames = defineEnvironment("docker-names", {
  networks: { studio: {} },
  nodes: {
    inherited: container({ image: soe, idle: true }),
    overridden: container({
      image: soe,
      idle: true,
      hostname: "milla",
      dns: ["192.0.2.53", "192.0.2.54"],
      dnsSearch: ["studio.example"],
      dnsOptions: ["ndots:2", "timeout:1"],
      hosts: { "render-01": "192.0.2.7" },
    }),
    neighbour: container({ image: soe, idle: true, networks: { studio: { aliases: ["licences"] } } }),
    asker: container({ image: soe, idle: true, networks: ["studio"] }),
  },
});

/** Three kinds of storage, each seen by a first container and by one that comes later. */
export const dockerStorage = defineEnvironment("docker-storage", {
  volumes: { films: {} },
  nodes: {
    writer: container({
      image: soe,
      idle: true,
      mounts: { "/films": volume("films"), "/vfx": scratch(), "/cache": tmpfs({ size: "16m", mode: 0o1777 }) },
    }),
    reader: container({
      image: soe,
      idle: true,
      volumesFrom: [{ node: "writer", readOnly: true }],
      mounts: { "/cache": tmpfs({ size: "16m" }) },
    }),
    later: container({ image: soe, idle: true, mounts: { "/films": volume("films") } }),
  },
});

const shared = scratch({ mode: 0o777 });

/** Who a file belongs to: made by root, by a user without a passwd entry, by the user that the image names. */
export const dockerOwnership = defineEnvironment("docker-ownership", {
  nodes: {
    root: container({ image: soe, idle: true, mounts: { "/vfx": shared } }),
    artist: container({
      image: soe,
      idle: true,
      user: "1000:1000",
      mounts: {
        "/vfx": shared,
        "/own": scratch({ owner: { uid: 1000, gid: 1000 }, mode: 0o750 }),
        "/locked": scratch(),
      },
    }),
    studio: container({ image: web, idle: true, mounts: { "/vfx": shared } }),
  },
});

/** A daemon under its image's own entrypoint. Whether it gets ready is for the specs to say: it is the image that is judged. */
export const dockerWeb = defineEnvironment("docker-web", {
  nodes: { web: container({ image: web, ports: [8080], stopTimeout: "5s" }) },
});

/** A registry with a login, on loopback, and the image that is pushed to it. */
export const dockerRegistry = defineEnvironment("docker-registry", {
  nodes: {
    soe: container({ image: soe, idle: true }),
    registry: container({
      image: registry,
      env: { REGISTRY_USER: "ops", REGISTRY_PASSWORD: secret("registry password", "only-on-loopback-0910") },
      ports: [5000],
      ready: { port: 5000, within: "30s" },
    }),
  },
});
