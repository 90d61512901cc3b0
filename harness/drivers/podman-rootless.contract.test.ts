// Decides that a podman that runs without root, as some ordinary user's service, keeps the driver's contract, and that limits which it
// would leave out in silence are refused.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { isListening } from "../host/socket.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { openStage, type Stage } from "../vitest/stage.ts";

/** Where ordinary users' services listen. */
function rootlessSockets(): readonly string[] {
  const rooms = "/run/user";
  return (existsSync(rooms) ? readdirSync(rooms) : [])
    .map((uid) => join(rooms, uid, "podman", "podman.sock"))
    .filter((path) => isListening(path) && statSync(path).uid !== 0);
}

describe("podman without root", () => {
  const [socket] = rootlessSockets();
  if (socket === undefined) {
    test("the suite", ({ skip }) => {
      skip(
        "no ordinary user's podman listens at /run/user/*/podman/podman.sock: it takes a user with subordinate ids (subuid(5)) who runs `systemctl --user start podman.socket`",
      );
    });
    return;
  }

  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ engine: "podman", dockerHost: `unix://${socket}` });
  });
  afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

  test("a container has networks, neighbours, volumes; root inside is that user outside", async () => {
    const { nodes, takeDown } = await stage.standUp(
      defineEnvironment("rootless", {
        networks: { lan: {} },
        nodes: {
          one: container({ image: soe, idle: true, networks: ["lan"] }),
          two: container({ image: soe, idle: true, networks: ["lan"] }),
        },
      }),
    );
    expect(await nodes.one.succeed(["id", "-u"])).toBe("0");
    await nodes.one.succeed(["ping", "-c", "1", "-W", "5", "two"]);
    expect(await nodes.one.succeed(["sha256sum"], { stdin: "x" })).toMatch(/^[0-9a-f]{64} /);
    const map = await nodes.one.succeed(["cat", "/proc/1/uid_map"]);
    expect(map.trim().split(/\s+/).slice(0, 2)).toEqual(["0", String(statSync(socket).uid)]);
    await nodes.two.kill();
    expect(await nodes.two.state()).toMatchObject({ status: "exited" });
    await takeDown();
  });

  test("a limit is kept, or refused before anything is made", async () => {
    const limited = defineEnvironment("limited", {
      nodes: { box: container({ image: soe, idle: true, pids: 20 }) },
    });
    const stood = await stage.standUp(limited).catch((error: unknown) => error as Error & { code?: string });
    if (stood instanceof Error) {
      expect(stood).toMatchObject({
        code: "engine-cannot",
        message: expect.stringContaining("control group for pids"),
      });
      expect(await stage.found()).toEqual([]);
    } else {
      expect(await stood.nodes.box.succeed(["cat", "/sys/fs/cgroup/pids.max"])).toBe("20");
      await stood.takeDown();
    }
  });
});
