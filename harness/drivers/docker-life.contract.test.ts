// Decides that the end of a container is told as it was, also where its engine has started it again before it could be asked.
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import { expect, onTestFinished, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { openStage } from "../vitest/stage.ts";
import { findEngine } from "./docker-engine.ts";
import { EngineEvents } from "./docker-events.ts";
import { ContainerLife } from "./docker-life.ts";

const environment = defineEnvironment("lives", {
  nodes: {
    crashing: container({
      image: soe,
      entrypoint: ["/bin/sh", "-c", "echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done; rm /tmp/go; exit 139"],
      restart: "always",
      ready: { log: /up/ },
      tolerates: { segfault: "it crashes once" },
    }),
  },
});

test("a crash is one though the container runs again when the engine is asked", async () => {
  const stage = await openStage();
  onTestFinished(async () => {
    expect((await stage.close()).leaked).toEqual([]);
  });
  const { crashing } = (await stage.standUp(environment)).nodes;
  const docker = await findEngine(undefined);
  const real = docker.getContainer(crashing.id);
  /** A busy engine, which answers once it has started the container again. */
  const busy: Docker.Container = Object.create(real, {
    inspect: {
      value: async () => {
        for (;;) {
          const facts = await real.inspect();
          const { Running, Restarting } = facts.State;
          if (Running && !Restarting && facts.RestartCount > 0) return facts;
          await pause(20);
        }
      },
    },
  });
  const events = new EngineEvents(docker, `dev.assay.run=${stage.run}`);
  onTestFinished(() => events.close());
  await events.open();
  const life = new ContainerLife(busy, events, { restart: "always", ready: { within: 60_000 } });
  const signs: string[] = [];
  life.onSign(({ sign }) => signs.push(sign));
  const { died } = life;
  await crashing.succeed(["touch", "/tmp/go"]);
  expect(await died).toMatchObject({ status: 139, oomKilled: false, startsAgain: true });
  await expect.poll(() => signs, { interval: 5 }).toEqual(["ending", "ended"]);
});
