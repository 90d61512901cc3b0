// A studio of three from nothing until each host was asserted, by Assay and by a script of virsh and ssh; and 100 checks on each, by
// Assay and by testinfra. Measures nothing before each side has found the same defect.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { openLibvirt } from "../drivers/libvirt-client.ts";
import { type HostNode, hostNode } from "../drivers/shell-node.ts";
import { all, expect, file, quoteWord, shell, type VmNode } from "../index.ts";
import { session } from "../vitest/session.ts";
import type { MachineByHand } from "./machine-by-hand.ts";
import { byHandLike } from "./machine-peer.ts";
import { standMachine } from "./machine-stand.ts";
import { benchSettings } from "./settings.ts";
import { soeAssertions, soeChecks, soeScript } from "./studio-soe.ts";
import { taking } from "./studio-take.ts";
import { hosts, studioEnvironment } from "./studio-work.ts";
import { timed } from "./timed.ts";
import { files, filesScript } from "./work.ts";

const settings = benchSettings();
const take = taking();
const booted = "sudo systemctl is-system-running --wait >/dev/null";
const asserted = `sudo sh -c ${quoteWord(soeScript())}`;
/** What is asked of whose files: one question of each of a hundred. */
const owners = (first = files[0]?.owner ?? "") =>
  all(...files.map(({ path, owner }, index) => file(path).ownedBy(index === 0 ? first : owner)));

test("a studio of three", { timeout: 3_600_000 }, async () => {
  take.say("assertions", `${soeAssertions}`);
  const client = await openLibvirt({ uri: session().settings.engines.libvirtUri });
  const host = hostNode();
  const machines: MachineByHand[] = [];
  // What the peers are made like; where none were kept, it keeps those that a later start is from.
  const model = await standMachine(studioEnvironment("bench-studio", hosts, "warm"));
  const standing = [...model.live.nodes.values()] as VmNode[];
  try {
    take.say("accelerator", standing[0]?.facts.accelerator ?? "");
    expect(standing).toHaveLength(hosts);
    for (const { name } of standing) machines.push(await byHandLike(model, name, client));
    await bothSeeTheDefect(standing[0] as VmNode, machines[0] as MachineByHand);
    await checkRounds(standing, machines[0] as MachineByHand, host);
    await model.live.takeDown();
    await upRounds(machines);
  } finally {
    for (const machine of machines) await machine.end();
    await model.live.takeDown();
    await host.close();
    await client.close();
  }
});

async function bothSeeTheDefect(one: VmNode, byHand: MachineByHand): Promise<void> {
  await byHand.sshLoop("true", one.address());
  const scripted = () => byHand.ssh(asserted, one.address());
  await one.succeed(["chmod", "0600", "/root/.bashrc"]);
  await expect(one).not.toMeet(soeChecks());
  await expect(scripted()).rejects.toMatchObject({ stdout: "not met: 3\n" });
  await one.succeed(["chmod", "0644", "/root/.bashrc"]);
  await expect(one).toMeet(soeChecks());
  await scripted();
}

/** In sequence, and with all of them created before the first is asked, which the script could do as well. */
async function scripted(machines: readonly MachineByHand[], order: "each" | "first"): Promise<void> {
  if (order === "first") for (const machine of machines) await machine.create();
  for (const machine of machines) {
    if (order === "each") await machine.create();
    await machine.sshLoop("true");
    await machine.ssh(booted);
    await machine.ssh(asserted);
  }
}

async function upRounds(machines: readonly MachineByHand[]): Promise<void> {
  const ours = async (start: "boot" | "warm") => {
    const { live } = await take.time(`up: ${start}`, async () => {
      const stood = await standMachine(studioEnvironment(`bench-up-${start}`, hosts, start));
      await Promise.all([...stood.live.nodes.values()].map((node) => expect(node).toMeet(soeChecks())));
      return stood;
    });
    for (const node of live.nodes.values())
      expect((node as VmNode).facts.start).toBe(start === "warm" ? "warm" : "booted");
    await live.takeDown();
  };
  const byHand = async (order: "each" | "first") => {
    await take.time(`up: by hand, ${order}`, () => scripted(machines, order));
    for (const machine of machines) await machine.destroy();
  };
  for (let round = 0; round < settings.rounds; round += 1) {
    const sides = [() => ours("boot"), () => byHand("each"), () => ours("warm")];
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  await byHand("first");
}

async function checkRounds(standing: readonly VmNode[], byHand: MachineByHand, host: HostNode): Promise<void> {
  await Promise.all(standing.map((node) => node.succeed(shell(filesScript()))));
  await expect(standing[0]).not.toMeet(owners("nobody"));
  const askAll = () => Promise.all(standing.map((node) => expect(node).toMeet(owners())));
  const sides = [
    async () => {
      await take.time("checks: ours", askAll);
      await session().events.flushed();
    },
  ];
  let end = async () => {};
  if (settings.testinfra !== undefined) {
    const { pytest, directory } = settings.testinfra;
    const addresses = standing.map((node) => node.address());
    const configuration = join(directory, "ssh_config");
    // A connection that is kept is the quickest that it has.
    writeFileSync(configuration, byHand.sshConfig({ ControlPath: join(directory, "%C") }));
    const command = (name: string) => [
      ...[pytest, "-q", "-p", "no:cacheprovider", `--ssh-config=${configuration}`],
      ...[`--hosts=${addresses.map((each) => `ssh://${each}`).join(",")}`, join(directory, name)],
    ];
    end = async () => {
      for (const address of addresses) await host.exec(["ssh", "-F", configuration, "-O", "exit", address]);
    };
    for (const address of addresses) await byHand.sshLoop("true", address);
    const defect = await host.exec(command("test_defect.py") as [string], { timeoutMs: 600_000 });
    expect(defect.stdout.match(/^E +AssertionError: assert 'root' == 'nobody'$/gm)).toHaveLength(hosts);
    await askAll();
    sides.push(async () => {
      take.keep("checks: testinfra", await timed(host, command("test_files.py"), {}, 1_200_000));
    });
  }
  try {
    for (let round = 0; round < settings.rounds; round += 1)
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  } finally {
    await end();
  }
}
