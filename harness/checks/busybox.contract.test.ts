// Decides that busybox's tools alone, as in Alpine, show the checks about the system what Debian's show them, in a real container.
import { afterAll, beforeAll, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import type { Probe } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { groupEntry, groupsOf, userEntry } from "./account.ts";
import { cronEntries } from "./cron.ts";
import { fileSystemFacts } from "./filesystem-facts.ts";
import { httpExchange } from "./http-exchange.ts";
import { machineName } from "./kernel.ts";
import { moduleFacts } from "./module.ts";
import { mountFacts } from "./mount.ts";
import { interfaceFacts, routes } from "./network-facts.ts";
import { pkg } from "./package.ts";
import { packageFacts } from "./package-facts.ts";
import { modifiedFiles } from "./package-verify.ts";
import { passwordState } from "./password.ts";
import { passwordAge } from "./password-age.ts";
import { echoes } from "./ping.ts";
import { listeners } from "./port.ts";
import { socketHolders } from "./port-holders.ts";
import { openFiles, processEnvironment, processLimits } from "./process-inside.ts";
import { processesNamed } from "./process-table.ts";
import { reachable } from "./reach.ts";
import { repositoryFacts } from "./repository.ts";
import { serviceFacts } from "./service-facts.ts";
import { amiss, systemLab } from "./testing/system-lab.ts";
import { unixListeners } from "./unix-socket.ts";

// In a network without name servers, so that what is not resolved is so at once.
const environment = defineEnvironment("busybox-checks", {
  networks: { quiet: { internal: true } },
  nodes: {
    plain: container({
      image: systemLab(debian),
      idle: true,
      networks: ["quiet"],
      dnsOptions: ["timeout:1", "attempts:1"],
    }),
  },
});

let stage: Stage;
let plain: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  plain = (await stage.standUp(environment)).nodes.plain;
});

afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

/** The probe, on a node that has nothing else. */
function bare<Subject, Answer>(probe: Probe<Subject, Answer>, variables = ""): Probe<Subject, Answer> {
  return { ...probe, script: (subjects) => `PATH=/bb ${variables}\n${probe.script(subjects)}` };
}

const probes: readonly [Probe<never, unknown>, unknown][] = [
  [interfaceFacts, "eth0"],
  [routes, "all"],
  [cronEntries, "all"],
  [processEnvironment, 1],
  [openFiles, 1],
  [processLimits, 1],
  [serviceFacts, "sysv cron"],
  [processesNamed, "sleep"],
  [listeners, "tcp/8123"],
  [unixListeners, "all"],
  [echoes, "127.0.0.1"],
  [machineName, "machine"],
  [mountFacts, "/proc"],
  [moduleFacts, "overlay"],
  [userEntry, "games"],
  [groupEntry, "shadow"],
  [groupsOf, "nosuch"],
  [passwordState, "games"],
  [passwordAge, "games"],
  [repositoryFacts, "all"],
] as never;
test.each(probes.map(([probe, subject]) => ({ name: probe.name, probe, subject })))(
  "$name: busybox's tools alone give the same answer",
  async ({ probe, subject }) => {
    expect(await plain.observe(bare(probe), subject as never)).toEqual(await plain.observe(probe, subject as never));
  },
);

test("file systems are measured without findmnt; their UUIDs are not known", async () => {
  const [seen, whole] = await Promise.all([
    plain.observe(bare(fileSystemFacts), "/"),
    plain.observe(fileSystemFacts, "/"),
  ]);
  expect(seen).toMatchObject({ type: whole?.type, source: whole?.source, bytes: whole?.bytes, inodes: whole?.inodes });
  expect(seen?.nameless).toBe(true);
  expect(await plain.observe(bare(fileSystemFacts), "/etc")).toBeUndefined();
});

test("busybox's nc and ls show what is reached, what answers, and who listens", async () => {
  await plain.succeed(shell("mkdir /www && echo hello >/www/a && setsid busybox httpd -p 127.0.0.1:8125 -h /www"));
  expect(await plain.observe(bare(httpExchange), "http://127.0.0.1:8125/a")).toMatchObject({
    status: 200,
    body: "hello\n",
  });
  expect(await plain.observe(bare(httpExchange), "http://127.0.0.1:8125/b")).toMatchObject({ status: 404 });
  expect(await plain.observe(bare(httpExchange), "http://127.0.0.1:1/")).toMatchObject({
    refused: "Connection refused",
  });
  await expect(plain.observe(bare(httpExchange), "http://nosuch.invalid/")).rejects.toMatchObject({
    code: "probe-failed",
  });
  expect(await plain.observe(bare(reachable), "127.0.0.1 8125")).toEqual({ reached: true, said: "connected" });
  expect(await plain.observe(bare(reachable), "127.0.0.1 1")).toEqual({ reached: false, said: "Connection refused" });
  await expect(plain.observe(bare(reachable), "nosuch.invalid 1")).rejects.toMatchObject({ code: "probe-failed" });
  const [listener] = await plain.observe(listeners, "tcp/8125");
  const held = await plain.observe(bare(socketHolders), listener?.inode ?? "");
  expect(held).toEqual([{ pid: expect.any(Number), name: "busybox" }]);
  expect(held).toEqual(await plain.observe(socketHolders, listener?.inode ?? ""));
});

test("apk's database and files are read by busybox alone", async () => {
  await plain.succeed(
    shell(`mkdir -p /lib/apk/db /opt/tool && echo tool >/opt/tool/run && echo a=1 >/etc/tool.conf && ln -s run /opt/tool/link
sum() { sha1sum | cut -c 1-40 | python3 -c 'import base64, sys; print("Z:Q1" + base64.b64encode(bytes.fromhex(sys.stdin.read().strip())).decode())'; }
{ printf 'P:musl\\nV:1.2.5-r0\\nA:x86_64\\n\\nP:tool\\nV:2-r1\\nA:x86_64\\nF:opt/tool\\nR:run\\na:0:0:755\\n'; sum </opt/tool/run
printf 'R:link\\n'; printf run | sum; printf 'F:etc\\nR:tool.conf\\n'; sum </etc/tool.conf; echo; } >/lib/apk/db/installed`),
  );
  const database = bare(packageFacts, "DPKG_ADMINDIR=/none");
  expect(await plain.observe(database, "musl")).toEqual({
    state: "installed",
    version: "1.2.5-r0",
    architecture: "x86_64",
    manager: "apk",
  });
  expect(await plain.observe(database, "nosuch")).toBeUndefined();
  const tool = pkg("tool", { by: "apk" });
  expect(
    await amiss(plain, {
      met: [pkg("musl", { by: "apk" }).hasVersionIn(">=1.2.4-r3 <1.3"), tool.isUnmodified({ configuration: true })],
      unmet: [pkg("musl").isInstalled(), pkg("nosuch", { by: "apk" }).isUnmodified()],
    }),
  ).toEqual([]);
  const files = bare(modifiedFiles, "DPKG_ADMINDIR=/none");
  expect(await plain.observe(files, "tool")).toEqual([]);
  await plain.succeed(shell("echo more >>/opt/tool/run; ln -sf other /opt/tool/link; rm /etc/tool.conf"));
  expect(await plain.observe(files, "tool")).toEqual([
    { path: "/opt/tool/run", what: ["contents"], configuration: false },
    { path: "/opt/tool/link", what: ["contents"], configuration: false },
    { path: "/etc/tool.conf", what: ["missing"], configuration: true },
  ]);
});
