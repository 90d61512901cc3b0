// Decides that a machine has a TPM of its own that works, goes back with the machine, outlives a QEMU, and leaves nothing.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { readConfig } from "../config.ts";
import { processesNaming } from "../lifecycle/testing/machine-remains.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { VmNode } from "../model/node.ts";
import { vm } from "../model/vm.ts";
import { openStage } from "../vitest/stage.ts";
import { filesIn } from "./libvirt-names.ts";
import { startTpm } from "./libvirt-tpm.ts";

const stage = await openStage();
afterAll(async () => {
  expect(await stage.close()).toMatchObject({ leaked: [] });
  expect(processesNaming(stage.run)).toEqual([]);
});

/** TPM2_PCR_Extend of register 16, which is for debugging, with a digest of ones; then the response code. */
const extend = shell(
  [
    "exec 3<>/dev/tpm0",
    String.raw`printf '\200\002\0\0\0\101\0\0\001\202\0\0\0\020\0\0\0\011\100\0\0\011\0\0\0\0\0\0\0\0\001\0\013%032d' 1 >&3`,
    "dd bs=4096 count=1 status=none <&3 | od -An -tx1 -j6 -N4",
  ].join("\n"),
);
const register = (node: VmNode) => node.succeed(["cat", "/sys/class/tpm/tpm0/pcr-sha256/16"]);
const swtpms = () => processesNaming(stage.run).filter((each) => each.startsWith("swtpm"));

test("a TPM 2.0, which a reset brings back as it was", { timeout: 600_000 }, async () => {
  const environment = defineEnvironment("trusted", {
    nodes: { node: vm({ image: machine, devices: { tpm: true }, ready: { unit: "booted", within: "300s" } }) },
  });
  const { nodes, takeDown } = await stage.standUp(environment);
  const node: VmNode = nodes.node;
  expect(await node.succeed(["cat", "/sys/class/tpm/tpm0/tpm_version_major"])).toBe("2");
  expect(swtpms()).toHaveLength(1);

  const clean = await register(node);
  expect(clean).toMatch(/^0{64}$/);
  expect((await node.succeed(extend)).trim()).toBe("00 00 00 00");
  expect(await register(node)).not.toBe(clean);
  await node.reset();
  expect(await register(node)).toBe(clean);

  // The power goes: the next QEMU gets a TPM that remembers, and there is never more than one.
  await node.crash();
  await node.start();
  expect(await node.succeed(["cat", "/sys/class/tpm/tpm0/tpm_version_major"])).toBe("2");
  expect(swtpms()).toHaveLength(1);

  await takeDown();
  expect(swtpms()).toEqual([]);
});

test("one to which no QEMU ever came is ended with the machine's directory", { timeout: 60_000 }, async () => {
  const directory = join(readConfig().scratch, stage.run, "lonely");
  mkdirSync(directory, { recursive: true });
  const [driver] = await stage.engines.of(
    defineEnvironment("lonely", { nodes: { node: vm({ image: machine, devices: { tpm: true } }) } }),
  );
  await startTpm({ title: "lonely/node", files: filesIn(directory), owner: undefined });
  expect(swtpms()).toHaveLength(1);
  const resource = { driver: "libvirt", kind: "directory" as const, name: directory };
  await driver?.destroy(resource);
  expect(swtpms()).toEqual([]);
  expect(existsSync(directory)).toBe(false);
  await driver?.destroy(resource); // gone is success
});
