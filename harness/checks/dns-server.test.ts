// Decides that what a name server says is read, whoever carries the question, and that silence, refusal and failure are no answers.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { dns } from "./dns.ts";
import { dnsQuery, type RecordType, readDnsAnswer } from "./dns-packet.ts";
import { type DnsQuestion, dnsRecords, readServer } from "./dns-server.ts";

// Recorded: dnsmasq 2.90, and for ns BIND 9.18 (Debian 12), asked with EDNS; each question's id is 0x1234.
const recorded: Readonly<Record<string, string>> = {
  "milla.studio.example A":
    "123485800001000100000001056d696c6c610673747564696f076578616d706c650000010001c00c000100010000000000040a00000700002904d0000000000000",
  "renderfarm.studio.example A":
    "1234858000010001000000010a72656e6465726661726d0673747564696f076578616d706c650000010001c00c000100010000000000040a00000a00002904d0000000000000",
  "milla.studio.example AAAA":
    "123485800001000100000001056d696c6c610673747564696f076578616d706c6500001c0001c00c001c0001000000000010fd00000000000000000000000000000700002904d0000000000000",
  "www.studio.example A":
    "123485800001000200000001037777770673747564696f076578616d706c650000010001c00c00050001000000000016056d696c6c610673747564696f076578616d706c6500c030000100010000000000040a00000700002904d0000000000000",
  "studio.example MX":
    "1234858000010001000000010673747564696f076578616d706c6500000f0001c00c000f0001000000000017000a046d61696c0673747564696f076578616d706c650000002904d0000000000000",
  "_amqp._tcp.studio.example SRV":
    "123485800001000100000001055f616d7170045f7463700673747564696f076578616d706c650000210001c00c0021000100000000001d0000000516280662726f6b65720673747564696f076578616d706c650000002904d0000000000000",
  "studio.example TXT":
    "1234858000010001000000010673747564696f076578616d706c650000100001c00c0010000100000000001b0e763d73706631206d78202d616c6c0b7365636f6e64207061727400002904d0000000000000",
  "7.0.0.10.in-addr.arpa PTR":
    "12348580000100010000000101370130013002313007696e2d61646472046172706100000c0001c00c000c0001000000000016056d696c6c610673747564696f076578616d706c650000002904d0000000000000",
  "studio.example CAA":
    "1234858000010001000000010673747564696f076578616d706c650001010001c00c010100010000000000180005697373756563612e73747564696f2e6578616d706c6500002904d0000000000000",
  "nobody.studio.example A":
    "123481830001000000000001066e6f626f64790673747564696f076578616d706c65000001000100002904d0000000000000",
  "elsewhere.example A":
    "12348185000100000000000109656c73657768657265076578616d706c65000001000100002904d0000000000006000f0002000e",
  "ns.studio.example A":
    "123485000001000100000001026e730673747564696f076578616d706c650000010001c00c000100010000003c00040a35350200002904d0000000000000",
  "www.studio.example CNAME":
    "123485800001000100000001037777770673747564696f076578616d706c650000050001c00c00050001000000000016056d696c6c610673747564696f076578616d706c650000002904d0000000000000",
};

describe("answers", () => {
  const values = (question: string) =>
    readDnsAnswer(0x1234, Buffer.from(recorded[question] ?? "", "hex"))?.records.map(({ value }) => value);
  test.each([
    ["milla.studio.example A", ["10.0.0.7"]],
    ["milla.studio.example AAAA", ["fd00::7"]],
    ["www.studio.example A", ["milla.studio.example", "10.0.0.7"]],
    ["studio.example MX", ["10 mail.studio.example"]],
    ["_amqp._tcp.studio.example SRV", ["0 5 5672 broker.studio.example"]],
    ["studio.example TXT", ["v=spf1 mx -allsecond part"]],
    ["7.0.0.10.in-addr.arpa PTR", ["milla.studio.example"]],
    ["studio.example CAA", ['0 issue "ca.studio.example"']],
    ["nobody.studio.example A", []],
    ["www.studio.example CNAME", ["milla.studio.example"]],
  ])("%s", (question, expected) => expect(values(question)).toEqual(expected));

  test("a start of authority, its names pointing backwards (RFC 1035 section 3.3.13)", () => {
    const zone = "07636f6d70616e7900";
    const packet = `123480000000000100000000${zone}0006000100000000001e046d61696ec00c0461646d69c00c0000000700000e1000000258000151800000012c`;
    const told = readDnsAnswer(0x1234, Buffer.from(packet.replace("001e", "0022"), "hex"));
    expect(told?.records).toEqual([{ type: 6, value: "main.company admi.company 7 3600 600 86400 300", ttl: 0 }]);
  });

  test("other bytes are no answer: another id, a question, cut anywhere, a name in circles", () => {
    const whole = Buffer.from(recorded["www.studio.example A"] ?? "", "hex");
    expect(readDnsAnswer(0x1235, whole)).toBeUndefined();
    expect(readDnsAnswer(7, dnsQuery(7, "a.example", "A"))).toBeUndefined();
    for (let length = 0; length < whole.length - 11; length += 1)
      expect(readDnsAnswer(0x1234, whole.subarray(0, length))).toBeUndefined();
    const circle = Buffer.from("123480000001000000000000c00c00010001", "hex");
    expect(readDnsAnswer(0x1234, circle)).toBeUndefined();
    // An address of another length than addresses have.
    for (const type of ["0001", "001c"])
      expect(
        readDnsAnswer(0x1234, Buffer.from(`123481800000000100000000${"00"}${type}0001000000000006aabbccddeeff`, "hex")),
      ).toBeUndefined();
  });
});

describe("asked on this machine", () => {
  const node = hostNode();
  const server = createSocket("udp4");
  const silent = createSocket("udp4");
  const at = (socket: Socket) => `127.0.0.1:${socket.address().port}`;
  beforeAll(async () => {
    server.on("message", (question, { port, address }) => {
      // One that is asked in two pieces hears nothing that it knows.
      const known = Object.keys(recorded).find((each) => {
        const [name = "", type] = each.split(" ");
        // nslookup's questions end differently.
        const asked = dnsQuery(0, name, type as RecordType).subarray(12, -11);
        return question.subarray(12, 12 + asked.length).equals(asked);
      });
      const answer = Buffer.from(recorded[known ?? ""] ?? "", "hex");
      if (answer.length === 0) return;
      answer.writeUInt16BE(question.readUInt16BE(0), 0);
      server.send(answer, port, address);
    });
    for (const socket of [server, silent]) {
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
    }
  });
  afterAll(async () => {
    server.close();
    silent.close();
    await node.close();
  });

  /** The same probe where some programs are not there, and nslookup is busybox's. */
  const without = (...tools: readonly string[]) => ({
    ...dnsRecords,
    script: (questions: readonly DnsQuestion[]) =>
      `nslookup() { busybox nslookup "$@"; }\ncommand() { case " ${tools.join(" ")} " in *" $2 "*) return 1 ;; esac; type "$2"; }\n${dnsRecords.script(questions)}`,
  });

  test.each([
    ["python3", []],
    ["perl", ["python3"]],
    ["bash", ["python3", "perl"]],
    ["busybox", ["python3", "perl", "bash"]],
  ])("%s carries each question in one piece, all at once", async (_, missing) => {
    const probe = without(...missing);
    const ask = async (name: string, type: RecordType) =>
      (await node.observe(probe, { server: at(server), name, type })).map(({ value }) => value);
    // A label of ten bytes is a line break in the question.
    expect(
      await Promise.all([
        ask("milla.studio.example", "A"),
        ask("renderfarm.studio.example", "A"),
        ask("milla.studio.example", "AAAA"),
        ask("www.studio.example", "A"),
        ask("studio.example", "MX"),
        ask("7.0.0.10.in-addr.arpa", "PTR"),
        ask("nobody.studio.example", "A"),
      ]),
    ).toEqual([
      ["10.0.0.7"],
      ["10.0.0.10"],
      ["fd00::7"],
      ["10.0.0.7"],
      ["10 mail.studio.example"],
      ["milla.studio.example"],
      [],
    ]);
    await expect(ask("elsewhere.example", "A")).rejects.toMatchObject({
      code: "probe-failed",
      seen: expect.stringContaining("it says REFUSED"),
    });
  });

  test("whoever asks, silence and a port where nobody is are no answers", async () => {
    const closed = createSocket("udp4").bind(0, "127.0.0.1");
    await once(closed, "listening");
    const nobody = at(closed);
    closed.close();
    await once(closed, "close");
    const asked = [[], ["python3"], ["python3", "perl"], ["python3", "perl", "bash"]].flatMap((missing) =>
      [at(silent), nobody].map(async (target) => {
        // Each on a node of its own, so that they wait at the same time.
        const own = hostNode();
        const question = { server: target, name: "a.example", type: "A" } as const;
        await expect(own.observe(without(...missing), question), missing.join()).rejects.toMatchObject({
          code: "probe-failed",
          seen: expect.stringContaining(`cannot ask the name server ${target}`),
        });
        await own.close();
      }),
    );
    await Promise.all(asked);
  });

  test("without any of them it is said", async () => {
    await expect(
      node.observe(without("python3", "perl", "bash"), { server: at(server), name: "a.example", type: "TXT" }),
    ).rejects.toMatchObject({ code: "probe-missing" });
  });

  test("sentences", async () => {
    const met = async (check: ReturnType<ReturnType<typeof dns>["resolves"]>) => check.judge(await check.observe(node));
    const ask = (name: string) => dns(name, { server: at(server) });
    expect(await met(ask("milla.studio.example").resolvesTo("10.0.0.7", "fd00::7"))).toMatchObject({ met: true });
    expect(await met(ask("studio.example").hasRecord("MX", "10 MAIL.studio.example."))).toMatchObject({ met: true });
    expect(await met(ask("studio.example").hasRecord("TXT"))).toMatchObject({ met: true });
    expect(await met(ask("studio.example").hasRecord("MX", "20 mail.studio.example"))).toMatchObject({
      met: false,
      expected: "20 mail.studio.example",
      seen: "10 mail.studio.example",
    });
    expect(await met(ask("nobody.studio.example").hasRecord("A"))).toMatchObject({ met: false, seen: "no record A" });
  });

  test("how long an answer may be kept", async () => {
    const zone = dns("ns.studio.example", { server: at(server) });
    const met = async (check: ReturnType<typeof zone.hasTtl>) => check.judge(await check.observe(node));
    expect(await met(zone.hasTtl("A", 60))).toMatchObject({ met: true });
    expect(await met(zone.hasTtl("A", { atMost: 59 }))).toEqual({ met: false, expected: "at most 59s", seen: "60s" });
    const absent = dns("nobody.studio.example", { server: at(server) });
    expect(await met(absent.hasTtl("A", 60))).toMatchObject({ met: false, seen: "no record A" });
    const busybox = {
      ...node,
      observe: (_: unknown, question: DnsQuestion) => node.observe(without("python3", "perl", "bash"), question),
    };
    await expect(zone.hasTtl("A", 60).observe(busybox as typeof node)).rejects.toMatchObject({
      code: "probe-missing",
      seen: expect.stringContaining("how long 10.53.53.2 may be kept"),
    });
  });

  probeContract(hostNode, {
    probe: dnsRecords,
    subject: { server: "127.0.0.1:1", name: "a.example", type: "A" },
    tools: ["python3"],
    elsewhere: "a name server",
  });
});

test("what busybox's nslookup says is read", () => {
  // Recorded: busybox 1.35 (Debian 12), asking dnsmasq 2.90; line breaks are \\036 by then.
  const head = ["Server:\t\t127.0.0.1:5399", "Address:\t127.0.0.1:5399", ""];
  const parse = (type: RecordType, ...lines: readonly string[]) =>
    dnsRecords.parse(
      { status: 0, stderr: "", stdout: Buffer.from(`0 nslookup ${[...head, ...lines, "", ""].join("\x1e")}\n`) },
      [{ server: "127.0.0.1:5399", name: "x.example", type }],
    )[0];
  const values = (type: RecordType, ...lines: readonly string[]) => {
    const found = parse(type, ...lines);
    return Array.isArray(found) ? found.map((each) => each.value) : found;
  };
  expect(values("A", "Name:\tmilla.studio.example", "Address: 10.0.0.7")).toEqual(["10.0.0.7"]);
  expect(values("AAAA", "Name:\tmilla.studio.example", "Address: fd00::7")).toEqual(["fd00::7"]);
  const alias = "www.studio.example\tcanonical name = milla.studio.example";
  expect(values("A", alias, "Name:\tmilla.studio.example", "Address: 10.0.0.7")).toEqual(["10.0.0.7"]);
  expect(values("CNAME", alias)).toEqual(["milla.studio.example"]);
  expect(values("MX", "studio.example\tmail exchanger = 10 mail.studio.example")).toEqual(["10 mail.studio.example"]);
  expect(values("SRV", "_amqp._tcp.studio.example\tservice = 0 5 5672 broker.studio.example")).toEqual([
    "0 5 5672 broker.studio.example",
  ]);
  expect(values("PTR", "7.0.0.10.in-addr.arpa\tname = milla.studio.example")).toEqual(["milla.studio.example"]);
  expect(values("MX", "Non-authoritative answer:")).toEqual([]);
  expect(values("A", "** server can't find nobody.studio.example: NXDOMAIN")).toEqual([]);
  expect(parse("A", "** server can't find elsewhere.example: REFUSED")).toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining("it says REFUSED"),
  });
  const other = { status: 0, stderr: "", stdout: Buffer.from("0 nslookup nonsense\n") };
  expect(dnsRecords.parse(other, [{ server: "127.0.0.1", name: "x", type: "A" }])[0]).toMatchObject({
    code: "probe-unreadable",
  });
});

test("bounds of a time to live", () => {
  const about = dns("a.example", { server: "10.0.0.2" });
  const between = about.hasTtl("A", { atLeast: 30, atMost: 60 });
  expect(between.title).toBe("name a.example at 10.0.0.2 has TTL 30s to 60s on A");
  const met = (seen: number[]) => {
    const judgement = between.judge(seen);
    return "met" in judgement && judgement.met;
  };
  expect([[30], [60], [45, 60], [29], [61], [45, 61], []].map(met)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(about.hasTtl("A", { atMost: 60 }).title).toContain("at most 60s");
  expect(about.hasTtl("A", { atLeast: 60 }).title).toContain("at least 60s");
  for (const wrong of [-1, 1.5, 2 ** 31, { atLeast: 61, atMost: 60 }])
    expect(() => about.hasTtl("A", wrong)).toThrow(DeclarationError);
});

test("servers are addresses", () => {
  expect(readServer("10.0.0.2")).toEqual({ host: "10.0.0.2", port: 53 });
  expect(readServer("fd00::2")).toEqual({ host: "fd00::2", port: 53 });
  expect(readServer("[fd00::2]:5353")).toEqual({ host: "fd00::2", port: 5353 });
  for (const wrong of ["ns.example", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536", "[10.0.0.2]:53", "-x", ""])
    expect(() => dns("a", { server: wrong })).toThrow(DeclarationError);
});
