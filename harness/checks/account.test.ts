// Decides every sentence about users and groups, both ways.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { group, groupEntry, groupsOf, user, userEntry } from "./account.ts";
import { probeContract } from "./contract.ts";

const output = (stdout: string, status = 0) => ({ stdout: Buffer.from(stdout), stderr: "", status });

describe("what getent and id printed in a Debian 12 container is read", () => {
  test("users", () => {
    const text = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n";
    expect(userEntry.parse(output(text, 2), ["root", "nope", "daemon"])).toEqual([
      { uid: 0, gid: 0, gecos: "root", home: "/root", shell: "/bin/bash" },
      undefined,
      { uid: 1, gid: 1, gecos: "daemon", home: "/usr/sbin", shell: "/usr/sbin/nologin" },
    ]);
  });

  test("groups", () => {
    expect(groupEntry.parse(output("root:x:0:\nshadow:x:42:a,b\n", 2), ["root", "nope", "shadow"])).toEqual([
      { gid: 0, members: [] },
      undefined,
      { gid: 42, members: ["a", "b"] },
    ]);
  });

  test("of musl's getent (Alpine), and of the file where there is none", () => {
    // A group without members has no last field there: getent.c of aports, main/musl.
    expect(groupEntry.parse(output("root:x:0:root\nvfx:x:1000\n"), ["root", "vfx"])).toEqual([
      { gid: 0, members: ["root"] },
      { gid: 1000, members: [] },
    ]);
    const file = output("root:x:0:0:root:/root:/bin/sh\nops:x:1:1::/:/bin/sh\n", 78);
    expect(userEntry.parse(file, ["ops", "nope"])).toMatchObject([{ uid: 1 }, undefined]);
    expect(() => userEntry.parse(output("", 78), ["ops"])).toThrow(ObservationError);
    expect(groupsOf.parse(output("1 id: unknown user nope\0"), ["nope"])).toEqual([undefined]);
  });

  test("a getent that ends at the first unknown name is asked again", async () => {
    const node = hostNode();
    const musl = `getent() {
  database=$1; shift
  for name do grep "^$name:" /etc/$database || return 2; done
}`;
    const probe = { ...userEntry, script: (names: readonly string[]) => `${musl}\n${userEntry.script(names)}` };
    const seen = await Promise.all(["--", "nosuch-user", "root"].map((name) => node.observe(probe, name)));
    expect(seen).toEqual([undefined, undefined, await node.observe(userEntry, "root")]);
    await node.close();
  });

  test("a user's groups", () => {
    const text = "0 root\x001 id: 'nope': no such user\x000 postgres ssl-cert\0";
    expect(groupsOf.parse(output(text), ["root", "nope", "postgres"])).toEqual([
      ["root"],
      undefined,
      ["postgres", "ssl-cert"],
    ]);
    expect(groupsOf.parse(output("1 id: cannot find name for group ID 7\0"), ["odd"])[0]).toBeInstanceOf(
      ObservationError,
    );
  });

  test("another database's lines, or another status, are not", () => {
    expect(() => userEntry.parse(output("root:x:0:\n"), ["root"])).toThrow(/cannot be read/);
    expect(() => userEntry.parse(output("", 1), ["root"])).toThrow(ObservationError);
  });
});

probeContract(hostNode, { probe: userEntry, subject: "root", tools: ["getent"] });
probeContract(hostNode, { probe: groupEntry, subject: "root", tools: ["getent"] });
probeContract(hostNode, { probe: groupsOf, subject: "root", tools: ["id"] });

const ops = { uid: 1000, gid: 100, gecos: "Ops,,,", home: "/home/ops", shell: "/bin/bash" };
test.each([
  ["user ops exists", user("ops").exists(), ops],
  ["user ops has uid 1000", user("ops").hasUid(1000), ops],
  ["user ops has gid 100", user("ops").hasGid(100), ops],
  ["user ops has home /home/ops", user("ops").hasHome("/home/ops"), ops],
  ["user ops has gecos Ops,,,", user("ops").hasGecos("Ops,,,"), ops],
  ["user ops has shell /bin/bash", user("ops").hasShell("/bin/bash"), ops],
])("%s: met, not met, no such user", (title, check, met) => {
  expect(check.title).toBe(title);
  expect(check.judge(met)).toMatchObject({ met: true });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "there is no such user" });
  const other = { uid: 0, gid: 0, gecos: "", home: "/", shell: "/bin/false" };
  expect(check.judge(other)).toMatchObject({ met: title.endsWith("exists") });
});

test("groups: exists, gid, members", () => {
  expect(group("vfx").exists().judge({ gid: 7, members: [] })).toMatchObject({ met: true });
  expect(group("vfx").exists().judge(undefined)).toMatchObject({ met: false, seen: "there is no such group" });
  expect(group("vfx").hasGid(7).judge({ gid: 7, members: [] })).toMatchObject({ met: true });
  expect(group("vfx").hasGid(7).judge({ gid: 8, members: [] })).toMatchObject({ met: false, expected: "7", seen: "8" });
  for (const check of [group("vfx").hasMember("ops"), user("ops").isInGroup("vfx")]) {
    expect(check.command).toBe("id -Gn ops");
    expect(check.judge(["ops", "vfx"])).toMatchObject({ met: true });
    expect(check.judge(["ops"])).toEqual({ met: false, expected: "user ops in vfx", seen: "user ops in ops" });
    expect(check.judge(undefined)).toMatchObject({ met: false, seen: "there is no user ops" });
  }
});

test("groups and members, and no others", () => {
  const only = user("ops").hasOnlyGroups("vfx", "ops");
  expect(only.judge(["ops", "vfx"])).toMatchObject({ met: true });
  expect(only.judge(["ops", "vfx", "sudo"])).toMatchObject({ met: false, seen: "ops, vfx, sudo" });
  expect(only.judge(undefined)).toMatchObject({ met: false, seen: "there is no such user" });
  const members = group("vfx").hasOnlyMembers("a", "b");
  expect(members.judge({ gid: 1, members: ["b", "a"] })).toMatchObject({ met: true });
  expect(members.judge({ gid: 1, members: ["b"] })).toMatchObject({ met: false, seen: "b" });
  expect(group("vfx").hasOnlyMembers().judge({ gid: 1, members: [] })).toMatchObject({ met: true });
  expect(group("vfx").hasOnlyMembers().judge(undefined)).toMatchObject({ met: false });
});

test.each(["", "-x", "a:b", "a b", "a\n"])("%j is refused as a name", (name) => {
  expect(() => user(name)).toThrow(DeclarationError);
  expect(() => group(name)).toThrow(DeclarationError);
});
