// Decides that libvirt is spoken to in one way, whoever carries the questions: virsh or the binding, to the system's daemon, to a user's
// session, over ssh. On real daemons; those that are restarted are the test's own.
import { chownSync, existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshdPath } from "../transports/testing/private-sshd.ts";
import { type LibvirtClient, openLibvirt } from "./libvirt-client.ts";
import { connectQmp } from "./libvirt-qmp.ts";
import { domainXml, hotDiskXml } from "./libvirt-xml.ts";
import { disksIn, labelsIn } from "./libvirt-xml-read.ts";
import { type IdleMachine, idleMachine } from "./testing/idle-machine.ts";
import { PrivateLibvirt } from "./testing/private-libvirt.ts";
import { SshToHere } from "./testing/ssh-to-here.ts";

const nobody = { uid: 65534, gid: 65534 };
const carriers = ["virsh", "binding"] as const;
const sshd = existsSync(sshdPath);
const daemons: readonly ("system" | "session" | "ssh")[] = ["system", "session", ...(sshd ? (["ssh"] as const) : [])];
const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const each of opened.reverse()) await each.close();
});

/** Where a daemon of the kind is, and whom its QEMU runs as. */
const places = new Map<(typeof daemons)[number], { readonly uri: string; readonly parent?: string }>();
beforeAll(async () => {
  const session = await PrivateLibvirt.start({ session: nobody });
  opened.push(session);
  places.set("system", { uri: "qemu:///system" });
  places.set("session", { uri: session.uri, parent: session.directory });
  if (!sshd) return;
  const ssh = await SshToHere.start();
  opened.push(ssh);
  places.set("ssh", { uri: ssh.uri });
});

if (!sshd) test("over ssh", ({ skip }) => skip(`${sshdPath} is not there: apt-get install openssh-server`));

describe.each(daemons.flatMap((daemon) => carriers.map((through) => [daemon, through] as const)))(
  "%s, through %s",
  (daemon, through) => {
    let client: LibvirtClient;
    let machine: IdleMachine;
    beforeAll(async () => {
      const { uri, parent } = places.get(daemon) ?? expect.fail();
      client = await openLibvirt({ uri, through });
      opened.push(client);
      const user = await client.qemuUser();
      machine = idleMachine(user, parent === undefined ? {} : { parent });
      if (daemon === "session")
        for (const path of [machine.directory, machine.disk("disk")]) chownSync(path, nobody.uid, nobody.gid);
    });
    afterAll(async () => {
      await client.destroyDomain(machine.facts.name);
      machine.remove();
    });
    const entry = async () => (await client.domains()).find(({ name }) => name === machine.facts.name);

    test("it says what it is", async () => {
      expect(client.through).toBe(through);
      expect(await client.version()).toEqual({
        libvirt: expect.stringMatching(/^\d+\.\d+/),
        qemu: expect.stringMatching(/^\d+\.\d+/),
        uri: client.uri.text,
      });
      if (daemon === "session") expect(await client.qemuUser()).toBeUndefined();
      else expect(await client.qemuUser()).toEqual({ uid: expect.any(Number), gid: expect.any(Number) });
    });

    test("what is not there is gone, and no error", async () => {
      expect(await client.domainXml("assay-nobody")).toBeUndefined();
      expect(await client.networkXml("assay-nobody")).toBeUndefined();
      await client.destroyDomain("assay-nobody");
      await client.destroyNetwork("assay-nobody");
      await client.shutdownDomain("assay-nobody");
      const uuid = "00000000-0000-4000-8000-000000000000";
      expect((await client.domainXmls([uuid])).size).toBe(0);
      expect((await client.networkXmls([uuid])).size).toBe(0);
    });

    test("what needs a domain rejects without one", async () => {
      const gone = { code: "domain-gone", node: "assay-nobody" };
      await expect(
        client.attachDevice("assay-nobody", hotDiskXml({ file: "/x", serial: "x", index: 0 })),
      ).rejects.toMatchObject(gone);
      await expect(client.screenshot("assay-nobody", "/dev/null")).rejects.toMatchObject(gone);
      await expect(client.agent("assay-nobody", { execute: "guest-ping" })).rejects.toMatchObject(gone);
      await expect(client.leases("assay-nobody")).rejects.toMatchObject({ code: "network-gone" });
    });

    test("XML that is not in libvirt's language is refused before anything starts", async () => {
      const xml = domainXml(machine.facts).replaceAll("memballoon", "memoryballoon");
      await expect(client.createDomain(xml)).rejects.toMatchObject({ code: "bad-xml" });
      expect(await entry()).toBeUndefined();
    });

    test("a machine that cannot start is refused, in libvirt's words, and leaves nothing", async () => {
      const disks = [{ file: "/nowhere/disk.qcow2", format: "qcow2", bus: "virtio" } as const];
      await expect(client.createDomain(domainXml({ ...machine.facts, disks }))).rejects.toMatchObject({
        code: "libvirt-refused",
        node: machine.facts.name,
        seen: expect.stringContaining("/nowhere/disk.qcow2"),
      });
      expect(await entry()).toBeUndefined();
    });

    test("a machine from its start to its end", async () => {
      const { facts } = machine;
      expect(await client.createDomain(domainXml(facts), { paused: true })).toBe(facts.uuid);
      expect(await entry()).toEqual({ name: facts.name, uuid: facts.uuid, state: "paused" });
      const qmp = await connectQmp(facts.qmp);
      await qmp.cont();
      // The daemon hears of it by an event of QEMU's.
      await expect.poll(entry).toMatchObject({ state: "running" });

      const xml = (await client.domainXml(facts.name)) ?? expect.fail("it is gone");
      expect(await labelsIn(xml)).toEqual(facts.labels);
      expect((await disksIn(xml)).get("vda")).toBe(facts.disks[0]?.file);
      expect(await client.domainXmls([facts.uuid])).toEqual(
        new Map([[facts.uuid, expect.stringContaining(facts.name)]]),
      );

      // Not to be had twice, and the first one is none the worse for it.
      await expect(client.createDomain(domainXml(facts))).rejects.toMatchObject({ code: "name-taken" });
      await expect(
        client.createDomain(domainXml({ ...facts, uuid: facts.uuid.replace(/^.{8}/, "00000000") })),
      ).rejects.toMatchObject({ code: "name-taken" });
      expect(await entry()).toMatchObject({ uuid: facts.uuid, state: "running" });

      const gone = qmp.closed;
      await Promise.all([client.destroyDomain(facts.name), client.destroyDomain(facts.name)]);
      await gone;
      expect(await entry()).toBeUndefined();
      expect(await client.domainXml(facts.name)).toBeUndefined();
    });
  },
);
