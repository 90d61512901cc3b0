// Decides that the docker driver keeps the driver contract on every real engine.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { container, scratch, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { Store } from "../store/store.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { driverContract } from "./contract.ts";
import { DockerDriver } from "./docker.ts";

onEachEngine((engine) =>
  driverContract(engine.engine, async () => {
    const config = readConfig();
    mkdirSync(config.scratch, { recursive: true });
    const driver = await DockerDriver.open({ ...engine, scratch: config.scratch });
    const { image } = await new Store({ directory: config.store, environment: proxies() }).build(soe, {
      source: driver.images,
    });
    await driver.load(image);
    return {
      driver,
      environment: defineEnvironment("contract", {
        networks: { lan: {} },
        volumes: { data: {} },
        nodes: {
          node: container({
            image: soe,
            idle: true,
            networks: ["lan"],
            mounts: { "/data": volume("data"), "/vfx": scratch() },
          }),
        },
      }),
      directory: join(config.scratch, `contract${process.pid}`),
      images: new Map([[image.tag, image]]),
    };
  }),
);
