// Decides that what is done to a running machine and to networks is done, and what happens when the daemon goes in between. On a daemon
// of the test's own.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibvirtClient, openLibvirt } from "./libvirt-client.ts";
import { connectQmp, type Qmp } from "./libvirt-qmp.ts";
import { domainXml, hotDiskXml } from "./libvirt-xml.ts";
import { disksIn } from "./libvirt-xml-read.ts";
import { type IdleMachine, idleMachine } from "./testing/idle-machine.ts";
import { PrivateLibvirt } from "./testing/private-libvirt.ts";

let libvirt: PrivateLibvirt;
beforeAll(async () => {
  libvirt = await PrivateLibvirt.start();
});
afterAll(() => libvirt.close());

describe.each(["virsh", "binding"] as const)("through %s", (through) => {
  let client: LibvirtClient;
  let machine: IdleMachine;
  let qmp: Qmp;
  beforeAll(async () => {
    client = await openLibvirt({ uri: libvirt.uri, through });
    machine = idleMachine(await client.qemuUser(), { screen: true });
    await client.createDomain(domainXml(machine.facts), { paused: true });
    qmp = await connectQmp(machine.facts.qmp);
    await qmp.cont();
  });
  afterAll(async () => {
    await client.destroyDomain(machine.facts.name);
    await client.close();
    machine.remove();
  });

  test("a disk is plugged in; the same one again is refused, and the machine runs on", async () => {
    const { name } = machine.facts;
    const xml = hotDiskXml({ file: machine.disk("hot"), serial: "HOT", index: 0 });
    await client.attachDevice(name, xml);
    expect((await disksIn((await client.domainXml(name)) ?? "")).get("vdz")).toBe(join(machine.directory, "hot.qcow2"));
    await expect(client.attachDevice(name, xml)).rejects.toMatchObject({ code: "libvirt-refused", node: name });
    expect(await qmp.execute("query-status")).toMatchObject({ running: true });
  });

  test("the screen, as PNG", async () => {
    const file = join(machine.directory, "screen.png");
    await client.screenshot(machine.facts.name, file);
    expect(readFileSync(file).subarray(1, 4).toString()).toBe("PNG");
  });

  test("memory, as an ELF core of at least its size", async () => {
    const file = join(machine.directory, "core");
    await client.dumpMemory(machine.facts.name, file);
    const core = readFileSync(file);
    expect(core.subarray(1, 4).toString()).toBe("ELF");
    expect(core.length).toBeGreaterThan(machine.facts.memoryBytes);
  });

  test("an agent that is not there is silent, which is no refusal", async () => {
    const { name } = machine.facts;
    const silent = { code: "agent-silent", node: name, hint: expect.stringContaining("qemu-guest-agent") };
    await expect(client.agent(name, { execute: "guest-ping" }, { timeoutMs: 1000 })).rejects.toMatchObject(silent);
    await expect(client.shutdownDomain(name, "agent")).rejects.toMatchObject(silent);
  });

  test("the power button is pressed, whether a guest heeds it or not", async () => {
    const pressed = qmp.nextEvent(({ event }) => event === "POWERDOWN");
    await client.shutdownDomain(machine.facts.name);
    expect((await pressed).event).toBe("POWERDOWN");
  });

  describe("the daemon goes", () => {
    test.each(["stop", "kill"] as const)(
      "after %s: it is down, with the remedy; after its start the machine is still there",
      async (how) => {
        const { name, uuid } = machine.facts;
        await client.domains();
        await libvirt[how]();
        const down = { code: "libvirt-down", hint: expect.stringContaining("libvirtd -d") };
        await expect(client.domains()).rejects.toMatchObject(down);
        await expect(client.domainXml(name)).rejects.toMatchObject(down);
        await expect(client.domainXmls([uuid])).rejects.toMatchObject(down);
        await expect(client.networks()).rejects.toMatchObject(down);
        await expect(client.destroyDomain(name)).rejects.toMatchObject({ ...down, phase: "destroy", node: name });
        await expect(client.createDomain(domainXml(machine.facts))).rejects.toMatchObject({
          ...down,
          phase: "create",
          node: name,
        });
        await expect(client.version()).rejects.toMatchObject(down);
        expect(await qmp.execute("query-status")).toMatchObject({ running: true });
        await libvirt.start();
        expect(await client.domains()).toEqual([{ name, uuid, state: "running" }]);
        await expect(client.createDomain(domainXml(machine.facts))).rejects.toMatchObject({ code: "name-taken" });
      },
    );
  });
});
