// Decides that a container's transport keeps the contract on every real engine.
import { afterAll, beforeAll, expect } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { dialectOf } from "../drivers/docker-dialect.ts";
import { findEngine } from "../drivers/docker-engine.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { transportContract } from "./contract.ts";
import { dockerExecTransport } from "./docker-exec.ts";

const environment = defineEnvironment("transport", { nodes: { soe: container({ image: soe, idle: true }) } });

onEachEngine((engine) => {
  let stage: Stage;
  let id: string;

  beforeAll(async () => {
    stage = await openStage(engine);
    id = (await stage.standUp(environment)).nodes.soe.id;
  });
  afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

  transportContract(`${engine.engine} exec`, async () => {
    const docker = await findEngine(engine.dockerHost);
    const { cut } = dialectOf(await docker.version());
    return dockerExecTransport(docker.getContainer(id), "transport/soe", cut);
  });
});
