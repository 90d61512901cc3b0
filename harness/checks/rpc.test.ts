// Decides that rpcbind's table is read, and every sentence about a program.
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { rpc, rpcPrograms } from "./rpc.ts";

// As rpcbind 1.2.6 of Debian 12 prints it beside a kernel's server of version 4 alone.
const table = `   program vers proto   port  service
    100000    4   tcp    111  portmapper
    100000    2   udp    111  portmapper
    100005    1   udp  59227  mountd
    100005    2   tcp  42273  mountd
    100024    1   tcp  53773  status
    100003    4   tcp   2049  nfs
    390109    2   tcp  40001
`;
const output = (text: string, status = 0, stderr = "") => ({ status, stdout: Buffer.from(text), stderr });
const read = (text: string, status = 0, stderr = "") =>
  (rpcPrograms.parse(output(text, status, stderr), ["programs"])[0] ?? []) as ReturnType<typeof all>;
const all = () =>
  rpcPrograms.parse(output(table), ["programs"])[0] as Exclude<ReturnType<typeof rpcPrograms.parse>[0], Error>;

test("each line is a program; one without a name is known by its number", () => {
  expect(all()).toHaveLength(7);
  expect(all()[5]).toEqual({ number: 100003, version: 4, protocol: "tcp", port: 2049, name: "nfs" });
  expect(all()[6]).toMatchObject({ number: 390109, name: "" });
});

test("no registry and an empty one have nothing registered; what cannot be read is no answer", () => {
  const words = "rpcinfo: can't contact portmapper: RPC: Remote system error - ";
  expect(read("", 1, `${words}Connection refused\n`)).toEqual([]);
  expect(read("", 1, `${words}No such file or directory\n`)).toEqual([]);
  expect(read("No remote programs registered.\n")).toEqual([]);
  expect(() => read("", 1, `${words}Connection timed out\n`)).toThrow(ObservationError);
  expect(() => read("   program vers proto   port  service\nwhat?\n")).toThrow(ObservationError);
});

probeContract(hostNode, {
  probe: rpcPrograms,
  subject: "programs",
  tools: ["rpcinfo"],
  elsewhere: "this machine has no rpcinfo",
});

test.each([
  ["rpc program nfs is registered", rpc("nfs").isRegistered(), true],
  ["rpc program 100003 is registered", rpc(100003).isRegistered(), true],
  ["rpc program 390109 is registered by tcp", rpc(390109).isRegistered({ protocol: "tcp" }), true],
  [
    "rpc program nfs is registered in version 4 by tcp at port 2049",
    rpc("nfs").isRegistered({ version: 4, protocol: "tcp", port: 2049 }),
    true,
  ],
  ["rpc program nfs is registered in version 3", rpc("nfs").isRegistered({ version: 3 }), false],
  [
    "rpc program mountd is registered in version 2 by udp",
    rpc("mountd").isRegistered({ version: 2, protocol: "udp" }),
    false,
  ],
  ["rpc program nlockmgr is registered", rpc("nlockmgr").isRegistered(), false],
])("%s", (title, check, met) => {
  expect(check.title).toBe(title);
  expect(check.judge(all())).toMatchObject({ met });
});

test("what is there instead is said", () => {
  expect(rpc("nfs").isRegistered({ version: 3 }).judge(all())).toMatchObject({ seen: "version 4 by tcp at port 2049" });
  expect(rpc("nlockmgr").isRegistered().judge(all())).toMatchObject({
    seen: "registered are portmapper, mountd, status, nfs, 390109",
  });
  expect(rpc("nfs").isRegistered().judge([])).toMatchObject({ seen: "nothing is registered" });
});

test.each(["", "no such program", "-p", 0, 1.5])("%o is refused", (program) => {
  expect(() => rpc(program)).toThrow(DeclarationError);
});
