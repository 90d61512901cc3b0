// Decides that a disk that somebody else made is reached by a NoCloud seed: cloud-init reads it, nothing is written to the disk, and the seed
// says what the declaration says. The disk is Debian's own cloud-init on the usual machine.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { afterAll, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { VmNode } from "../model/node.ts";
import { fromRecipe, recipe, run } from "../model/recipe.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import { Store } from "../store/store.ts";
import { openStage } from "../vitest/stage.ts";

const stage = await openStage();
afterAll(async () => {
  expect(await stage.close()).toMatchObject({ leaked: [] });
});

const withCloudInit = recipe("debian-machine-cloud-init", {
  version: machine.version,
  from: fromRecipe(machine),
  steps: [
    run(["apt-get", "update"]),
    run(["apt-get", "install", "--yes", "--no-install-recommends", "cloud-init"]),
    // As cloud images have it: one place to look. Of its work only what is asked for below: the rest takes an emulated guest a minute.
    run([
      "sh",
      "-c",
      `printf '%s\\n' 'datasource_list: [ NoCloud, None ]' \\
        'cloud_init_modules: [ bootcmd, write-files, set_hostname, update_hostname ]' \\
        'cloud_config_modules: []' 'cloud_final_modules: []' >/etc/cloud/cloud.cfg.d/90_assay.cfg`,
    ]),
    run(["systemctl", "mask", "cloud-config.service", "cloud-final.service"]),
  ],
  disk: { kernelArguments: ["no_timer_check"] },
  context: import.meta.dirname,
});
const sha256Of = async (path: string) => {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
};

test("a foreign disk, by cloud-init alone", { timeout: 1_200_000 }, async () => {
  const config = readConfig();
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const { image } = await store.build(withCloudInit, { source: stage.driver.images });
  const path = image.disk?.path ?? expect.fail("the recipe gave no disk");
  const before = await sha256Of(path);

  const environment = defineEnvironment("seeded", {
    // Without one the image waits two minutes for it.
    networks: { lan: {} },
    nodes: {
      node: vm({
        image: fromQcow2(path, { sha256: before }),
        networks: ["lan"],
        memory: "384m",
        hostname: "seeded",
        seed: {
          userData: {
            write_files: [{ path: "/root/from-seed", content: "declared\n" }],
            bootcmd: [["touch", "/run/declared"]],
          },
        },
        ready: { unit: "cloud-init.service", within: "600s" },
      }),
    },
  });
  const { nodes, takeDown } = await stage.standUp(environment);
  const node: VmNode = nodes.node;
  expect(node.facts).toMatchObject({ access: "seed", transport: "ports" });
  expect(await node.succeed(["cat", "/root/from-seed"])).toBe("declared");
  expect(await node.succeed(["hostname"])).toBe("seeded");
  expect(await node.succeed(["cat", "/run/cloud-init/cloud-id"])).toBe("nocloud");
  expect(await node.succeed(["cat", "/proc/cmdline"])).not.toContain("assay");

  // Written by what cloud-init does at every boot, so that a reboot finds it again: another boot would take this test a minute.
  expect(await node.succeed(["ls", "/run/declared"])).toBe("/run/declared");
  await node.succeed(["rm", "/root/from-seed"]);
  await node.reset();
  expect(await node.succeed(["cat", "/root/from-seed"])).toBe("declared");

  await takeDown();
  expect(await sha256Of(path)).toBe(before);
});
