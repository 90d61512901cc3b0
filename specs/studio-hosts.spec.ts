// One machine or several: each has its name, card and address, everybody finds everybody, and each is as sound as one alone.
import { describe } from "vitest";
import { hostsOf, studioHosts } from "../environments/studio-hosts.ts";
import {
  all,
  dns,
  expect,
  networkInterface,
  reverseName,
  route,
  type TestsOn,
  testIn,
  type VmNode,
} from "../harness/index.ts";
import { bashRole } from "./soe/bash.ts";
import { bootedMachine } from "./soe/machine.ts";
import { opsRole } from "./soe/ops.ts";
import { studioRole } from "./soe/studio.ts";

for (const count of [1, 3])
  describe(`a studio of ${count}`, () => {
    const test = testIn(studioHosts(count));
    const hosts = hostsOf(count);
    /** What the network's name server says, asked from anywhere on this machine. */
    const told = (name: string) => dns(name, { server: hosts.nameServer });

    test("each has its card, the address reserved for it, and the way out", async ({ dev }) => {
      expect(dev).toHaveLength(count);
      expect(new Set(dev.map((each) => each.address())).size).toBe(count);
      for (const [index, each] of dev.entries()) {
        const card = networkInterface("enp1s0");
        await expect(each).toMeet(
          all(
            card.isUp(),
            card.hasMac(hosts.mac(index + 1)),
            card.hasAddress(`${each.address()}/24`),
            route("default").isVia(hosts.nameServer),
          ),
        );
        expect(await each.succeed(["hostname"])).toBe(hosts.name(index + 1));
      }
    });

    test("everybody finds everybody: machines, the container, and this machine, both ways", async ({
      dev,
      desk,
      host,
    }) => {
      for (const [index, each] of dev.entries()) {
        const full = `${hosts.name(index + 1)}.${hosts.domain}`;
        for (const asking of [...dev.filter((other) => other !== each), desk])
          await expect(asking).toMeet(dns(hosts.name(index + 1)).resolvesTo(each.address()));
        for (const asking of [...dev, desk, host])
          await expect(asking).toMeet(
            all(told(full).resolvesTo(each.address()), told(reverseName(each.address())).hasRecord("PTR", full)),
          );
        await expect(each).toMeet(dns("desk").resolvesTo(desk.address()));
      }
      await expect(host).not.toMeet(told(`${hosts.name(count + 1)}.${hosts.domain}`).resolves());
    });

    for (const index of Array.from({ length: count }).keys()) {
      const onOne: TestsOn<{ soe: VmNode }> = (name, body) =>
        test(`${hosts.name(index + 1)}: ${name}`, ({ dev }) => body({ soe: dev[index] as VmNode }));
      // Before anybody logs in, who leaves lines in the journal and a history.
      bootedMachine(onOne);
      bashRole(onOne);
      studioRole(onOne);
      opsRole(onOne);
    }
  });
