// Broken twins of the environments: each is a good one with one defect, the one that a spec is there to find.

import { registry } from "../../fixtures/registry/recipe.ts";
import { web } from "../../fixtures/studio-web/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { bind, container, defineEnvironment, scratch, secret, tmpfs, volume } from "../../harness/index.ts";
import { dockerNames, dockerOwnership, dockerStorage } from "../docker-soe.ts";

const { inherited, asker } = dockerNames.nodes;
const { writer, reader, later } = dockerStorage.nodes;
const { root, artist, studio } = dockerOwnership.nodes;

/** Nothing is overridden, and the neighbour answers to no alias. */
export const plainNames = defineEnvironment("broken-plain-names", {
  networks: { studio: {} },
  nodes: {
    inherited,
    asker,
    overridden: container({ image: soe, idle: true }),
    neighbour: container({ image: soe, idle: true, networks: ["studio"] }),
  },
});

/** The container asks name servers of its own where it should ask the host's. */
export const foreignDns = defineEnvironment("broken-foreign-dns", {
  networks: { studio: {} },
  nodes: { ...dockerNames.nodes, inherited: container({ image: soe, idle: true, dns: ["192.0.2.1"] }) },
});

/** The films are in memory, where nobody else finds them. */
export const volumeInMemory = defineEnvironment("broken-volume-in-memory", {
  volumes: { films: {} },
  nodes: {
    reader,
    later,
    writer: container({ image: soe, idle: true, mounts: { ...writer.mounts, "/films": tmpfs() } }),
  },
});

/** The cache is on disk, without a limit, and outlives what it should not. */
export const cacheOnDisk = defineEnvironment("broken-cache-on-disk", {
  volumes: { films: {} },
  nodes: {
    reader,
    later,
    writer: container({ image: soe, idle: true, mounts: { ...writer.mounts, "/cache": scratch({ mode: 0o1777 }) } }),
  },
});

/** Who should only read may write. */
export const writableReader = defineEnvironment("broken-writable-reader", {
  volumes: { films: {} },
  nodes: {
    writer,
    later,
    reader: container({
      image: soe,
      idle: true,
      volumesFrom: ["writer"],
      mounts: { "/cache": tmpfs({ size: "16m" }) },
    }),
  },
});

/** The later container has a volume of another name. */
export const otherVolume = defineEnvironment("broken-other-volume", {
  volumes: { films: {}, trailers: {} },
  nodes: { writer, reader, later: container({ image: soe, idle: true, mounts: { "/films": volume("trailers") } }) },
});

/** What is written to /vfx stays on the host, for whoever comes next. */
export const keptStorage = defineEnvironment("broken-kept-storage", {
  volumes: { films: {} },
  nodes: {
    reader,
    later,
    writer: container({ image: soe, idle: true, mounts: { ...writer.mounts, "/vfx": bind("/var/tmp") } }),
  },
});

/** Root is not root. */
export const rootIsArtist = defineEnvironment("broken-root-is-artist", {
  nodes: { artist, studio, root: container({ image: soe, idle: true, user: "1000:1000", mounts: root.mounts }) },
});

/** The artist is somebody else. */
export const otherArtist = defineEnvironment("broken-other-artist", {
  nodes: {
    root,
    studio,
    artist: container({
      image: soe,
      idle: true,
      user: "1001:1000",
      mounts: { ...artist.mounts, "/own": scratch({ owner: { uid: 1001, gid: 1000 } }) },
    }),
  },
});

/** The artist's directory is root's, and root's is everybody's. */
export const wrongDirectories = defineEnvironment("broken-wrong-directories", {
  nodes: {
    root,
    studio,
    artist: container({
      image: soe,
      idle: true,
      user: "1000:1000",
      mounts: { ...artist.mounts, "/own": scratch(), "/locked": scratch({ mode: 0o777 }) },
    }),
  },
});

/** The studio's container runs as root, whatever its image says. */
export const studioAsRoot = defineEnvironment("broken-studio-as-root", {
  nodes: { root, artist, studio: container({ image: web, idle: true, user: "0:0", mounts: studio.mounts }) },
});

/** The registry knows another password. */
export const otherPassword = defineEnvironment("broken-other-password", {
  nodes: {
    soe: container({ image: soe, idle: true }),
    registry: container({
      image: registry,
      env: { REGISTRY_USER: "ops", REGISTRY_PASSWORD: secret("other password", "not-the-password") },
      ports: [5000],
      ready: { port: 5000, within: "30s" },
    }),
  },
});
