// Decides that a server's export list is read, and every sentence about it.
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { type ShownExport, showmount, shownExports } from "./showmount.ts";

// nfs-utils 2.6.2 of Debian 12.
const list = `Export list for vfx-nfs-001:
/srv/nfs/reference 172.16.0.0/24
/srv/nfs/vfx       10.0.0.7,172.16.0.0/24
/srv/two words     (everyone)`;
const output = (...records: string[]) => ({
  status: 0,
  stdout: Buffer.from(records.map((record) => `${record}\0`).join("")),
  stderr: "",
});
const seen = shownExports.parse(output(`0 0 ${list}`), ["vfx-nfs-001"])[0] as readonly ShownExport[];

test("each directory with its clients; each server its own list", () => {
  expect(seen).toEqual([
    { path: "/srv/nfs/reference", clients: ["172.16.0.0/24"] },
    { path: "/srv/nfs/vfx", clients: ["10.0.0.7", "172.16.0.0/24"] },
    { path: "/srv/two words", clients: ["(everyone)"] },
  ]);
  expect(shownExports.parse(output("1 0 Export list for b:", `0 0 ${list}`), ["a", "b"])).toEqual([seen, []]);
});

test("a server that cannot be asked is no answer", () => {
  for (const record of [
    "0 1 clnt_create: RPC: Program not registered",
    "0 1 clnt_create: RPC: Unknown host",
    "0 124 ",
    "0 0 ",
  ])
    expect(shownExports.parse(output(record), ["a"])[0]).toBeInstanceOf(ObservationError);
});

test("a port mapper's name that is not known looks like a host's", () => {
  const [unknown] = shownExports.parse(output("0 1 clnt_create: RPC: Unknown host"), ["a"]);
  expect(unknown).toMatchObject({ hint: expect.stringContaining("/etc/services") });
});

probeContract(hostNode, {
  probe: shownExports,
  subject: "127.0.0.1",
  tools: ["showmount"],
  elsewhere: "this machine has no showmount",
});

test.each([
  ["server a lists /srv/nfs/vfx", showmount("a").lists("/srv/nfs/vfx"), true],
  ["server a lists /srv/nfs/vfx to 172.16.0.0/24", showmount("a").lists("/srv/nfs/vfx", "172.16.0.0/24"), true],
  ["server a lists /srv/nfs/vfx to 10.0.0.8", showmount("a").lists("/srv/nfs/vfx", "10.0.0.8"), false],
  ["server a lists /srv", showmount("a").lists("/srv"), false],
  ["server a lists nothing", showmount("a").listsNothing(), false],
])("%s", (title, check, met) => {
  expect(check.title).toBe(title);
  expect(check.judge(seen)).toMatchObject({
    met,
    seen: expect.stringContaining("/srv/nfs/vfx 10.0.0.7,172.16.0.0/24"),
  });
});

test("an empty list is an answer", () => {
  expect(showmount("a").listsNothing().judge([])).toMatchObject({ met: true, seen: "it lists nothing" });
});

test("a server that is none, a path that is relative, are refused", () => {
  expect(() => showmount("-e")).toThrow(DeclarationError);
  expect(() => showmount("two words")).toThrow(DeclarationError);
  expect(() => showmount("a").lists("srv")).toThrow(DeclarationError);
});
