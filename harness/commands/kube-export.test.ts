// Decides that what is exported for a cluster says the same as the declaration: read back, it is the same pods; and what cannot be said is
// told.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { port } from "../checks/port.ts";
import { fromPods } from "../manifests/from-pods.ts";
import { toKube } from "../manifests/to-kube.ts";
import { addressOf } from "../model/address-text.ts";
import { bind, container, scratch, tmpfs, volume } from "../model/container.ts";
import { defineEnvironment, type Environment } from "../model/environment.ts";
import { fromArchive, recipe } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { stillImage } from "../model/still.ts";
import { kubeManifest } from "./kube-export.ts";

const here = mkdtempSync(join(tmpdir(), "assay-kube-export-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

const readBack = (text: string): Environment => {
  writeFileSync(join(here, "pods.yaml"), text);
  return fromPods("stack", { context: here, files: ["pods.yaml"] });
};

const stack = defineEnvironment("stack", {
  networks: { back: {} },
  volumes: { data: {} },
  nodes: {
    db: container({
      image: "mongo:7",
      networks: ["back"],
      user: "184:998",
      groups: [7],
      memory: "256m",
      cpus: 0.5,
      capabilities: { drop: ["ALL"], add: ["CHOWN"] },
      readOnlyRoot: true,
      noNewPrivileges: true,
      restart: "always",
      env: { PLAIN: "it's $(NOT)", SELF: addressOf("cache") },
      mounts: {
        "/data": volume("data"),
        "/run": tmpfs({ size: "16m", mode: 0o1777 }),
        "/spool": scratch({ shared: "spool", mode: 0o2775, owner: { uid: 0, gid: 998 } }),
        "/etc/db": scratch({
          files: { "db.conf": { content: "port = 1\n", mode: 0o600 }, seal: { content: "AP8=", encoding: "base64" } },
          readOnly: true,
        }),
        "/dev/log": bind("/dev/log", { is: "socket" }),
      },
      ready: { port: 27017 },
    }),
    worker: container({
      image: "worker:1",
      networks: ["back"],
      entrypoint: ["/run.sh"],
      command: ["--db", "db"],
      env: { DB: addressOf("db", { before: "mongodb://", after: ":27017" }) },
      mounts: { "/spool": scratch({ shared: "spool", mode: 0o2775, owner: { uid: 0, gid: 998 } }) },
      restart: "on-failure",
    }),
    cache: container({ image: "redis:7", networks: ["back"], idle: true, ports: [{ container: 6379, host: 30_079 }] }),
  },
});

test("what is written is read again, and written once more it is the same", () => {
  const first = kubeManifest(stack);
  const again = readBack(first.text);
  const { entrypoint = [] } = again.nodes["cache-cache"] as { entrypoint?: readonly string[] };
  expect(toKube(again, []).objects).toEqual(toKube(stack, entrypoint).objects);
});

test("and the nodes are what they were", () => {
  expect(readBack(kubeManifest(stack).text).nodes).toMatchObject({
    "db-db": {
      image: "mongo:7",
      user: "184:998",
      memory: 268_435_456,
      cpus: 0.5,
      restart: "always",
      readOnlyRoot: true,
      noNewPrivileges: true,
      capabilities: { drop: ["ALL"], add: ["CHOWN"] },
      env: { PLAIN: "it's $(NOT)", SELF: { text: [{ addressOf: "cache-pod" }] } },
      mounts: {
        "/data": { shared: "claim-data" },
        "/run": { mount: "tmpfs", size: 16_777_216 },
        "/spool": { shared: "claim-spool", owner: { gid: 998 } },
        "/etc/db": { files: { "db.conf": { content: "port = 1\n", mode: 0o600 }, seal: { encoding: "base64" } } },
        "/dev/log": { source: "/dev/log", is: "socket" },
      },
    },
    "worker-worker": {
      restart: "on-failure",
      entrypoint: ["/run.sh"],
      command: ["--db", "db"],
      env: { DB: { text: ["mongodb://", { addressOf: "db-pod" }, ":27017"] } },
      mounts: { "/spool": { shared: "claim-spool" } },
    },
    "cache-pod": { ports: [{ container: 6379, host: 30_079 }] },
  });
});

test("what a cluster cannot have is told, in the file and beside it", () => {
  const own = recipe("own", { version: "2", from: fromArchive("x.tar"), context: here });
  const { text, left } = kubeManifest(
    defineEnvironment("odd", {
      nodes: {
        box: container({
          image: own,
          user: "mongod",
          env: { TOKEN: secret("kube token", "never-to-be-written") },
          ulimits: { nofile: 512 },
          devices: { "/dev/kmsg": {} },
          ready: { log: /up/, check: port(80).isListening() },
        }),
        later: container({ image: "x:1", after: ["box"], volumesFrom: ["box"], pids: 7 }),
        still: stillImage({ image: "x:1" } as never),
      },
    }),
  );
  expect(left).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^still: it is no container/),
      expect.stringMatching(/^box: user mongod is a name/),
      expect.stringMatching(/^box: variable TOKEN is a secret/),
      "box: a pod has no ulimits",
      "box: a pod has no devices",
      expect.stringMatching(/^box: image own:2 has to be where the cluster finds it/),
      expect.stringMatching(/^box: what makes it ready is a line of its log/),
      expect.stringMatching(/^box: what makes it ready is a check, "port tcp\/80 is listening"/),
      "later: a pod has no volumesFrom",
      "later: a pod has no pids",
      expect.stringMatching(/^later: it starts after box/),
    ]),
  );
  for (const line of left) expect(text).toContain(`# not here: ${line}\n`);
  expect(text).not.toContain("never-to-be-written");
});

test("an environment without containers is refused", () => {
  const stills = defineEnvironment("stills", { nodes: { one: stillImage({ image: "x:1" } as never) } });
  expect(() => kubeManifest(stills)).toThrow(/stills has nothing that a cluster could run: one: it is no container/);
});
