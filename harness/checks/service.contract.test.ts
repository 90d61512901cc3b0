// Decides that services are seen as they are in a real container: of OpenRC, s6, runit, supervisord and init.
import { afterAll, beforeAll, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { service } from "./service.ts";
import { amiss, startScript, systemLab } from "./testing/system-lab.ts";

const lab = systemLab(debian);
const environment = defineEnvironment("service-checks", {
  nodes: { box: container({ image: lab, idle: true }), plain: container({ image: lab, idle: true }) },
});

let stage: Stage;
let box: ContainerNode;
let plain: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  const { nodes } = await stage.standUp(environment);
  box = nodes.box;
  plain = nodes.plain;
});

afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

async function expectMet(node: ContainerNode, met: readonly Check[], unmet: readonly Check[]): Promise<void> {
  expect.soft(await amiss(node, { met, unmet })).toEqual([]);
}

test("of each manager, running and not; of none that runs, nothing is said", async () => {
  await expect(service("web", { under: "s6" }).isRunning().observe(plain)).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining("s6-svscan does not run"),
  });
  await expectMet(
    plain,
    [service("cron").isEnabled(), service("cron").isUnder("openrc")],
    [service("nosuch").exists()],
  );
  await expect(service("cron").isRunning().observe(plain)).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining("OpenRC does not run"),
  });
  await expectMet(
    plain,
    [service("cron", { under: "sysv" }).isEnabled()],
    [service("cron", { under: "sysv" }).isRunning(), service("nosuch", { under: "sysv" }).exists()],
  );
  await box.succeed(shell(startScript.supervisors));
  const [web, off, job] = [
    service("web", { under: "s6" }),
    service("off", { under: "s6" }),
    service("job", { under: "runit" }),
  ];
  await expectMet(
    box,
    [web.isRunning(), web.isEnabled(), off.exists(), job.isRunning(), job.isEnabled()],
    [off.isRunning(), off.isEnabled(), service("nosuch", { under: "s6" }).exists()],
  );
  await box.succeed(shell(startScript.openrc));
  await expectMet(
    box,
    [service("cron").isUnder("openrc"), service("cron").isEnabled(), service("cron").isRunning()],
    [],
  );
  await expectMet(
    box,
    [service("cron").isEnabledIn("default"), service("cron", { under: "sysv" }).isEnabledIn("2")],
    [service("cron").isEnabledIn("boot")],
  );
  await box.succeed(shell("/etc/init.d/cron stop >/dev/null 2>&1"));
  await expectMet(box, [], [service("cron").isRunning(), service("nosuch").exists()]);
});

test("of supervisord, while it runs", async () => {
  const job = service("job", { under: "supervisor" });
  await expect(job.isEnabled().observe(box)).rejects.toMatchObject({ code: "probe-failed" });
  await box.succeed(shell(startScript.supervisord));
  const off = service("off", { under: "supervisor" });
  await expectMet(
    box,
    [job.isRunning(), job.isEnabled(), off.exists()],
    [off.isRunning(), off.isEnabled(), service("nosuch", { under: "supervisor" }).exists()],
  );
});
