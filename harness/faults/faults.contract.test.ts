// Decides that each fault does what it says, on real nodes: before it nothing is broken, while it stands only what it names, afterwards nothing
// again, also where nobody healed it. What differs is told by what arrives and in which order, never by how long something took.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { Partitions } from "../drivers/partition.ts";
import { container, tmpfs } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode, Node, VmNode } from "../model/node.ts";
import { vm } from "../model/vm.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";
import { fillDisk } from "./fill-disk.ts";
import { latency, loss } from "./network-delay.ts";
import { partition } from "./partition.ts";
import { skewClock } from "./skew-clock.ts";

const environment = defineEnvironment("faults", {
  networks: { lan: {}, aside: {} },
  nodes: {
    dev: vm({ image: machine, memory: "256m", carrier: true, networks: ["lan"] }),
    one: container({ image: soe, idle: true, networks: ["lan"], mounts: { "/tmpfs": tmpfs({ size: "16m" }) } }),
    two: container({ image: soe, idle: true, networks: ["lan"], mounts: { "/wide": tmpfs() } }),
    apart: container({ image: soe, idle: true, networks: ["aside"] }),
  },
});

let stage: Stage;
let staged: Staged<typeof environment>;
let nodes: Staged<typeof environment>["nodes"];
beforeAll(async () => {
  stage = await openStage();
  staged = await stage.standUp(environment);
  nodes = staged.nodes;
});
afterAll(async () => {
  await stage?.close();
});

/** One that does not come has a second, one that should has long: an emulated guest may be busy. */
async function reaches(from: Node, to: ContainerNode | VmNode): Promise<boolean> {
  const address = to.address();
  const { status, stdout } = await from.exec(["ping", "-n", "-c", "1", "-W", "1", address]);
  if (status === 0) return true;
  if (status !== 1) expect.fail(stdout);
  return false;
}
const reachesSoon = (from: Node, to: ContainerNode | VmNode) =>
  from.succeed(["ping", "-n", "-c", "1", "-w", "30", to.address()]);

const tables = async () => (await new Partitions().find(stage.run)).map(({ kind }) => kind);

describe("a partition", () => {
  test("cuts both ways between its sides, machine and container, and nobody else off; heals; heals again", async () => {
    const { dev, one, two } = nodes;
    for (const [from, to] of [
      [dev, one],
      [one, dev],
      [one, two],
    ] as const)
      await reachesSoon(from, to);
    expect(await tables()).toEqual([]);
    await using cut = await partition(one, [dev]);
    expect(cut.title).toBe("partition of faults/one from faults/dev");
    expect(await tables()).toEqual(["partition"]);
    expect([await reaches(one, dev), await reaches(dev, one)]).toEqual([false, false]);
    for (const [from, to] of [
      [one, two],
      [two, one],
      [two, dev],
      [dev, two],
    ] as const)
      await reachesSoon(from, to);
    await Promise.all([cut.heal(), cut.heal()]);
    await cut.heal();
    expect(await tables()).toEqual([]);
    await reachesSoon(one, dev);
    await reachesSoon(dev, one);
  });

  test("between groups leaves each group whole; a connection that stands waits, and goes on when it is healed", async () => {
    const { dev, one, two } = nodes;
    const heard = dev.exec(["python3", "-c", listen, one.address(), "9001"], { timeoutMs: 120_000 });
    heard.catch(() => undefined); // awaited below
    await one.succeed(["python3", "-c", serve, "9001"], { timeoutMs: 120_000 });
    await one.succeed(shell("until [ -e /tmp/connected ]; do sleep 0.1; done"));
    {
      await using _cut = await partition([one, two], dev);
      await one.succeed(["touch", "/tmp/say"]);
      await one.succeed(shell("until [ -e /tmp/said ]; do sleep 0.1; done"));
      expect([await reaches(one, dev), await reaches(dev, two)]).toEqual([false, false]);
      await reachesSoon(one, two);
      await dev.succeed(["test", "!", "-e", "/tmp/heard"]);
    }
    expect(await heard).toMatchObject({ status: 0, stdout: "said while cut\n" });
  });

  /** What the second hears first, of what the first sends to everybody and, after that, a third to it alone. */
  async function hearsFirst(from: Node, to: ContainerNode, third: Node): Promise<string> {
    await to.succeed(["rm", "-f", "/tmp/bound"]);
    const heard = to.exec(["python3", "-c", hear, "9002"], { timeoutMs: 120_000 });
    heard.catch(() => undefined); // awaited below
    await to.succeed(shell("until [ -e /tmp/bound ]; do sleep 0.1; done"));
    await from.succeed(["python3", "-c", send, "255.255.255.255", "9002", "to all"]);
    await third.succeed(["python3", "-c", send, to.address(), "9002", "to you"]);
    return (await heard).stdout.trim();
  }

  test("keeps what is sent to everybody from the other side", async () => {
    const { dev, one, two } = nodes;
    expect(await hearsFirst(one, two, dev)).toBe("to all");
    await using _cut = await partition(one, two);
    expect(await hearsFirst(one, two, dev)).toBe("to you");
    expect(await hearsFirst(two, one, dev)).toBe("to you");
  });

  test("outlives a new start of a node, whose port is then another", async () => {
    const { dev, one, two } = nodes;
    const [before] = await one.cards();
    await using _cut = await partition(dev, one);
    await one.restart();
    const [after] = await one.cards();
    expect(after).toMatchObject({ network: "lan", mac: before?.mac });
    expect(after?.port).not.toBe(before?.port);
    await reachesSoon(one, two);
    expect([await reaches(dev, one), await reaches(one, dev)]).toEqual([false, false]);
    expect(await hearsFirst(dev, one, two)).toBe("to you");
  });

  test("is refused before anything is cut where it could not be kept", async () => {
    const { dev, one, apart } = nodes;
    const refusals = await Promise.all(
      [partition(one, [one, dev]), partition(one, []), partition(one, apart)].map((each) =>
        each.then(
          () => "none",
          (error: unknown) => (error instanceof DeclarationError ? `${error.code} ${error.at}` : error),
        ),
      ),
    );
    const here = expect.stringContaining("faults.contract.test.ts:");
    expect(refusals).toEqual([here, here, here]);
    expect(refusals.map((each) => String(each).split(" ")[0])).toEqual(["both-sides", "no-nodes", "no-common-network"]);
    expect(await tables()).toEqual([]);
  });
});

describe("a slow and a lossy network", () => {
  const queue = async () => nodes.dev.succeed(shell("tc qdisc show | grep -c netem || true"));
  /** Milliseconds there and back, `undefined` where nothing came back. */
  const roundTrip = async () => {
    const { stdout } = await nodes.dev.exec(["ping", "-n", "-c", "1", "-W", "20", nodes.one.address("lan")]);
    return /time=([\d.]+) ms/.exec(stdout)?.[1];
  };

  test("delays what a machine sends, loses it, does both, and forgets it", async () => {
    const { dev } = nodes;
    expect(await queue()).toBe("0");
    const slow = await latency(dev, "lan", "1500ms");
    expect(Number(await roundTrip())).toBeGreaterThanOrEqual(1499);
    const gone = await loss(dev, "lan", 1);
    expect(await queue()).toBe("1");
    expect(await reaches(dev, nodes.one)).toBe(false);
    await gone.heal();
    expect(Number(await roundTrip())).toBeGreaterThanOrEqual(1499);
    await slow.heal();
    expect(await queue()).toBe("0");
    await reachesSoon(dev, nodes.one);
  });

  test("is refused for a container, an unknown network, and a queue of the guest's own", async () => {
    const { dev, one } = nodes;
    await expect(latency(one as unknown as VmNode, "lan", "1s")).rejects.toMatchObject({ code: "no-netem" });
    await expect(loss(dev, "wan", 0.5)).rejects.toMatchObject({ code: "no-network" });
    await expect(loss(dev, "lan", 30)).rejects.toMatchObject({ code: "bad-share" });
    const device = await dev.succeed(shell("ip -o route show default | grep -o 'dev [^ ]*' | cut -d' ' -f2"));
    await dev.succeed(["tc", "qdisc", "replace", "dev", device, "root", "handle", "7:", "pfifo"]);
    await expect(latency(dev, "lan", "1s")).rejects.toMatchObject({ code: "queue-taken" });
    await dev.succeed(["tc", "qdisc", "del", "dev", device, "root"]);
  });
});

describe("a full disk", () => {
  const write = (megabytes: number, path: string) =>
    ["dd", "if=/dev/zero", `of=${path}`, "bs=1M", `count=${megabytes}`, "conv=fsync"] as const;

  test.each(["dev", "one"] as const)(
    "of %s takes no more than was left, and all again when it is healed",
    async (name) => {
      const node: VmNode | ContainerNode = nodes[name];
      const path = name === "dev" ? "/var/tmp" : "/tmpfs";
      const admin = node.as("0");
      await admin.succeed(write(10, `${path}/before`));
      await admin.succeed(["rm", `${path}/before`]);
      {
        await using _full = await fillDisk(node, path, { leave: "4m" });
        expect((await admin.fail(write(10, `${path}/meanwhile`))).stderr).toContain("No space left");
        await admin.succeed(["rm", "-f", `${path}/meanwhile`]);
        await admin.succeed(write(1, `${path}/little`));
        await expect(fillDisk(node, path, { leave: "1g" })).rejects.toBeInstanceOf(ProvisionError);
      }
      await admin.succeed(write(10, `${path}/after`));
      await admin.succeed(shell(`rm ${path}/after ${path}/little; [ -z "$(find ${path} -name '.assay-fill*')" ]`));
    },
  );

  test("is refused where it is the host's, and takes nothing of it", async () => {
    const { one, two } = nodes;
    for (const path of ["/", "/etc", "/proc"])
      await expect(fillDisk(one, path, { leave: "1m" })).rejects.toMatchObject({ code: "hosts-disk" });
    await expect(fillDisk(two, "/wide", { leave: "1m" })).rejects.toMatchObject({ code: "hosts-memory" });
    await one.fail(shell("ls /.assay-fill* /etc/.assay-fill*"));
    await two.fail(shell("ls /wide/.assay-fill*"));
  });
});

describe("a wrong clock", () => {
  const ahead = async () => Number(await nodes.dev.succeed(["date", "+%s"])) * 1000 - Date.now();
  const minute = 60_000;

  test("is as wrong as was said, what keeps it stands still, and is right again when it is healed", async () => {
    const { dev } = nodes;
    const keeper = () => dev.exec(["systemctl", "is-active", "chrony.service"]).then(({ stdout }) => stdout.trim());
    expect(await keeper()).toBe("active");
    const wrong = await skewClock(dev, "+3h");
    expect(await ahead()).toBeGreaterThan(170 * minute);
    expect(await keeper()).toBe("inactive");
    await wrong.heal();
    expect(Math.abs(await ahead())).toBeLessThan(10 * minute);
    expect(await keeper()).toBe("active");
    // How long it stays wrong is then the keeper's to say.
    await using _behind = await skewClock(dev, "-3h", { keeper: "left" });
    expect(await keeper()).toBe("active");
  });

  test("is refused for a container: it is the host's", async () => {
    await expect(skewClock(nodes.one as unknown as VmNode, "+1h")).rejects.toMatchObject({ code: "hosts-clock" });
  });
});

describe("what nobody healed", () => {
  test("is healed as a test ends: all of it, whatever it is", async () => {
    const { dev, one } = nodes;
    await partition(dev, one);
    await fillDisk(one, "/tmpfs", { leave: "1m" });
    await staged.heal();
    expect(await tables()).toEqual([]);
    await reachesSoon(dev, one);
    await one.as("0").succeed(shell("[ -z \"$(find /tmpfs -name '.assay-fill*')\" ]"));
  });

  test("goes with its environment; healing it then is nothing, and nothing can be broken any more", async () => {
    const { dev, one } = nodes;
    const cut = await partition(dev, one);
    await staged.takeDown();
    expect(await tables()).toEqual([]);
    await cut.heal();
    await expect(partition(dev, one)).rejects.toMatchObject({ code: "no-stand" });
    expect((await stage.close()).leaked).toEqual([]);
  });
});

/** Serves one connection beside its caller: says a line into it when it is told to. */
const serve = `
import os, socket, sys, time
listening = socket.create_server(("", int(sys.argv[1])))
if os.fork() > 0: os._exit(0)
os.setsid()
for fd in (0, 1, 2): os.dup2(os.open("/dev/null", os.O_RDWR), fd)
connection, _ = listening.accept()
open("/tmp/connected", "w").close()
while not os.path.exists("/tmp/say"): time.sleep(0.05)
connection.sendall(b"said while cut\\n")
open("/tmp/said", "w").close()
connection.recv(1)
`;

const listen = `
import socket, sys, time
while True:
    try:
        connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
        break
    except ConnectionRefusedError: time.sleep(0.1)
said = connection.recv(100)
open("/tmp/heard", "w").close()
print(said.decode(), end="")
`;

const hear = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[1])))
open("/tmp/bound", "w").close()
print(s.recv(100).decode())
`;

const send = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.sendto(sys.argv[3].encode(), (sys.argv[1], int(sys.argv[2])))
`;
