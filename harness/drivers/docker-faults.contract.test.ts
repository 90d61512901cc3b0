// Decides what the user sees when the engine will not do what was declared: one clear message with the next step, and nothing
// is left behind. What can be known beforehand is told before anything is created.
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { bind, type ContainerOptions, container, scratch, volume } from "../model/container.ts";
import { defineEnvironment, type EnvironmentOptions } from "../model/environment.ts";
import type { HarnessError } from "../model/errors.ts";
import { fromImage } from "../model/recipe.ts";
import { openStage, type Stage } from "../vitest/stage.ts";

const here = mkdtempSync(join(tmpdir(), "assay-faults-"));
let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  const { leaked } = await stage.close();
  rmSync(here, { recursive: true, force: true });
  expect(leaked).toEqual([]);
});

const whole = (nodes: EnvironmentOptions<Record<string, ReturnType<typeof container>>>) =>
  defineEnvironment("faulty", nodes);
const one = (options: Partial<ContainerOptions>) =>
  whole({
    networks: { lan: {} },
    volumes: { data: {} },
    nodes: {
      // What is made beside the faulty one has to go too.
      good: container({
        image: soe,
        idle: true,
        networks: ["lan"],
        mounts: { "/vfx": scratch(), "/d": volume("data") },
      }),
      bad: container({ image: soe, idle: true, ...options }),
    },
  });

/** The error that standing up ends with, and what was created before it. */
async function refusal(environment: Parameters<Stage["standUp"]>[0]): Promise<HarnessError & { created: string[] }> {
  const before = stage.events.length;
  const error = await stage.standUp(environment).then(
    () => expect.fail("it was stood up"),
    (thrown: unknown) => thrown as HarnessError,
  );
  expect(await stage.found()).toEqual([]);
  const created = stage.events
    .slice(before)
    .flatMap((event) => (event.event === "resource" && event.state === "intent" ? [event.name] : []));
  return Object.assign(error, { created });
}

describe("found before anything is created", () => {
  test("an image that neither engine nor registry has", async () => {
    for (const image of ["registry.invalid/nobody/nothing:9", fromImage("registry.invalid/nobody/nothing:9")]) {
      const error = await refusal(one({ image }));
      expect(error).toMatchObject({ name: "ProvisionError", code: "image-missing", created: [] });
      expect(error.message).toMatch(
        /^build faulty\/bad: the engine has no image registry\.invalid\/nobody\/nothing:9 and no registry gave it \(.+\); correct the name/,
      );
    }
  });

  test("a bind mount whose source is not there, with the line that declares it", async () => {
    const error = await refusal(one({ mounts: { "/in": bind(join(here, "nothing")) } }));
    expect(error).toMatchObject({ name: "DeclarationError", code: "mount-source-missing", created: [] });
    expect(error.message).toMatch(
      /^declare faulty\/bad: .*docker-faults\.contract\.test\.ts:\d+:\d+: the source of the bind mount at \/in cannot be reached: .*nothing.*; make it first, or use scratch\(\)/,
    );
  });

  test("a device that this machine has not", async () => {
    const error = await refusal(one({ devices: { "/dev/no-such": {} } }));
    expect(error).toMatchObject({ name: "DeclarationError", code: "device-missing", created: [] });
    expect(error.message).toContain("/dev/no-such");
  });
});

describe("refused by the engine, and everything goes", () => {
  test.each<[string, Partial<ContainerOptions>, string, RegExp]>([
    [
      "an entrypoint that is not there",
      { idle: undefined, entrypoint: ["/no/such"] },
      "cannot-start",
      /"\/no\/such".*; the image's entrypoint/,
    ],
    [
      "an entrypoint that may not be executed",
      { idle: undefined, entrypoint: ["/etc/passwd"] },
      "cannot-start",
      /permission denied.*; the image's entrypoint/,
    ],
    ["a user that the image does not know", { user: "nobody-here" }, "unknown-user", /nobody-here.*; /],
    ["a working directory that is a file", { workdir: "/etc/passwd" }, "not-a-directory", /\/etc\/passwd/],
  ])("%s", async (_, options, code, message) => {
    const { idle: _idle, ...rest } = options;
    const environment =
      "idle" in options
        ? whole({ nodes: { good: container({ image: soe, idle: true }), bad: container({ image: soe, ...rest }) } })
        : one(options);
    const error = await refusal(environment);
    expect(error).toMatchObject({ name: "ProvisionError", code });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^(create|start) faulty\/bad: /);
    expect(error.created.length).toBeGreaterThan(0);
  });

  test("a port that somebody listens on", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const error = await refusal(one({ ports: [{ container: 80, host: port }] }));
    server.close();
    expect(error).toMatchObject({ code: "port-taken" });
    expect(error.message).toMatch(new RegExp(`faulty/bad: .*127\\.0\\.0\\.1:${port}.*; stop what listens there`));
  });

  test("a subnet that another network has", async () => {
    // Runs beside this one have a subnet of their own.
    const base = `100.${randomInt(70, 90)}.${randomInt(256)}.0`;
    const taken = { lan: { subnet: `${base}/25` } };
    const overlapping = { lan: { subnet: `${base}/24` } };
    const nodes = { box: container({ image: soe, idle: true, networks: ["lan"] }) };
    const { takeDown } = await stage.standUp(defineEnvironment("first", { networks: taken, nodes }));
    const error = await stage.standUp(whole({ networks: overlapping, nodes })).catch((thrown: unknown) => thrown);
    await takeDown();
    expect(error).toMatchObject({ code: "subnet-taken", message: expect.stringContaining("choose another subnet") });
    expect(await stage.found()).toEqual([]);
  });
});
