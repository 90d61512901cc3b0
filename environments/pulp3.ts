// Pulp 3 as it is run: database, cache, and one image three times: API, content and worker, which share their files and know each other by
// the database alone. All secrets are the environment's.
import { postgres } from "../fixtures/postgres/recipe.ts";
import { pulp3 as image } from "../fixtures/pulp3/recipe.ts";
import { redis } from "../fixtures/redis/recipe.ts";
import { container, defineEnvironment, http, secret, volume } from "../harness/index.ts";

export const admin = { user: "admin", password: secret("pulp admin password", "keeper-of-files") };
const databasePassword = secret("pulp database password", "only-pulp-knows");
const cachePassword = secret("pulp cache password", "quick-and-quiet");

/** Where the parts listen, inside. */
export const pulpPorts = { api: 24817, content: 24816 } as const;

const part = {
  image,
  env: {
    PULP_SECRET_KEY: secret("pulp secret key", "signs-every-session-of-this-studio"),
    // 32 bytes, which what is secret in the database is encrypted with.
    PULP_DATABASE_KEY: secret("pulp database key", "c3R1ZGlvLWtleS1vZi10aGlydHktdHdvLWJ5dGVzISE="),
    PULP_CONTENT_ORIGIN: `http://content:${pulpPorts.content}`,
    PULP_DATABASES__default__HOST: "database",
    PULP_DATABASES__default__PASSWORD: databasePassword,
    PULP_REDIS_HOST: "cache",
    PULP_REDIS_PASSWORD: cachePassword,
  },
  mounts: { "/var/lib/pulp": volume("files") },
  networks: ["pulp"],
  after: ["migrate", "cache"],
};

/** `tools` has the image and nothing running: for what a person would try by hand. */
export const pulp3 = defineEnvironment("pulp3", {
  networks: { pulp: {} },
  volumes: { files: {} },
  nodes: {
    database: container({
      image: postgres,
      env: { POSTGRES_USER: "pulp", POSTGRES_PASSWORD: databasePassword, POSTGRES_DB: "pulp" },
      networks: ["pulp"],
      ready: { log: /database system is ready to accept connections/ },
    }),
    cache: container({
      image: redis,
      env: { REDIS_PASSWORD: cachePassword },
      networks: ["pulp"],
      ready: { log: /Ready to accept connections/ },
    }),
    migrate: container({
      ...part,
      env: { ...part.env, PULP_ADMIN_PASSWORD: admin.password },
      command: ["migrate-pulp"],
      after: ["database"],
      ready: { exited: true, within: "3m" },
    }),
    api: container({
      ...part,
      command: ["pulpcore-api", "--bind", `0.0.0.0:${pulpPorts.api}`, "--no-control-socket"],
      ready: { check: http(`http://127.0.0.1:${pulpPorts.api}/pulp/api/v3/livez/`).answers(200), within: "2m" },
    }),
    content: container({
      ...part,
      command: ["pulpcore-content", "--bind", `0.0.0.0:${pulpPorts.content}`, "--no-control-socket"],
      ready: { check: http(`http://127.0.0.1:${pulpPorts.content}/pulp/content/`).answers(200), within: "2m" },
    }),
    worker: container({ ...part, command: ["pulpcore-worker"], ready: { log: /Starting pulpcore worker/ } }),
    tools: container({ ...part, idle: true, after: [] }),
  },
});
