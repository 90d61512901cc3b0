// What faults are worked out of, without any node: rules, amounts, what a guest or a kernel said.
import { describe, expect, test } from "vitest";
import { isMounted, readRoom } from "./fill-disk.ts";
import { loss, netem, queueIn, together } from "./network-delay.ts";
import { sharedCards } from "./partition.ts";
import { runningIn, skewOf } from "./skew-clock.ts";

describe("what a partition cuts", () => {
  const card = (network: string, mac: string) => ({ network, mac, port: `to-${mac}` });

  test("is what both sides share, on every network that they do", () => {
    const a = [card("lan", "a1"), card("wan", "a2")];
    const b = [card("wan", "b1"), card("dmz", "b2"), card("lan", "b3")];
    expect(sharedCards(a, b)).toEqual([a, [card("wan", "b1"), card("lan", "b3")]]);
  });

  test("is nothing where they share none", () => {
    expect(sharedCards([card("lan", "a1")], [card("wan", "b1")])).toBeUndefined();
    expect(sharedCards([], [card("wan", "b1")])).toBeUndefined();
  });
});

describe("several impairments of one card", () => {
  test("delays add up; a packet has to pass each loss", () => {
    expect(together([])).toBeUndefined();
    expect(together([{ delayMs: 200, loss: 0 }])).toEqual({ delayMs: 200, loss: 0 });
    const all = [
      { delayMs: 200, loss: 0.5 },
      { delayMs: 50, loss: 0 },
      { delayMs: 0, loss: 0.5 },
    ];
    expect(together(all)).toEqual({ delayMs: 250, loss: 0.75 });
  });

  test("become words of tc", () => {
    expect(netem({ delayMs: 1500, loss: 0 }).join(" ")).toBe("netem limit 100000 delay 1500ms");
    expect(netem({ delayMs: 0, loss: 0.3 }).join(" ")).toBe("netem limit 100000 loss 30%");
    expect(netem({ delayMs: 0.5, loss: 1 / 3 }).join(" ")).toBe("netem limit 100000 delay 0.5ms loss 33.333333%");
  });

  test.each([0, -0.1, 1.01, 30, Number.NaN])("a share of %s is none", async (share) => {
    await expect(loss({} as never, "lan", share)).rejects.toMatchObject({
      code: "bad-share",
      at: expect.stringContaining("faults.test.ts:"),
    });
  });
});

describe("a card's queue", () => {
  test.each([
    ["", "kernel's"],
    ["[]", "kernel's"],
    ['[{"kind":"fq_codel","handle":"0:","root":true,"refcnt":2,"options":{}}]', "kernel's"],
    ['[{"kind":"netem","handle":"a55a:","root":true,"refcnt":2,"options":{"limit":100000}}]', "ours"],
    ['[{"kind":"netem","handle":"8001:","root":true,"refcnt":2,"options":{"limit":1000}}]', "taken"],
    ['[{"kind":"htb","handle":"1:","root":true,"refcnt":2,"options":{"r2q":10}}]', "taken"],
  ])("%s is %s", (listing, whose) => expect(queueIn(listing)).toBe(whose));
});

describe("a file system's room", () => {
  const memory = "MemTotal:        8148332 kB\nMemFree:          140136 kB\nMemAvailable:    3021456 kB\n";

  test("is what stat and the kernel say of it", () => {
    expect(readRoom("4096 4096 tmpfs\n", "1048630 directory\n", memory)).toEqual({
      type: "tmpfs",
      block: 4096,
      free: 16_777_216,
      memory: 3_093_970_944,
      device: "0:310",
    });
    expect(readRoom("4096 9 ext2/ext3", "65025 directory", memory)).toMatchObject({ device: "254:1" });
  });

  test("is none of a file's, or where something is not said", () => {
    expect(readRoom("4096 9 tmpfs", "54 regular file", memory)).toBeUndefined();
    expect(readRoom("", "54 directory", memory)).toBeUndefined();
    expect(readRoom("4096 9 tmpfs", "54 directory", "MemTotal: 8 kB\n")).toBeUndefined();
  });

  test("is the host's where that has it mounted, too", () => {
    const host = "22 1 0:21 / /proc rw shared:5 - proc proc rw\n31 22 0:310 /a /run rw - tmpfs tmpfs rw,size=1k\n";
    expect([isMounted(host, "0:310"), isMounted(host, "0:31"), isMounted(host, "22:1")]).toEqual([true, false, false]);
  });
});

describe("a skew", () => {
  test("says ahead or behind, and how much", () => {
    expect([skewOf("+1h"), skewOf("-1.5h"), skewOf("-250ms")]).toEqual([3_600_000, -5_400_000, -250]);
  });

  test.each(["1h", "+", "-", "+1", "+-1h", "", "1h+"])("%j says nothing", (text) =>
    expect(() => skewOf(text, "a.spec.ts:1:1")).toThrow(/^declare: a\.spec\.ts:1:1: /),
  );

  test("knows who keeps the time, each once, by systemd's words", () => {
    const shown =
      "Id=chrony.service\nActiveState=active\n\nId=chrony.service\nActiveState=active\n\nId=ntp.service\nActiveState=inactive\n";
    expect(runningIn(shown)).toEqual(["chrony.service"]);
    expect(runningIn("")).toEqual([]);
  });
});
