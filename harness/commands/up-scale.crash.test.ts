// Decides that machines of what is up come and go while the others go on, whatever is killed meanwhile; and that what stands is reached by
// people's own tools: ssh, ansible. One environment, from outside: the command line alone, in a project of its own.
import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import type { Engines } from "../drivers/by-kind.ts";
import type { Driver } from "../drivers/driver.ts";
import { type LibvirtClient, openLibvirt } from "../drivers/libvirt-client.ts";
import { liveNetworkIn } from "../drivers/libvirt-xml-read.ts";
import { enginesOf } from "../engines.ts";
import { isCutOff } from "../lifecycle/settle.ts";
import { libvirtFilesOf, processesNaming } from "../lifecycle/testing/machine-remains.ts";
import { ProjectStage } from "../vitest/project-stage.ts";
import { type Ended, nothing } from "../vitest/run-stage.ts";
import { engineFacts } from "./surroundings.ts";

const environment = `
  import { machine } from "../fixtures/debian-machine/recipe.ts";
  import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
  import { container, defineEnvironment, vm } from "../harness/index.ts";
  export const office = defineEnvironment("office", {
    networks: { lan: { domain: "office.example" } },
    nodes: {
      dev: vm({
        image: machine, count: 1, name: (number) => \`dev-00\${number}\`, transport: "ssh", networks: { lan: {} },
        ready: { unit: "shell", within: "15m" },
      }),
      box: container({ image: soe, idle: true, networks: { lan: {} } }),
    },
  });`;

const config = readConfig();
let engines: Engines;
let drivers: readonly Driver[];
let libvirt: LibvirtClient;
let stage: ProjectStage;
beforeAll(async () => {
  engines = enginesOf(engineFacts(config));
  drivers = [await engines.docker(), await engines.libvirt()];
  libvirt = await openLibvirt({ uri: config.libvirtUri });
  const rooms = ["fixtures/vfx-studio-soe", "fixtures/debian-machine", "fixtures/debian.ts"];
  stage = new ProjectStage({ env: process.env, drivers }, rooms);
  stage.write("environments/office.ts", environment);
});
afterAll(async () => {
  if (stage !== undefined) {
    // Of a test that failed in the middle.
    await stage.assay(["gc", "--kept"]);
    stage[Symbol.dispose]();
  }
  await libvirt?.close();
  await engines?.close();
});

/** A command that ends well, and what it said. */
async function said(...words: string[]): Promise<string> {
  const ended: Ended = await stage.assay(words);
  expect(ended.code, ended.output).toBe(0);
  return ended.output.trim();
}
const inside = (node: string, ...command: string[]) => said("shell", `office/${node}`, "--", ...command);
/** What stands, by the ends of names. */
const standing = async () =>
  (await stage.left()).found
    .map((name) => /-office-(.*)$/.exec(String(name))?.[1])
    .sort()
    .join(" ");
const kept = "box dev-001 lan_lan net_lan";

async function network() {
  const [run] = stage.runs();
  const name = `assay-${run}-up-office-net_lan`;
  const xml = (await libvirt.networkXml(name)) ?? expect.fail(`there is no ${name}`);
  const { addresses, names } = await liveNetworkIn(xml);
  const leased = (await libvirt.leases(name)).map(({ hostname }) => hostname ?? "?");
  return {
    reserved: addresses.size,
    named: [...names.values()].flat().sort().join(" "),
    leased: leased.sort().join(" "),
  };
}

/** Killed as the fault says, and then made good by whoever was left to do it. */
async function cut(words: readonly string[], fault: string): Promise<void> {
  const { signal, output } = await stage.assay(words, fault);
  expect(signal, output).toBe("SIGKILL");
}
const settled = () =>
  stage.until(() => {
    using ledger = stage.ledger();
    const [row] = ledger.runs();
    return row?.closingAt !== undefined && !isCutOff(row);
  });

test("1 → 3 → 1 machines, killed on the way there and back; who stays is not touched, who went left nothing", async () => {
  expect(await said("up", "office", "--plan")).toMatch(/\+ network lan\n {2}\+ container box\n {2}\+ vm dev-001\n/);
  expect(stage.runs()).toEqual([]);
  expect(await said("up", "office")).toContain("(dev=1)");
  const [run = ""] = stage.runs();
  const before = await network();
  expect(before).toMatchObject({ reserved: 1, named: "box dev-001" });
  const boot = await said("ssh", "office/dev-001", "--", "cat", "/proc/sys/kernel/random/boot_id");
  // In memory: neither another boot nor an earlier moment of this one has it.
  await inside("dev-001", "touch", "/run/a mark of its own");

  const grow = ["up", "office", "--count", "dev=3"];
  const shrink = ["up", "office"];
  expect(await said(...grow, "--plan")).toMatch(/\+ vm dev-002\n {2}\+ vm dev-003\n {4}3 unchanged\n/);
  await cut(grow, "kill:group@worker:5");
  await settled();
  expect(await standing()).toBe(kept);
  expect(await network()).toEqual(before);
  // Both machines are there, and nobody is left to take them.
  await cut(grow, "kill:group+reaper@worker:9");
  expect(await standing()).toBe("box dev-001 dev-002 dev-003 lan_lan net_lan");
  expect(await said(...grow)).toContain("office is up, changed: run");
  expect(await said(...grow)).toContain("office is up, as it is declared: run");
  expect(stage.runs()).toEqual([run]);

  expect(await network()).toMatchObject({ reserved: 3, named: "box dev-001 dev-002 dev-003" });
  for (const [from, to] of [
    ["dev-001", "dev-003"],
    ["dev-003", "dev-001"],
    ["dev-002", "box"],
    ["box", "dev-002.office.example"],
  ] as const) {
    const [address = ""] = (await inside(from, "getent", "ahostsv4", to)).split(/\s/);
    expect(await inside(from, "getent", "hosts", address), `${from} asks for ${to}`).toContain(to);
    await inside(from, "ping", "-c", "1", "-W", "10", address);
  }
  const boots = await Promise.all(["dev-002", "dev-003"].map((node) => inside(node, "cat", "/etc/machine-id")));
  expect(new Set(boots).size).toBe(2);

  expect(await said(...shrink, "--plan")).toMatch(/- vm dev-002\n {2}- vm dev-003\n {4}3 unchanged\n/);
  await cut(shrink, "kill:group@supervisor:6");
  await settled();
  expect(await said(...shrink)).toContain("office is up, as it is declared: run");
  expect(await standing()).toBe(kept);
  expect(await network()).toEqual({ ...before, leased: "dev-001" });
  expect(existsSync(join(stage.config.scratch, run, "up", "dev-002"))).toBe(false);
  const { code, output } = await stage.assay(["shell", "office/box", "--", "getent", "ahostsv4", "dev-003"]);
  expect(code, output).toBe(2);

  expect(await said("ssh", "dev-001", "--", "cat", "/proc/sys/kernel/random/boot_id")).toBe(boot);
  await said("ssh", "dev-001", "--", "test", "-e", "/run/a mark of its own");
}, 1_800_000);

test("ansible reaches machines and containers by the inventory that is written for it", async () => {
  const file = join(stage.directory, "hosts.yml");
  await said("export", "ansible", "office", "--out", file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { stdout } = await promisify(execFile)("ansible", ["-i", file, "all", "-m", "ping", "--one-line"], {
    // An emulated guest on a busy host takes its time to greet: ansible gives it 10 s.
    env: { ...process.env, ANSIBLE_LOCAL_TEMP: stage.directory, ANSIBLE_NOCOLOR: "1", ANSIBLE_TIMEOUT: "120" },
  });
  expect(stdout).toMatch(/^dev-001 \| SUCCESS .*pong/m);
  expect(stdout).toMatch(/^box \| SUCCESS .*pong/m);
  const groups = await promisify(execFile)("ansible", ["-i", file, "dev", "--list-hosts"]);
  expect(groups.stdout.split("\n").map((line) => line.trim())).toEqual(["hosts (1):", "dev-001", ""]);
});

test("ssh says what to do where it cannot be", async () => {
  expect(await stage.assay(["ssh", "office/box"])).toMatchObject({
    code: 2,
    output: expect.stringMatching(/office\/box is a container.*assay shell \w+\/up\/box/s),
  });
  expect(await stage.assay(["ssh", "office/dev-01"])).toMatchObject({
    code: 2,
    output: expect.stringContaining('did you mean "office/dev-001"?'),
  });
  expect(await stage.assay(["ssh", "dev-001", "--", "sh", "-c", "exit 7"])).toMatchObject({ code: 7 });
});

// A group has at most 200 machines.
const tooMany = Math.ceil(totalmem() / (256 * 1024 ** 2));
test.skipIf(tooMany > 200)("more machines than this host has room for are refused, and what stands stays", async () => {
  const { code, output } = await stage.assay(["up", "office", "--count", `dev=${tooMany}`]);
  expect(code, output).toBe(3);
  expect(output).toMatch(/memory: \d+ MiB are asked for and this host has \d+ MiB/);
  expect(output).toContain("what stood before stands, and nothing else is left");
  expect(await standing()).toBe(kept);
});

test("down tells what goes, and then nothing is left", async () => {
  expect(await said("down", "office", "--plan")).toMatch(/- network lan\n {2}- vm dev-001\n {2}- container box\n/);
  expect(await standing()).toBe(kept);
  const [run = ""] = stage.runs();
  await said("down", "office");
  expect(await stage.left()).toEqual(nothing);
  expect([...processesNaming(run), ...libvirtFilesOf(run)]).toEqual([]);
});
