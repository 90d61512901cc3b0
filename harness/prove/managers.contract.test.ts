// Decides that a service is stopped and disabled by whoever looks after it, that who asks for that notices and nobody else, and that it comes
// back as it was.
import { afterAll, beforeAll, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import { service } from "../checks/service.ts";
import { type ServiceManager, serviceFacts } from "../checks/service-facts.ts";
import { startScript, systemLab } from "../checks/testing/system-lab.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { derive } from "./derive.ts";
import { applyCommand, findCommand, undoCommand } from "./script.ts";

const environment = defineEnvironment("prove-managers", {
  nodes: { lab: container({ image: systemLab(debian), idle: true }) },
});
let stage: Stage;
let lab: ContainerNode;
const ground = { of: "container", memory: [] } as const;
const root = { user: "0" } as const;
// A daemon that is there, and gone, after its script has ended.
const late = `cat >/etc/init.d/late <<'EOF'
#!/bin/sh
case $1 in
  start) (sleep 0.3; touch /run/late) & ;;
  stop) (sleep 0.3; rm /run/late) & ;;
  status) [ -e /run/late ] ;;
esac
EOF
chmod 755 /etc/init.d/late; ln -s ../init.d/late /etc/rc2.d/S01late; touch /run/late`;
beforeAll(async () => {
  stage = await openStage();
  ({ lab } = (await stage.standUp(environment)).nodes);
  for (const text of [...Object.values(startScript), late]) await lab.succeed(shell(text));
}, 600_000);
afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

async function isMet(check: Check<Node>) {
  const judgement = check.judge(await check.observe(lab));
  return "met" in judgement && judgement.met;
}

test.each<[string, ServiceManager, readonly string[]]>([
  ["web", "s6", ["stop web"]],
  ["job", "runit", ["stop job"]],
  ["job", "supervisor", ["stop job"]],
  ["cron", "openrc", ["stop cron", "disable cron"]],
  ["cron", "sysv", ["stop cron", "disable cron"]],
  ["late", "sysv", ["stop late", "disable late"]],
])("%s of %s", async (name, under, ids) => {
  const runs = service(name, { under }).isRunning();
  const enabled = service(name, { under }).isEnabled();
  const answer = await lab.observe(serviceFacts, `${under} ${name}`);
  const subject = `${under} ${name}`;
  const seen = { key: "a", node: "lab", of: "container", probe: "services", subject, answer } as const;
  const { mutations } = derive([{ ...seen, facets: new Set(), titles: [] }], environment, { only: ["service"] });
  expect(mutations.map(({ id }) => id)).toEqual(ids.map((id) => `lab: ${id}`));
  for (const { id, change } of mutations) {
    if (change.way !== "script") throw new Error(`${id} is made ${change.way}`);
    const { script } = change;
    const { stdout: found } = await lab.exec(findCommand(script), root);
    const paths = found.split("\0").filter(Boolean);
    const made = await lab.exec(applyCommand(script, paths, ground), root);
    const [before = "", after = ""] = made.stdout.split("\0");
    expect([id, made.status, made.stderr]).toEqual([id, 0, ""]);
    expect(after.trimEnd()).not.toBe(before.trimEnd());
    const [noticing, other] = id.includes("stop") ? [runs, enabled] : [enabled, runs];
    expect([id, await isMet(noticing), await isMet(other)]).toEqual([id, false, true]);
    const undone = await lab.exec(undoCommand(script, paths), root);
    expect([id, undone.status, undone.stdout.trimEnd()]).toEqual([id, 0, before.trimEnd()]);
    expect([id, await isMet(noticing)]).toEqual([id, true]);
  }
});
