// Decides that 'no such name' and 'no answer' are told apart.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { addresses, dns } from "./dns.ts";

describe("what the resolver said in a Debian 12 container is read", () => {
  const getent =
    "127.0.0.1       STREAM localhost\n127.0.0.1       DGRAM  \n127.0.0.1       RAW    \n::1             STREAM \n::1             DGRAM  ";
  const parse = (...fields: readonly string[]) =>
    addresses.parse({ status: 0, stdout: Buffer.from(fields.map((field) => `${field}\0`).join("")), stderr: "" }, [
      "name",
    ])[0];

  test("addresses, each once, from perl or getent", () => {
    expect(parse("0", "127.0.0.1\n::1")).toEqual(["127.0.0.1", "::1"]);
    expect(parse("0", getent)).toEqual(["127.0.0.1", "::1"]);
  });

  test("a name that does not exist, or has no address, has none", () => {
    expect(parse("-2", "Name or service not known")).toEqual([]);
    expect(parse("-5", "No address associated with hostname")).toEqual([]);
  });

  test("a name server that does not answer is an error", () => {
    const error = parse("-3", "Temporary failure in name resolution");
    expect(error).toBeInstanceOf(ObservationError);
    expect(error).toMatchObject({ code: "probe-failed", hint: expect.stringContaining("resolv.conf") });
  });

  test("without perl and python3, nslookup of busybox tells which names do not exist", () => {
    const said = (line: string) => `Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n${line}\n`;
    expect(parse("unknown", said("** server can't find name: NXDOMAIN"))).toEqual([]);
    for (const line of [
      "** server can't find name.lan: NXDOMAIN",
      "** server can't find name: SERVFAIL",
      ";; timed out",
    ])
      expect(parse("unknown", said(line))).toMatchObject({ code: "probe-missing" });
  });

  test("where nobody can say why, nothing is said", () => {
    expect(parse("unknown", "")).toMatchObject({ code: "probe-missing", seen: expect.stringContaining("perl") });
    expect(parse("0", "what?")).toMatchObject({ code: "probe-unreadable" });
    expect(parse("0", "")).toMatchObject({ code: "probe-unreadable" });
    expect(() => parse("0")).toThrow(ObservationError);
  });
});

probeContract(hostNode, { probe: addresses, subject: "localhost", tools: ["perl"] });

test("perl, python3 and getent agree about names that exist; getent alone says nothing of others", async () => {
  const node = hostNode();
  const without = (...tools: readonly string[]) => ({
    ...addresses,
    script: (names: readonly string[]) =>
      `command() { case " ${tools.join(" ")} " in *" $2 "*) return 1 ;; esac; return 0; }\n${addresses.script(names)}`,
  });
  const [perl, python, getent] = [addresses, without("perl"), without("perl", "python3")];
  for (const probe of [perl, python, getent]) expect(await node.observe(probe, "localhost")).toContain("127.0.0.1");
  const mute = { ...getent, script: (names: readonly string[]) => `nslookup() { :; }\n${getent.script(names)}` };
  await expect(node.observe(mute, "nosuch.invalid")).rejects.toMatchObject({ code: "probe-missing" });
  await node.close();
});

test("judges: any address, all of some addresses", () => {
  const seen = ["10.0.0.7", "fe80::1"];
  expect(dns("db").resolves().judge(seen)).toMatchObject({ met: true });
  expect(dns("db").resolves().judge([])).toEqual({ met: false, expected: "an address", seen: "no such name" });
  expect(dns("db").resolvesTo("10.0.0.7").judge(seen)).toMatchObject({ met: true });
  expect(dns("db").resolvesTo("FD00:0::7").judge(["fd00::7"])).toMatchObject({ met: true });
  expect(dns("db").resolvesTo("10.0.0.7", "10.0.0.8").judge(seen)).toMatchObject({
    met: false,
    seen: "10.0.0.7, fe80::1",
  });
});

test.each(["", "a b", "-x", "10.0.0.1", "::1"])("%j is refused as a host name", (name) => {
  expect(() => dns(name)).toThrow(DeclarationError);
});

test("on this machine: a name of the hosts file, and one that cannot exist", async () => {
  const node = hostNode();
  expect(await node.observe(addresses, "localhost")).toContain("127.0.0.1");
  // RFC 2606: never a name. Where no name server answers, that is told, and not taken for an answer.
  const seen = await node.observe(addresses, "nosuch.invalid").catch((error: unknown) => error);
  expect(seen instanceof ObservationError || (Array.isArray(seen) && seen.length === 0)).toBe(true);
  await node.close();
});
