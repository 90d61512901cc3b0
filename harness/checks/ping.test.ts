// Decides what is read of ping's words, by iputils 20221126 (Debian 12, Fedora) and busybox 1.35 (Alpine); who may not send has no answer.
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { echoes, ping } from "./ping.ts";

const read = (text: string, status: string) =>
  echoes.parse({ status: 0, stdout: Buffer.from(`0 ${status} ${text}\0`), stderr: "" }, ["db"])[0];
const iputils = (received: number) =>
  `PING db (10.0.0.7) 56(84) bytes of data.\n\n--- db ping statistics ---\n1 packets transmitted, ${received} received, ${received ? 0 : 100}% packet loss, time 0ms\n`;
const busybox = (received: number) =>
  `PING db (10.0.0.7): 56 data bytes\n\n--- db ping statistics ---\n1 packets transmitted, ${received} packets received, ${received ? 0 : 100}% packet loss\n`;

test.each([
  ["an answer to iputils", iputils(1), "0", { answered: true, said: "answered" }],
  ["an answer to busybox", busybox(1), "0", { answered: true, said: "answered" }],
  ["silence", iputils(0), "1", { answered: false, said: "silence for 2 s" }],
  ["silence for busybox", busybox(0), "1", { answered: false, said: "silence for 2 s" }],
  [
    "a host that nobody leads to",
    "PING db (10.0.0.7) 56(84) bytes of data.\nFrom 10.0.0.1 icmp_seq=1 Destination Host Unreachable\n\n--- db ping statistics ---\n1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms\n",
    "1",
    { answered: false, said: "Destination Host Unreachable" },
  ],
  ["no network", "ping: connect: Network is unreachable\n", "2", { answered: false, said: "Network is unreachable" }],
  [
    "no network for busybox",
    "PING 10.0.0.7 (10.0.0.7): 56 data bytes\nping: sendto: Network is unreachable\n",
    "1",
    { answered: false, said: "Network is unreachable" },
  ],
  ["a name that is none", "ping: db: Name or service not known\n", "2", { answered: false, said: "no such name" }],
])("%s is an answer", (_, text, status, expected) => {
  expect(read(text, status)).toEqual(expected);
});

test.each([
  ["a name server that is silent", "ping: db: Temporary failure in name resolution\n", "2", "probe-failed"],
  ["a name, for busybox, which tells no more", "ping: bad address 'db'\n", "1", "probe-failed"],
  [
    "a socket that may not be had",
    "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\n",
    "2",
    "probe-denied",
  ],
  [
    "that, of busybox",
    "PING db (10.0.0.7): 56 data bytes\nping: permission denied (are you root?)\n",
    "1",
    "probe-denied",
  ],
  ["no ping", "sh: ping: not found\n", "127", "probe-missing"],
  ["another ping", "nonsense: is all it says\n", "0", "probe-unreadable"],
  ["silence of ping itself", "", "0", "probe-unreadable"],
  ["a failure without a word", "", "3", "probe-unreadable"],
])("%s is no answer", (_, text, status, code) => {
  expect(read(text, status)).toBeInstanceOf(ObservationError);
  expect(read(text, status)).toMatchObject({ code });
});

test("a title, and what is refused", () => {
  const check = ping("db").isAnswered();
  expect(check).toMatchObject({ title: "ping of db is answered", command: "ping -c 1 -W 2 db" });
  expect(check.judge({ answered: false, said: "silence for 2 s" })).toEqual({
    met: false,
    expected: "an answer",
    seen: "silence for 2 s",
  });
  for (const host of ["", "-x", "a b", "db:22"]) expect(() => ping(host)).toThrow(DeclarationError);
  expect(ping("fd00::1").isAnswered().title).toBe("ping of fd00::1 is answered");
});

probeContract(hostNode, { probe: echoes, subject: "127.0.0.1", tools: ["ping"], elsewhere: "ping, and leave to send" });
