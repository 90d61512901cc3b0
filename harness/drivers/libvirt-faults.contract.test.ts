// Decides that whatever goes wrong with a machine ends soon, with the right name, its last words and its evidence, and leaves nothing.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { VmNode } from "../model/node.ts";
import { type VmOptions, vm } from "../model/vm.ts";
import { openStage } from "../vitest/stage.ts";

const stage = await openStage();
afterAll(async () => {
  expect(await stage.close()).toMatchObject({ leaked: [] });
});

let count = 0;
const environment = (options: Partial<VmOptions>) => {
  count += 1;
  const node = vm({ image: machine, memory: "256m", ...options } as VmOptions);
  return defineEnvironment(`fault${count}`, { nodes: { node } });
};
const standUp = async (options: Partial<VmOptions>): Promise<VmNode> => {
  const { nodes } = await stage.standUp(environment(options));
  return nodes.node as VmNode;
};
/** The kernel starts this program of the initrd instead of booting; it gets what follows the two dashes. */
const insteadOfBooting = (program: string, ...words: string[]): Partial<VmOptions> => ({
  kernelArguments: [`rdinit=${program}`, "--", ...words],
});
const evidence = (title: string): string => {
  const told = stage.events.findLast((event) => event.event === "evidence" && event.title === title);
  if (told?.event !== "evidence") return expect.fail(`no ${title} was kept`);
  return readFileSync(join(stage.report, told.path), "utf8");
};
const pidOf = (domain: string) => Number(readFileSync(`/run/libvirt/qemu/${domain}.pid`, "utf8"));
const nothingIsLeft = async () => expect(await stage.found()).toEqual([]);

describe("a guest that will never be ready", { timeout: 180_000 }, () => {
  test("its kernel panics: told at once, with the kernel's reason", async () => {
    const standing = standUp({ kernelArguments: ["rdinit=/nonexistent", "root=/dev/nothing"] });
    await expect(standing).rejects.toMatchObject({ name: "ProvisionError", code: "guest-panicked", phase: "ready" });
    await expect(standing).rejects.toThrow(/Unable to mount root fs/);
    expect(evidence("log")).toContain("Kernel panic - not syncing");
    await nothingIsLeft();
  });

  test("it starts again and again", async () => {
    const standing = standUp(insteadOfBooting("/bin/reboot", "-f"));
    await expect(standing).rejects.toMatchObject({ code: "boot-loop", phase: "ready" });
    await nothingIsLeft();
  });

  test("it powers itself off", async () => {
    const standing = standUp(insteadOfBooting("/bin/poweroff", "-f"));
    await expect(standing).rejects.toMatchObject({ code: "guest-gone" });
    await expect(standing).rejects.toThrow("the guest powered itself off");
    await nothingIsLeft();
  });

  test("it never answers: at its deadline, with what it waited for and the last line of the console", async () => {
    const standing = standUp({
      ...insteadOfBooting("/bin/sleep", "100000"),
      ready: { unit: "booted", within: "20s" },
    });
    await expect(standing).rejects.toMatchObject({ code: "not-ready" });
    await expect(standing).rejects.toThrow(/waiting for an answer .*last console lines: .*Run \/bin\/sleep as init/);
    await nothingIsLeft();
  });

  test("QEMU is killed while it boots", async () => {
    const live = stage.next((event) => event.event === "resource" && event.kind === "domain" && event.state === "live");
    const standing = standUp({});
    standing.catch(() => undefined);
    const domain = await live;
    process.kill(pidOf(domain.event === "resource" ? domain.name : ""), "SIGKILL");
    await expect(standing).rejects.toMatchObject({ code: "guest-gone" });
    expect(evidence("qemu")).toContain("qemu-system-x86_64");
    await nothingIsLeft();
  });

  test("more memory is declared than there is", async () => {
    await expect(standUp({ memory: "4000g" })).rejects.toMatchObject({
      name: "DeclarationError",
      code: "not-enough-memory",
    });
  });

  test('cpu: "host" is declared where guests are emulated', async () => {
    if (execFileSync("sh", ["-c", "grep -cwE 'vmx|svm' /proc/cpuinfo || :"]).toString().trim() !== "0") return;
    await expect(standUp({ cpu: "host" })).rejects.toMatchObject({ name: "DeclarationError", code: "no-kvm" });
  });

  test("a unit fails that it waits for", async () => {
    const standing = standUp({ kernelArguments: ["systemd.mask=ssh.service"], ready: { unit: "ssh.service" } });
    await expect(standing).rejects.toMatchObject({ code: "unit-failed" });
    await expect(standing).rejects.toThrow("masked");
    expect(evidence("journal")).toContain("systemd");
    await nothingIsLeft();
  });
});

test("a kernel that panics when all is well ends what was asked, and says so", { timeout: 180_000 }, async () => {
  const node = await standUp({ carrier: true, ready: { unit: "shell" } });
  const long = node.exec(["sleep", "1000"]);
  const fallen = node.exec(["sh", "-c", "echo 0 >/proc/sys/kernel/panic; echo c >/proc/sysrq-trigger"]);
  await expect(fallen).rejects.toMatchObject({ name: "TransportError", code: "guest-panicked" });
  await expect(long).rejects.toMatchObject({ name: "TransportError", code: "guest-panicked" });
  expect((await node.died).lastLines.join("\n")).toContain("Kernel panic");
  await expect(node.exec(["true"])).rejects.toMatchObject({ code: "guest-panicked" });
  // QEMU is still there: what it carried can be had back.
  await node.reset();
  expect(await node.succeed(["echo", "back"])).toBe("back");
});
