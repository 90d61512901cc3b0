// Decides that SELinux is asked for real: sentences that are not met, probes without their tools, an audit log that nobody keeps.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soeSelinux } from "../../fixtures/selinux-machine/recipe.ts";
import type { Check, Probe } from "../model/check.ts";
import { defineEnvironment } from "../model/environment.ts";
import { ObservationError } from "../model/errors.ts";
import type { VmNode } from "../model/node.ts";
import { vm } from "../model/vm.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { file } from "./file.ts";
import { process } from "./process.ts";
import { selinux, selinuxBoolean } from "./selinux.ts";
import { auditLog, setAuditMark } from "./selinux-audit.ts";
import { auditMark, avc } from "./selinux-avc.ts";
import { mislabelledFiles } from "./selinux-label.ts";
import { portLabel, selinuxPort } from "./selinux-port.ts";

const environment = defineEnvironment("selinux-checks", {
  nodes: { machine: vm({ image: soeSelinux, memory: "512m", vcpus: 2, ready: { within: "8m" } }) },
});
let stage: Stage;
let machine: VmNode;

beforeAll(async () => {
  stage = await openStage();
  ({ machine } = (await stage.standUp(environment)).nodes);
}, 600_000);

afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
}, 120_000);

async function seen(check: Check<VmNode>): Promise<{ met: boolean; seen: string }> {
  const judgement = check.judge(await check.observe(machine));
  if ("skipped" in judgement) throw new Error(`skipped: ${judgement.skipped}`);
  return judgement;
}

test.each<Check<VmNode>>([
  selinux().isPermissive(),
  selinux().hasPolicy("mls"),
  selinux().hasModule("nosuch"),
  selinux().denies({ source: "container_t", target: "container_file_t", class: "dir", permission: "write" }),
  selinuxBoolean("container_use_nfs").isOn(),
  selinuxBoolean("nosuch").isOff(),
  selinuxPort("tcp", 22).isLabelled("http_port_t"),
  process("dockerd").hasDomain("container_t"),
  process("nosuch").hasDomain("container_t"),
  avc().hasDenied({ source: "nosuch_t" }),
])("not met: $title", async (check) => {
  expect(await seen(check)).toMatchObject({ met: false });
});

test("a word that the policy does not have is no denial", async () => {
  const access = { source: "nosuch_t", target: "etc_t", class: "file", permission: "write" };
  await expect(selinux().denies(access).observe(machine)).rejects.toThrow(/does not know the source nosuch_t/);
});

test("a file with another label than the policy's is told, with both", async () => {
  await machine.succeed(["sh", "-c", "mkdir /etc/lab; touch /etc/lab/a; chcon -t shadow_t /etc/lab/a"]);
  const { met, seen: said } = await seen(file("/etc/lab").isLabelledByPolicy({ recursive: true }));
  expect(met).toBe(false);
  expect(said).toMatch(/^1 with another: \/etc\/lab\/a has \S+shadow_t\S*, should have \S+etc_t/);
  await machine.succeed(["rm", "-r", "/etc/lab"]);
});

test("what a permissive mode lets through is told as logged, and not as denied", async () => {
  // semodule changes its domain, and of what it was given, that may not write to a file of root's.
  const before = await auditMark(machine);
  await machine.succeed(["sh", "-c", "setenforce 0; semodule -l >/root/modules; setenforce 1; rm /root/modules"]);
  expect(await seen(selinux().isEnforcing())).toMatchObject({ met: true });
  const denied = await seen(avc({ since: before }).hasDenied({ source: "semanage_t" }));
  expect(denied).toMatchObject({ met: false, seen: expect.stringContaining("only logged") });
  expect(await seen(avc({ since: before }).hasDeniedNothing())).toMatchObject({ met: false });
});

type AnyProbe = Probe<never, unknown>;
describe.each<{ name: string; probe: AnyProbe; subject: unknown }>([
  { name: "auditctl, to set a mark", probe: setAuditMark, subject: "token" },
  { name: "auditctl, to read the log", probe: auditLog, subject: undefined },
  { name: "restorecon", probe: mislabelledFiles, subject: { path: "/etc", recursive: false } },
  { name: "semodule", probe: portLabel, subject: "tcp/22" },
])("without $name", ({ probe, subject }) => {
  test("nothing is said", async () => {
    const toolless: AnyProbe = { ...probe, script: (subjects) => `PATH=/nonexistent\n${probe.script(subjects)}` };
    await expect(machine.observe(toolless, subject as never)).rejects.toMatchObject({ code: "probe-missing" });
  });
});

test("who may not look is told so", async () => {
  const nobody = machine.as("65534:65534");
  for (const check of [avc().hasDeniedNothing(), selinux().hasModule("container")] as readonly Check<VmNode>[])
    await expect.soft(check.observe(nobody), check.title).rejects.toThrow(ObservationError);
});

test("without auditd there is no word of denials, not even that there are none", async () => {
  const before = await auditMark(machine);
  await machine.succeed(["pkill", "-x", "auditd"]);
  // It may still be ending: what is said of it differs then, and a word of denials it is not.
  await expect(avc({ since: before }).hasDeniedNothing().observe(machine)).rejects.toMatchObject({
    name: "ObservationError",
  });
});
