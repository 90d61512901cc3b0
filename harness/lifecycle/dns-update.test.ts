// Decides that nsupdate is told what is meant and nothing else, whatever names are like, and that its words are understood.
import { describe, expect, test } from "vitest";
import { secret } from "../model/secret.ts";
import { type NodeNames, readRefusal, updatesFor } from "./dns-update.ts";

const value = Buffer.alloc(32, "dns-update").toString("base64");
const key = { name: "studio", secret: secret("update key", value), algorithm: "hmac-sha256" } as const;
const where = { server: "10.0.0.2", domain: "studio.example", publish: { server: "ns", key, ttl: 60, reverse: true } };
const head = `server 10.0.0.2\nkey hmac-sha256:studio ${value}\n`;
const dev = (over: Partial<NodeNames> = {}): NodeNames => ({
  node: "dev",
  network: "studio",
  names: ["vfx-001.studio.example", "dev.studio.example"],
  address: "10.0.0.7",
  ...over,
});

describe("what nsupdate is told", () => {
  test("published, all names of a node stand for its address, and that for the first of them", () => {
    expect(updatesFor("publish", [dev()], where)).toEqual([
      {
        about: "studio.example",
        script: `${head}update delete vfx-001.studio.example. A
update add vfx-001.studio.example. 60 A 10.0.0.7
update delete dev.studio.example. A
update add dev.studio.example. 60 A 10.0.0.7
send
`,
      },
      {
        about: "0.0.10.in-addr.arpa",
        script: `${head}update delete 7.0.0.10.in-addr.arpa. PTR
update add 7.0.0.10.in-addr.arpa. 60 PTR vfx-001.studio.example.
send
`,
      },
    ]);
  });

  test("withdrawn, what was published goes, and nothing else of the name", () => {
    const [forward, back] = updatesFor("withdraw", [dev({ names: ["dev.studio.example"] })], where);
    expect(forward?.script).toBe(`${head}update delete dev.studio.example. A 10.0.0.7\nsend\n`);
    expect(back?.script).toBe(`${head}update delete 7.0.0.10.in-addr.arpa. PTR dev.studio.example.\nsend\n`);
  });

  test("addresses of two zones are two messages; without reverse there is none; of nobody nothing is said", () => {
    const about = (nodes: readonly NodeNames[], reverse = true) =>
      updatesFor("publish", nodes, { ...where, publish: { ...where.publish, reverse } }).map((each) => each.about);
    const nodes = [dev(), dev({ address: "10.0.1.7" }), dev({ address: "10.0.0.8" })];
    expect(about(nodes)).toEqual(["studio.example", "0.0.10.in-addr.arpa", "1.0.10.in-addr.arpa"]);
    expect(about(nodes, false)).toEqual(["studio.example"]);
    expect(about([])).toEqual([]);
  });

  test.each([
    "a\nserver 192.0.2.1",
    "a. 60 A 192.0.2.1\nupdate add b",
    "a b.example",
    "a;b.example",
    '"a".example',
    "a..example",
    ".example",
    "",
    "é.example",
    `${"a".repeat(64)}.example`,
    "-a.example",
    "*.example",
  ])("%j is no name", (name) => {
    for (const change of ["publish", "withdraw"] as const)
      expect(() => updatesFor(change, [dev({ names: [name] })], where)).toThrow("cannot be published");
  });

  test("an address that is none is refused", () => {
    for (const address of ["10.0.0.7\nsend", "fd00::7", "", "10.0.0"])
      expect(() => updatesFor("publish", [dev({ address })], where)).toThrow();
  });
});

describe("what it says", () => {
  // Recorded: nsupdate and BIND 9.18 (Debian 12).
  test.each([
    [2, "update failed: REFUSED", "update-refused", 'lets the key "studio" change nothing of studio.example'],
    [
      2,
      "; TSIG error with server: tsig indicates error\nupdate failed: NOTAUTH(BADKEY)",
      "update-refused",
      "no such key",
    ],
    [
      2,
      "; TSIG error with server: tsig indicates error\nupdate failed: NOTAUTH(BADSIG)",
      "update-refused",
      "another secret",
    ],
    [2, "update failed: NOTAUTH(BADTIME)", "update-refused", "clock"],
    [2, "update failed: NOTAUTH", "no-zone", "has no zone for studio.example"],
    [2, "update failed: NOTZONE", "no-zone", "has no zone for studio.example"],
    [1, "; Communication with 10.0.0.2#53 failed: REFUSED\ncould not reach any name server", "no-zone", "has no zone"],
    [
      1,
      "; Communication with 10.0.0.2#53 failed: connection refused\ncould not reach any name server",
      "no-answer",
      "does not answer",
    ],
    [
      1,
      "; Communication with 10.0.0.2#53 failed: timed out\ncould not reach any name server",
      "no-answer",
      "does not answer",
    ],
    [2, "update failed: SERVFAIL", "update-failed", "could not change studio.example"],
    [127, "sh: 1: nsupdate: not found", "no-nsupdate", "nsupdate is not there"],
    [1, "", "update-failed", "(status 1)"],
  ])("%i, %j: %s", (status, stderr, code, seen) => {
    const refusal = readRefusal({ status, stdout: "", stderr }, "studio.example", "studio");
    expect(refusal).toMatchObject({ code, seen: expect.stringContaining(seen) });
    expect(refusal.hint).not.toBe("");
  });
});
