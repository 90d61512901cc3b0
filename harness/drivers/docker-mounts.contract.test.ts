// Decides that every kind of mount is there as declared: what is in it, who owns it, who may write, how long it lives.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { box } from "../../fixtures/studio-box/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { bind, container, scratch, tmpfs, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode } from "../model/node.ts";
import { fromRecipe, recipe } from "../model/recipe.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";

const keeper = recipe("volume-keeper", {
  version: "0.1.0",
  from: fromRecipe(box),
  steps: [],
  image: { volumes: ["/data"] },
  context: import.meta.dirname,
});

const source = mkdtempSync(join(tmpdir(), "assay-mounts-"));
writeFileSync(join(source, "file"), "from the host\n");

afterAll(() => rmSync(source, { recursive: true, force: true }));

/** `owner`: whose the small tmpfs is to be; `noCopy`: whether one volume stays empty. */
const declared = (owner: { readonly uid?: number; readonly gid?: number }, noCopy: boolean) =>
  defineEnvironment("mounts", {
    volumes: { filled: {}, bare: {}, shared: { labels: { "example.keep": "no" } } },
    nodes: {
      binds: container({
        image: soe,
        idle: true,
        mounts: {
          "/host": bind(source),
          "/locked": bind(source, { readOnly: true }),
          "/etc/one-file": bind(join(source, "file"), { readOnly: true }),
          "/fresh": scratch(),
          "/own": scratch({ owner: { uid: 1000, gid: 2000 }, mode: 0o2750 }),
          "/sealed": scratch({ readOnly: true }),
        },
      }),
      volumes: container({
        image: soe,
        idle: true,
        mounts: {
          "/etc/apt": volume("filled"),
          "/etc/cron.daily": volume("bare", { noCopy }),
          "/shared": volume("shared"),
        },
      }),
      reader: container({ image: soe, idle: true, mounts: { "/shared": volume("shared", { readOnly: true }) } }),
      memory: container({
        image: soe,
        idle: true,
        mounts: {
          "/small": tmpfs({ size: "1m", mode: 0o1770, ...owner }),
          "/sealed": tmpfs({ readOnly: true }),
          "/plain": tmpfs(),
        },
      }),
      heir: container({ image: soe, idle: true, volumesFrom: ["binds", { node: "volumes", readOnly: true }] }),
      labelled: container({
        image: soe,
        idle: true,
        mounts: { "/z": scratch({ selinux: "z" }), "/Z": scratch({ selinux: "Z", readOnly: true }) },
      }),
    },
  });

onEachEngine((engine) => {
  const able = engine.engine === "docker";
  const environment = declared(able ? { uid: 1000, gid: 2000 } : {}, able);
  let stage: Stage;
  let staged: Staged<typeof environment>;
  let nodes: Staged<typeof environment>["nodes"];

  beforeAll(async () => {
    stage = await openStage(engine);
    staged = await stage.standUp(environment);
    nodes = staged.nodes;
  });
  afterAll(async () => {
    const { leaked } = await stage.close();
    expect(leaked).toEqual([]);
  });

  const facts = (node: ContainerNode, path: string) => node.succeed(["stat", "-c", "%u:%g %a", path]);
  const refused = async (node: ContainerNode, path: string) =>
    expect((await node.fail(["touch", path])).stderr).toContain("Read-only file system");

  describe("bind and scratch", () => {
    test("a bind mount is the host's directory", async () => {
      expect(await nodes.binds.succeed(["cat", "/host/file"])).toBe("from the host");
      await nodes.binds.succeed(["touch", "/host/from-inside"]);
      await nodes.host.succeed(["test", "-e", join(source, "from-inside")]);
      expect(nodes.binds.mountSource("/host/file")).toBe(join(source, "file"));
    });

    test("read-only, it can be read and not written", async () => {
      expect(await nodes.binds.succeed(["cat", "/locked/file"])).toBe("from the host");
      await refused(nodes.binds, "/locked/x");
    });

    test("one file can be mounted", async () => {
      expect(await nodes.binds.succeed(["cat", "/etc/one-file"])).toBe("from the host");
    });

    test("scratch is empty and root's, unless another owner and mode are declared", async () => {
      expect(await nodes.binds.succeed(["ls", "-A", "/fresh", "/own"])).toBe("/fresh:\n\n/own:");
      expect(await facts(nodes.binds, "/fresh")).toBe("0:0 755");
      expect(await facts(nodes.binds, "/own")).toBe("1000:2000 2750");
      await refused(nodes.binds, "/sealed/x");
    });

    test("scratch is on the host where mountSource says, and goes with the environment", async () => {
      const path = nodes.binds.mountSource("/own");
      expect(path).toContain(stage.run);
      expect(await nodes.host.succeed(["stat", "-c", "%u:%g %a", path])).toBe("1000:2000 2750");
    });

    test("nothing with a host side: mountSource names what there is", () => {
      expect(() => nodes.memory.mountSource("/small")).toThrow(/nothing with a host side mounted at \/small/);
      expect(() => nodes.binds.mountSource("/nowhere")).toThrow(/it has .*\/fresh/);
    });
  });

  describe("volumes", () => {
    test("a fresh volume gets what the image has there", async () => {
      await nodes.volumes.succeed(["test", "-d", "/etc/apt/sources.list.d"]);
      await nodes.host.succeed(["test", "-d", nodes.volumes.mountSource("/etc/apt/sources.list.d")]);
    });

    test("noCopy: it stays empty", async ({ skip }) => {
      if (!able) skip("podman puts into an empty volume what the image has there, always: noCopy is refused");
      expect(await nodes.volumes.succeed(["ls", "-A", "/etc/cron.daily"])).toBe("");
      expect(await nodes.reader.succeed(["ls", "-A", "/etc/cron.daily"])).not.toBe("");
    });

    test("one volume in two nodes is the same; read-only for the one that says so", async () => {
      await nodes.volumes.succeed(["touch", "/shared/a"]);
      await nodes.reader.succeed(["test", "-e", "/shared/a"]);
      await refused(nodes.reader, "/shared/b");
    });
  });

  if (!able)
    test.each([
      ["a tmpfs of another user", tmpfs({ uid: 1000 })],
      ["a volume that stays empty", volume("bare", { noCopy: true })],
    ])("%s, which the engine cannot make, is refused before anything is made", async (_, mount) => {
      const wanting = defineEnvironment("wanting", {
        volumes: { bare: {} },
        nodes: { box: container({ image: soe, idle: true, mounts: { "/etc/apt": mount } }) },
      });
      const before = await stage.found();
      await expect(stage.standUp(wanting)).rejects.toMatchObject({ code: "engine-cannot", phase: "declare" });
      expect(await stage.found()).toHaveLength(before.length);
    });

  describe("tmpfs", () => {
    test("size, mode and owner", async () => {
      expect(await facts(nodes.memory, "/small")).toBe(`${able ? "1000:2000" : "0:0"} 1770`);
      const { stderr } = await nodes.memory.fail(["dd", "if=/dev/zero", "of=/small/big", "bs=1M", "count=2"]);
      expect(stderr).toContain("No space left on device");
    });

    test("read-only, and by default what the engine gives", async () => {
      await refused(nodes.memory, "/sealed/x");
      expect(await facts(nodes.memory, "/plain")).toBe("0:0 1777");
    });
  });

  describe("volumesFrom", () => {
    test("binds, scratch directories and volumes of another node, at the same paths", async () => {
      await nodes.binds.succeed(["touch", "/fresh/seen"]);
      await nodes.heir.succeed(["test", "-e", "/fresh/seen"]);
      await nodes.heir.succeed(["test", "-d", "/etc/apt/sources.list.d"]);
    });

    test("read-only only those of the node that is named so", async () => {
      await nodes.heir.succeed(["touch", "/fresh/written"]);
      await refused(nodes.heir, "/shared/x");
      await refused(nodes.heir, "/locked/x");
    });

    test("where the images declare a volume at the same path, too", async () => {
      const image = keeper;
      const { nodes: live, takeDown } = await stage.standUp(
        defineEnvironment("image-volumes", {
          nodes: {
            bound: container({ image, idle: true, mounts: { "/data": scratch() } }),
            own: container({ image, idle: true }),
            heir: container({ image, idle: true, volumesFrom: ["bound"] }),
            reader: container({ image, idle: true, volumesFrom: [{ node: "own", readOnly: true }] }),
          },
        }),
      );
      try {
        for (const [from, to] of [
          [live.bound, live.heir],
          [live.own, live.reader],
        ] as const) {
          await from.succeed(["touch", "/data/seen"]);
          await to.succeed(["test", "-e", "/data/seen"]);
          expect(to.mountSource("/data")).toBe(from.mountSource("/data"));
        }
        await live.heir.succeed(["touch", "/data/written"]);
        await refused(live.reader, "/data/x");
      } finally {
        await takeDown();
      }
    });
  });

  describe("labels and propagation", () => {
    test("z and Z are asked of the engine, and a host without SELinux mounts all the same", async () => {
      const { Binds } = (await staged.inspect("labelled")).HostConfig;
      // Podman tells no labels where there is no SELinux.
      if (engine.engine === "docker")
        expect(Binds.map((bound: string) => bound.split(":").slice(1).join(":")).sort()).toEqual([
          "/Z:Z,ro",
          "/z:z,rw",
        ]);
      await nodes.labelled.succeed(["touch", "/z/a"]);
      await refused(nodes.labelled, "/Z/a");
      expect(nodes.labelled.mountSource("/z")).toContain(stage.run);
    });

    test("propagation: a later mount of the host is seen with rslave, and not without", async () => {
      const mount = (...words: string[]) => expect(spawnSync("mount", words, { encoding: "utf8" }).stderr).toBe("");
      const spread = mkdtempSync(join(source, "spread-"));
      try {
        mount("-t", "tmpfs", "none", spread);
        mount("--make-shared", spread);
        mkdirSync(join(spread, "later"));
        const { nodes: live, takeDown } = await stage.standUp(
          defineEnvironment("propagation", {
            nodes: {
              slave: container({ image: soe, idle: true, mounts: { "/s": bind(spread, { propagation: "rslave" }) } }),
              apart: container({ image: soe, idle: true, mounts: { "/s": bind(spread, { propagation: "rprivate" }) } }),
            },
          }),
        );
        mount("-t", "tmpfs", "none", join(spread, "later"));
        writeFileSync(join(spread, "later", "new"), "");
        await live.slave.succeed(["test", "-e", "/s/later/new"]);
        await live.apart.fail(["test", "-e", "/s/later/new"]);
        await takeDown();
      } finally {
        spawnSync("umount", ["--recursive", spread]);
      }
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(spread);
    });
  });
});
