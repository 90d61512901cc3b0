// Decides that a container's transport keeps the contract on a real engine.
import { afterAll, beforeAll, expect } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { readConfig } from "../config.ts";
import { findEngine } from "../drivers/docker-engine.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { transportContract } from "./contract.ts";
import { dockerExecTransport } from "./docker-exec.ts";

const environment = defineEnvironment("transport", { nodes: { soe: container({ image: soe, idle: true }) } });

let stage: Stage;
let id: string;

beforeAll(async () => {
  stage = await openStage();
  id = (await stage.standUp(environment)).nodes.soe.id;
});
afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

transportContract("docker exec", async () =>
  dockerExecTransport((await findEngine(readConfig().dockerHost)).getContainer(id), "transport/soe"),
);
