// Decides that the checks about the system say what is the case in a real container: packages of dpkg and rpm, services of OpenRC, s6,
// runit and init, the network, processes' insides, cron, packet filters; with the image's own tools and with busybox's alone.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import type { Check, Probe } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { recipe, run } from "../model/recipe.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { groupEntry, groupsOf, userEntry } from "./account.ts";
import { cron, cronEntries } from "./cron.ts";
import { firewall } from "./firewall.ts";
import { httpExchange } from "./http-exchange.ts";
import { pip } from "./language-package.ts";
import { installedPackages } from "./licences.ts";
import { moduleFacts } from "./module.ts";
import { mountFacts } from "./mount.ts";
import { address, networkInterface, route } from "./network.ts";
import { interfaceFacts, routes } from "./network-facts.ts";
import { alternative, hostName, os } from "./os.ts";
import { pkg } from "./package.ts";
import { packageFacts } from "./package-facts.ts";
import { passwordState } from "./password.ts";
import { listeners, port } from "./port.ts";
import { socketHolders } from "./port-holders.ts";
import { process as processCheck } from "./process.ts";
import { openFiles, processEnvironment, processLimits } from "./process-inside.ts";
import { processesNamed } from "./process-table.ts";
import { reachable } from "./reach.ts";
import { service } from "./service.ts";
import { serviceFacts } from "./service-facts.ts";
import { versionOrder } from "./version-order.ts";

// What a container has no use for, and many an image has.
const packages = [
  "busybox",
  "cron",
  "iproute2",
  "nftables",
  "openrc",
  "procps",
  "python3",
  "rpm",
  "runit",
  "s6",
  "supervisor",
];
const lab = recipe("system-lab", {
  version: "0.1.0",
  from: debian,
  steps: [
    run(["apt-get", "update"]),
    run(["apt-get", "install", "--yes", "--no-install-recommends", ...packages]),
    run(["sh", "-c", "mkdir /bb && busybox --install -s /bb"]),
  ],
  context: import.meta.dirname,
});
const environment = defineEnvironment("system-checks", {
  networks: { quiet: { internal: true } },
  nodes: {
    box: container({
      image: lab,
      idle: true,
      hostname: "milla",
      networks: ["quiet"],
      capabilities: { add: ["NET_ADMIN"] },
      ulimits: { nofile: { soft: 1024, hard: 4096 } },
    }),
    plain: container({ image: lab, idle: true, networks: ["quiet"], dnsOptions: ["timeout:1", "attempts:1"] }),
  },
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

async function isMet<N extends Node>(node: N, check: Check<N>): Promise<boolean> {
  const judgement = check.judge(await check.observe(node));
  if ("skipped" in judgement) throw new Error(`skipped: ${judgement.skipped}`);
  return judgement.met;
}

/** Asked all at once, as `all` does: they travel together. */
async function expectMet(node: ContainerNode, met: readonly Check[], unmet: readonly Check[]): Promise<void> {
  const wanted = [...met.map((check) => ({ check, is: true })), ...unmet.map((check) => ({ check, is: false }))];
  const seen = await Promise.all(wanted.map(({ check }) => isMet(node, check)));
  wanted.forEach(({ check, is }, index) => {
    expect.soft(seen[index], `${is ? "" : "not: "}${check.title}`).toBe(is);
  });
}

const spec = `Name: studio-tool
Version: 1.4~rc2
Release: 3.fc40
Epoch: 2
Summary: t
License: MIT
Vendor: Fedora Project
BuildArch: noarch
%description
t
%install
mkdir -p %{buildroot}/opt/studio
echo tool > %{buildroot}/opt/studio/tool
echo conf > %{buildroot}/opt/studio/tool.conf
%files
/opt/studio/tool
%config /opt/studio/tool.conf
`;

describe("packages", () => {
  test("of dpkg: versions in its order, modified files; sources are not known without lists", async () => {
    await expectMet(
      box,
      [
        pkg("dpkg").isInstalled(),
        pkg("bash").hasVersionIn(">=5.2 <6"),
        pkg("cron").isUnmodified(),
        pkg("bash:amd64").hasArchitecture("amd64"),
      ],
      [pkg("studio-tool").isInstalled(), pkg("bash").hasVersionIn(">=6 || <5"), pkg("no-such-package").isUnmodified()],
    );
    await box.succeed(shell("echo '# x' >>/etc/init.d/cron && printf x >>/usr/bin/crontab"));
    await expectMet(
      box,
      [pkg("cron").isUnmodified({ except: [/bin\/crontab$/] })],
      [pkg("cron").isUnmodified(), pkg("cron").isUnmodified({ configuration: true, except: [/bin\/crontab$/] })],
    );
    await box.succeed(shell("rm -rf /var/lib/apt/lists/*"));
    await expect(pkg("bash").comesFrom("o=Debian").observe(box)).rejects.toMatchObject({
      code: "probe-failed",
      seen: expect.stringContaining("no lists"),
    });
  });

  test("of rpm: a database made by rpm itself", async () => {
    await expect(pkg("studio-tool", { by: "rpm" }).isInstalled().observe(plain)).rejects.toMatchObject({
      code: "probe-failed",
      seen: expect.stringContaining("no database of rpm"),
    });
    await box.succeed(
      [
        "sh",
        "-euc",
        'printf "%s" "$1" >/root/t.spec; rpmbuild -bb /root/t.spec >/dev/null 2>&1; rpm -i --nodeps /root/rpmbuild/RPMS/noarch/*.rpm',
        "sh",
        spec,
      ],
      { env: { HOME: "/root" } },
    );
    const tool = pkg("studio-tool", { by: "rpm" });
    await expectMet(
      box,
      [
        tool.isInstalled(),
        tool.hasVersion("1.4~rc2"),
        tool.hasVersionIn(">=1.4~rc1 <1.4"),
        tool.hasVersionIn("=2:1.4~rc2"),
        tool.comesFrom("Fedora"),
        tool.isUnmodified(),
      ],
      [pkg("nosuch", { by: "rpm" }).isInstalled(), tool.hasVersionIn(">=1.4"), tool.comesFrom("Debian")],
    );
    // dpkg's database comes first where there are several.
    const listed = await box.observe(
      { ...installedPackages, script: (all) => `DPKG_ADMINDIR=/nonexistent\n${installedPackages.script(all)}` },
      "packages",
    );
    expect(listed).toEqual({ manager: "rpm", packages: [{ package: "studio-tool", text: "MIT" }] });
    await box.succeed(shell("echo x >>/opt/studio/tool.conf"));
    await expectMet(box, [tool.isUnmodified()], [tool.isUnmodified({ configuration: true })]);
    await box.succeed(shell("chmod 600 /opt/studio/tool"));
    await expectMet(box, [], [tool.isUnmodified()]);
  });

  test("the orders are those of dpkg and rpm themselves", async () => {
    const words = [
      "1.0",
      "1.0~rc1",
      "1.0~",
      "1.0a",
      "1.0.1",
      "1.10",
      "1.9",
      "1.0+b1",
      "2:0.1",
      "1.0-1",
      "1.0-1+deb12u1",
      "1.02",
      "1.0^git1",
      "10xyz",
      "1.0-1.fc40",
      "0",
    ];
    const debian = words.filter((word) => !word.includes("^"));
    const pairs = (from: readonly string[]) => from.flatMap((a) => from.map((b) => [a, b] as const));
    const loop =
      'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; elif dpkg --compare-versions "$a" eq "$b"; then echo 0; else echo 1; fi; done';
    const ask = async (command: string, list: readonly (readonly [string, string])[]) =>
      (
        await box.succeed([
          "sh",
          "-c",
          `printf '%s\\n' "$@" | { ${command}; }`,
          "sh",
          ...list.map((pair) => pair.join(" ")),
        ])
      )
        .split("\n")
        .map(Number);
    const sign = (list: readonly (readonly [string, string])[], manager: "dpkg" | "rpm") =>
      list.map(([a, b]) => Math.sign(versionOrder[manager](a, b)));
    expect(sign(pairs(debian), "dpkg")).toEqual(await ask(loop, pairs(debian)));
    // rpm.vercmp compares one part: versions without epoch and release.
    const parts = words.filter((word) => !/[:-]/.test(word));
    const byRpm = await box.succeed([
      "sh",
      "-c",
      `for pair do rpm --eval "%{lua: print(rpm.vercmp('\${pair% *}', '\${pair#* }'))}"; done`,
      "sh",
      ...pairs(parts).map((pair) => pair.join(" ")),
    ]);
    expect(sign(pairs(parts), "rpm")).toEqual(byRpm.split("\n").map(Number));
  });
});

test("services: of each manager, running and not; of none that runs, nothing is said", async () => {
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
  await box.succeed(
    shell(`mkdir -p /run/service/web /run/service/off /etc/sv/job
for run in /run/service/web/run /run/service/off/run /etc/sv/job/run; do printf '#!/bin/sh\\nexec sleep 86400\\n' >$run; chmod 755 $run; done
touch /run/service/off/down; ln -s /etc/sv/job /etc/service/job
setsid s6-svscan /run/service >/dev/null 2>&1 &
setsid runsvdir -P /etc/service >/dev/null 2>&1 &
s6-svwait -u -t 20000 /run/service/web 2>/dev/null || { while ! [ -e /run/service/web/supervise/control ]; do :; done; s6-svwait -u -t 20000 /run/service/web; }
sv -w 20 start job >/dev/null 2>&1 || { while ! [ -e /etc/sv/job/supervise/ok ]; do :; done; sv -w 20 start job >/dev/null; }`),
  );
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
  await box.succeed(
    shell("mkdir -p /run/openrc && echo default >/run/openrc/softlevel && /etc/init.d/cron start >/dev/null 2>&1"),
  );
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

test("services: of supervisord, while it runs", async () => {
  const job = service("job", { under: "supervisor" });
  await expect(job.isEnabled().observe(box)).rejects.toMatchObject({ code: "probe-failed" });
  await box.succeed(
    shell(`printf '[program:job]\\ncommand=sleep 86400\\nstartsecs=0\\n[program:off]\\ncommand=sleep 1\\nautostart=false\\n' >/etc/supervisor/conf.d/lab.conf
supervisord -c /etc/supervisor/supervisord.conf && supervisorctl start job >/dev/null || supervisorctl status job | grep -q RUNNING`),
  );
  const off = service("off", { under: "supervisor" });
  await expectMet(
    box,
    [job.isRunning(), job.isEnabled(), off.exists()],
    [off.isRunning(), off.isEnabled(), service("nosuch", { under: "supervisor" }).exists()],
  );
});

test("the network, with ip and without", async () => {
  const own = box.address();
  const [link = ""] = (await box.succeed(["ip", "-4", "route", "show", "scope", "link"])).split(" ");
  const [, , gateway = ""] = (await box.succeed(["ip", "-4", "route", "show", "default"])).split(" ");
  const eth = networkInterface("eth0");
  await expectMet(
    box,
    [
      networkInterface("lo").hasAddress("127.0.0.1/8"),
      eth.isUp(),
      eth.hasMtu(1500),
      eth.hasAddress(own),
      route(link).isThrough("eth0"),
      route("default").isVia(gateway),
    ],
    [
      networkInterface("eth1").exists(),
      eth.hasAddress("192.0.2.1"),
      route("192.0.2.0/24").exists(),
      route("default").isVia("192.0.2.1"),
      address("127.0.0.1:1").isReachable(),
    ],
  );
  const without: Probe<string, unknown> = {
    ...interfaceFacts,
    script: (names) => `command() { [ "$2" != ip ] && type "$2"; }\n${interfaceFacts.script(names)}`,
  };
  expect(await box.observe(without, "eth0")).toEqual(await box.observe(interfaceFacts, "eth0"));
  const server = "import socket; s = socket.create_server(('0.0.0.0', 8123)); s.accept(); s.accept()";
  await plain.succeed([
    "sh",
    "-c",
    'setsid python3 -c "$1" >/dev/null 2>&1 & while ! grep -q :1FBB /proc/net/tcp; do :; done',
    "sh",
    server,
  ]);
  await expectMet(box, [address("plain:8123").isReachable()], [address("plain:8124").isReachable()]);
  await expectMet(plain, [port(8123).isHeldBy("python3")], []);
});

test("processes inside, host name, system, alternatives, Python", async () => {
  await box.succeed(["sh", "-c", "MODE=fast setsid tail -f /etc/passwd >/dev/null 2>&1 &"]);
  const tail = processCheck("tail");
  await expectMet(
    box,
    [
      tail.hasEnv("MODE", "fast"),
      tail.hasOpen("/etc/passwd"),
      tail.hasLimit("nofile", { soft: 1024, hard: 4096 }),
      hostName().is("milla"),
      os().is("debian"),
      os().hasVersion("12"),
      alternative("pager").isAutomatic(),
    ],
    [
      tail.hasEnv("MODE", "slow"),
      tail.hasOpen("/etc/shadow"),
      tail.hasLimit("nofile", { soft: 1 }),
      os().is("alpine"),
      alternative("nosuch").exists(),
      pip("nosuch").isInstalled(),
    ],
  );
});

test("cron, and what it leaves out", async () => {
  await expectMet(
    box,
    [cron().runs("run-parts --report /etc/cron.daily", { as: "root" }), cron().leavesNothingOut()],
    [cron().runs("backup")],
  );
  await box.succeed(
    shell(
      "printf '0 3 * * * root backup\\n' >/etc/cron.d/studio.conf; printf '5 4 * * * mine\\n' >/var/spool/cron/crontabs/ops",
    ),
  );
  await expectMet(
    box,
    [cron().runs("mine", { as: "ops", at: "5 4 * * *" })],
    [cron().runs("backup"), cron().leavesNothingOut()],
  );
  await expect(cron().leavesNothingOut().observe(box.as("65534:65534"))).rejects.toMatchObject({
    code: "probe-denied",
  });
});

test("packet filters: who may look sees rules, who may not has no answer", async () => {
  // The engine's name server has rules of its own there.
  await expectMet(box, [], [firewall().hasNoRules(), firewall().hasRule("tcp dport 22 counter accept")]);
  await box.succeed(
    shell(
      "nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; policy accept; }'; nft add rule inet t c tcp dport 22 counter accept",
    ),
  );
  await expectMet(
    box,
    [firewall().hasRule("tcp dport 22 counter accept")],
    [firewall().hasRule("tcp dport 23 accept")],
  );
  await expect(firewall().hasNoRules().observe(plain)).rejects.toMatchObject({ code: "probe-denied" });
});

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
  [mountFacts, "/proc"],
  [moduleFacts, "overlay"],
  [userEntry, "games"],
  [groupEntry, "shadow"],
  [groupsOf, "nosuch"],
  [passwordState, "games"],
] as never;
test.each(probes.map(([probe, subject]) => ({ name: probe.name, probe, subject })))(
  "$name: busybox's tools alone give the same answer",
  async ({ probe, subject }) => {
    const byBusybox = { ...probe, script: (subjects: readonly never[]) => `PATH=/bb\n${probe.script(subjects)}` };
    expect(await plain.observe(byBusybox, subject as never)).toEqual(await plain.observe(probe, subject as never));
  },
);

test("busybox's nc and ls show what is reached, what answers, and who listens", async () => {
  const bare = <Subject, Answer>(probe: Probe<Subject, Answer>): Probe<Subject, Answer> => ({
    ...probe,
    script: (subjects) => `PATH=/bb\n${probe.script(subjects)}`,
  });
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

test("apk's database is read by busybox alone", async () => {
  await plain.succeed(
    shell("mkdir -p /lib/apk/db && printf 'P:musl\\nV:1.2.5-r0\\nA:x86_64\\n\\n' >/lib/apk/db/installed"),
  );
  const byBusybox = {
    ...packageFacts,
    script: (subjects: readonly string[]) => `PATH=/bb DPKG_ADMINDIR=/none\n${packageFacts.script(subjects)}`,
  };
  expect(await plain.observe(byBusybox, "musl")).toEqual({
    state: "installed",
    version: "1.2.5-r0",
    architecture: "x86_64",
    manager: "apk",
  });
  expect(await plain.observe(byBusybox, "nosuch")).toBeUndefined();
  await expectMet(plain, [pkg("musl", { by: "apk" }).hasVersionIn(">=1.2.4-r3 <1.3")], [pkg("musl").isInstalled()]);
});
