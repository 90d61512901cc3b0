// Decides that an image's own guest agent is asked where it runs: for the time, to freeze its file systems, to power off.
import { afterAll, expect, test, vi } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { VmNode } from "../model/node.ts";
import { fromRecipe, recipe, run } from "../model/recipe.ts";
import { vm } from "../model/vm.ts";
import { openStage } from "../vitest/stage.ts";

const stage = await openStage();
afterAll(async () => {
  expect(await stage.close()).toMatchObject({ leaked: [] });
});

const withAgent = recipe("debian-machine-agent", {
  version: machine.version,
  from: fromRecipe(machine),
  steps: [
    run(["apt-get", "update"]),
    run(["apt-get", "install", "--yes", "--no-install-recommends", "qemu-guest-agent"]),
  ],
  disk: { size: "4g" },
  context: import.meta.dirname,
});

test("time, freezing and power by the agent; without one that is said", { timeout: 900_000 }, async () => {
  const ready = { unit: "qemu-guest-agent.service", within: "300s" } as const;
  const { nodes } = await stage.standUp(
    defineEnvironment("agent", { nodes: { node: vm({ image: withAgent, ready, start: "boot" }) } }),
  );
  const node: VmNode = nodes.node;
  const seconds = async () => Number(await node.agent("guest-get-time")) / 1e9;
  const inside = Number(await node.succeed(["date", "+%s"]));
  expect(Math.abs((await seconds()) - inside)).toBeLessThan(60);

  expect(await node.agent("guest-fsfreeze-status")).toBe("thawed");
  expect(await node.agent("guest-fsfreeze-freeze")).toBeGreaterThanOrEqual(1);
  expect(await node.agent("guest-fsfreeze-status")).toBe("frozen");
  await node.agent("guest-fsfreeze-thaw");
  expect(await node.agent("guest-fsfreeze-status")).toBe("thawed");

  await expect(node.agent("no-such-command")).rejects.toMatchObject({ code: "libvirt-refused" });
  await node.succeed(["systemctl", "stop", "qemu-guest-agent.service"]);
  await expect(node.agent("guest-ping")).rejects.toMatchObject({ code: "agent-silent" });
  await expect(node.shutdown({ by: "agent" })).rejects.toMatchObject({ code: "agent-silent" });
  await node.succeed(["systemctl", "start", "qemu-guest-agent.service"]);
  // systemd calls it started before it has opened its port.
  await vi.waitFor(() => node.agent("guest-ping"), { timeout: 60_000, interval: 200 });
  await node.shutdown({ by: "agent" });
  await expect(node.exec(["true"])).rejects.toMatchObject({ name: "TransportError" });
});
