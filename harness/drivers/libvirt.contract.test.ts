// Decides that the libvirt driver keeps the driver contract on the real libvirt and QEMU.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { enginesOf } from "../engines.ts";
import { defineEnvironment } from "../model/environment.ts";
import { vm } from "../model/vm.ts";
import { Store } from "../store/store.ts";
import { driverContract } from "./contract.ts";

driverContract("libvirt", async () => {
  const config = readConfig();
  mkdirSync(config.scratch, { recursive: true, mode: 0o711 });
  const engines = enginesOf({ ...config, path: process.env["PATH"] ?? "", uid: process.getuid?.() ?? 0 });
  const driver = await engines.libvirt();
  const { image } = await new Store({ directory: config.store, disks: config.disks, environment: proxies() }).build(
    machine,
    {
      source: driver.images,
    },
  );
  await driver.load(image);
  return {
    driver,
    environment: defineEnvironment("contract", {
      networks: { lan: {} },
      nodes: {
        node: vm({ image: machine, networks: ["lan"], carrier: true, ready: { unit: "shell", within: "110s" } }),
      },
    }),
    directory: join(config.scratch, `contract${process.pid}`),
    images: new Map([[image.tag, image]]),
    close: () => engines.close(),
  };
});
