// Decides that the checks about the system say what is the case in a real container: packages of dpkg and rpm, users, the
// network, processes' insides, sockets, cron, packet filters.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import type { Check, Probe } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { group, user } from "./account.ts";
import { cron } from "./cron.ts";
import { firewall } from "./firewall.ts";
import { pip } from "./language-package.ts";
import { installedPackages } from "./licences.ts";
import { address, networkInterface, route } from "./network.ts";
import { interfaceFacts } from "./network-facts.ts";
import { alternative, hostName, os } from "./os.ts";
import { pkg } from "./package.ts";
import { ping } from "./ping.ts";
import { port } from "./port.ts";
import { process as processCheck } from "./process.ts";
import { repositories } from "./repository.ts";
import { amiss, rpmSpec, systemLab } from "./testing/system-lab.ts";
import { unixSocket } from "./unix-socket.ts";
import { versionOrder } from "./version-order.ts";

const lab = systemLab(debian);
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

async function expectMet(node: ContainerNode, met: readonly Check[], unmet: readonly Check[]): Promise<void> {
  expect.soft(await amiss(node, { met, unmet })).toEqual([]);
}

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
        rpmSpec,
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
        pkg("studio-tool:noarch", { by: "rpm" }).isUnmodified(),
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

test("the network, with ip and without", async () => {
  const own = box.address();
  const [link = ""] = (await box.succeed(["ip", "-4", "route", "show", "scope", "link"])).split(" ");
  const [, , gateway = ""] = (await box.succeed(["ip", "-4", "route", "show", "default"])).split(" ");
  const eth = networkInterface("eth0");
  await expectMet(
    box,
    [
      networkInterface("lo").hasAddress("127.0.0.1/8"),
      ping(own).isAnswered(),
      ping("plain").isAnswered(),
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
      eth.isPartOf("br0"),
    ],
  );
  await box.succeed(
    shell("ip link add br0 type bridge && ip link add v0 type veth peer name v1 && ip link set v0 master br0"),
  );
  await expectMet(
    box,
    [networkInterface("v0").isPartOf("br0"), eth.hasSpeed(10000)],
    [networkInterface("v1").isPartOf("br0"), networkInterface("lo").hasSpeed(10000)],
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
  // Its own soft limit: with runc 1.1 one in several commands that an engine starts has the hard limit as its soft one.
  await box.succeed(["sh", "-c", "ulimit -Sn 512; MODE=fast setsid tail -f /etc/passwd >/dev/null 2>&1 &"]);
  const tail = processCheck("tail");
  await expectMet(
    box,
    [
      tail.hasEnv("MODE", "fast"),
      tail.runsInGroup("root"),
      tail.usesAtMost("200m"),
      tail.hasOpen("/etc/passwd"),
      tail.hasLimit("nofile", { soft: 512, hard: 4096 }),
      hostName().is("milla"),
      os().is("debian"),
      os().hasVersion("12"),
      alternative("pager").isAutomatic(),
    ],
    [
      tail.hasEnv("MODE", "slow"),
      tail.runsInGroup("games"),
      tail.usesAtMost("1k"),
      tail.isChildOf("python3"),
      tail.hasOpen("/etc/shadow"),
      tail.hasLimit("nofile", { soft: 1 }),
      os().is("alpine"),
      alternative("nosuch").exists(),
      pip("nosuch").isInstalled(),
    ],
  );
});

test("unix sockets: a server's, and who holds it", async () => {
  const server = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('/run/lab.sock'); s.listen(); s.accept()";
  await plain.succeed([
    "sh",
    "-c",
    'setsid python3 -c "$1" >/dev/null 2>&1 & while ! grep -q lab.sock /proc/net/unix; do :; done',
    "sh",
    server,
  ]);
  const lab = unixSocket("/run/lab.sock");
  await expectMet(
    plain,
    [lab.isListening(), lab.hasType("stream"), lab.isHeldBy("python3")],
    [lab.hasType("datagram"), lab.isHeldBy("sh"), unixSocket("/run/other.sock").isListening()],
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
    [
      firewall().hasRule("tcp dport 22 counter accept", { table: "inet t", chain: "c" }),
      firewall().hasPolicy("c", "accept", { table: "t" }),
    ],
    [
      firewall().hasRule("tcp dport 23 accept"),
      firewall().hasRule("tcp dport 22 counter accept", { table: "nat" }),
      firewall().hasPolicy("c", "drop"),
    ],
  );
  await expect(firewall().hasNoRules().observe(plain)).rejects.toMatchObject({ code: "probe-denied" });
});

test("users: groups, ages of passwords, ends of accounts", async () => {
  await box.succeed(
    shell(`groupadd vfx && useradd -c 'Ops Team,Room 1' -G vfx,games ops && chage -m 1 -M 90 -W 14 -E 2031-05-06 ops`),
  );
  const ops = user("ops");
  await expectMet(
    box,
    [
      ops.hasGecos("Ops Team,Room 1"),
      ops.hasOnlyGroups("ops", "games", "vfx"),
      ops.hasPasswordMinAge(1),
      ops.hasPasswordMaxAge(90),
      ops.hasPasswordWarning(14),
      ops.expires("2031-05-06"),
      user("root").expires("never"),
      group("vfx").hasOnlyMembers("ops"),
      group("shadow").hasOnlyMembers(),
    ],
    [ops.hasOnlyGroups("ops"), ops.expires("never"), group("vfx").hasOnlyMembers(), user("nosuch").expires("never")],
  );
});

test("repositories: those of the image, and one that asks for no signature", async () => {
  const ours = repositories();
  await expectMet(box, [ours.have(/./, { suite: "bookworm", component: "main" }), ours.areSigned()], [ours.areNone()]);
  await box.succeed(
    shell(
      "printf 'Types: deb\\nURIs: http://x.example/\\nSuites: s\\nComponents: c\\nTrusted: yes\\n' >/etc/apt/sources.list.d/x.sources",
    ),
  );
  await expectMet(
    box,
    [ours.have("http://x.example", { suite: "s" })],
    [ours.areSigned(), ours.areOnly("http://x.example")],
  );
});
