// Decides how sudo's and visudo's words are read, and every sentence about them.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { type SudoRule, sudo, sudoers, sudoersFaults, sudoRules } from "./sudo.ts";

const output = (...frames: Parameters<typeof framed>[0]) => ({ stdout: framed(frames), stderr: "", status: 0 });

/** What sudo 1.9.13 printed on a Debian 12 machine. */
const defaults = (user: string, more = "") => `Matching Defaults entries for ${user} on localhost:
    env_reset, mail_badpass, secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin, use_pty${more}

User ${user} may run the following commands on localhost:
`;
const ops = `${defaults("ops")}    (ALL : ALL) ALL\n    (ALL : ALL) NOPASSWD: ALL\n`;
const build = `${defaults("build")}    (root) NOPASSWD: /usr/bin/systemctl restart chrony.service, !/usr/bin/passwd\n    (ops) PASSWD: /usr/bin/id\n`;
const notAllowed = "User nobody is not allowed to run sudo on localhost.\n";
const broken = `/etc/sudoers.d/zz:1:10: syntax error
ops ALL=(
         ^
`;

const everything: SudoRule = { as: ["ALL"], command: "ALL", allows: true, password: true };
const freely: SudoRule = { ...everything, password: false };
const restart: SudoRule = {
  as: ["root"],
  command: "/usr/bin/systemctl restart chrony.service",
  allows: true,
  password: false,
};
const passwd: SudoRule = { as: ["root"], command: "/usr/bin/passwd", allows: false, password: false };
const id: SudoRule = { as: ["ops"], command: "/usr/bin/id", allows: true, password: true };

describe("what sudo printed is read", () => {
  test("rules in their order, tags carried on; no rule; no such user", () => {
    expect(
      sudoRules.parse(
        output(
          [ops, "0"],
          [build, "0"],
          [notAllowed, "0"],
          ["sudo: unknown user nosuch\n", "1"],
          [broken + ops, "0"],
          [notAllowed, "1"],
        ),
        ["ops", "build", "nobody", "nosuch", "ops", "nobody"],
      ),
    ).toEqual([[everything, freely], [restart, passwd, id], [], undefined, [everything, freely], []]);
  });

  test("a user who need not authenticate needs no password", () => {
    const listing = `${defaults("ops", ", !authenticate")}    (root) /usr/bin/id, PASSWD: /usr/bin/who\n`;
    expect(sudoRules.parse(output([listing, "0"]), ["ops"])).toMatchObject([[{ password: false }, { password: true }]]);
  });

  test.each([
    ["probe-missing", "sh: 2: sudo: not found\n", "127"],
    ["probe-denied", "sudo: a password is required\n", "1"],
    ["probe-denied", "Sorry, user ops is not allowed to execute 'list' as root on lab.\n", "1"],
    ["probe-failed", "sudo: unable to stat /etc/sudoers: No such file or directory\n", "1"],
    ["probe-failed", "", "3"],
    ["probe-unreadable", "nonsense\n", "0"],
    ["probe-unreadable", `${defaults("ops")}nonsense\n`, "0"],
    ["probe-unreadable", "", "0"],
  ])("%s, of %j", (code, text, status) => {
    const [answer] = sudoRules.parse(output([text, status]), ["ops"]);
    expect(answer).toBeInstanceOf(ObservationError);
    expect(answer).toMatchObject({ code });
  });
});

describe("what visudo printed is read", () => {
  const fine = "/etc/sudoers: parsed OK\n/etc/sudoers.d/ops: parsed OK\n";
  const modes = "/etc/sudoers.d/ops: bad permissions, should be mode 0440";
  const owner = "/etc/sudoers.d/build: wrong owner (uid, gid) should be (0, 0)";

  test("nothing wrong, a mode, an owner, a line that cannot be parsed", () => {
    expect(
      sudoersFaults.parse(output([fine, "0"], [`${modes}\n${fine}`, "1"], [`${owner}\n${fine}`, "1"], [broken, "1"]), [
        ..."abcd",
      ]),
    ).toEqual([
      { faults: [], modes: [] },
      { faults: [], modes: [modes] },
      { faults: [owner], modes: [] },
      { faults: ["/etc/sudoers.d/zz:1:10: syntax error"], modes: [] },
    ]);
  });

  test.each([
    ["probe-missing", "sh: visudo: not found\n", "127"],
    ["probe-denied", "visudo: unable to open /etc/sudoers: Permission denied\n", "1"],
    ["probe-failed", "visudo: unable to open /etc/nosuch: No such file or directory\n", "1"],
    ["probe-unreadable", "nonsense: is all it says\n", "0"],
    ["probe-unreadable", fine, "1"],
    ["probe-unreadable", "", "0"],
  ])("%s, of %j", (code, text, status) => {
    expect(sudoersFaults.parse(output([text, status]), ["all"])[0]).toMatchObject({ code });
  });
});

probeContract(hostNode, { probe: sudoRules, subject: "root", tools: ["sudo"], elsewhere: "sudo" });
probeContract(hostNode, { probe: sudoersFaults, subject: "all", tools: ["visudo"], elsewhere: "sudo" });

test("what a user may run: the last rule that matches counts", () => {
  const all = sudo("ops").mayRun("ALL");
  expect(all.title).toBe("sudo of ops may run ALL");
  expect(all.withoutPassword().title).toBe("sudo of ops may run ALL without a password");
  expect(all.judge([everything])).toMatchObject({ met: true });
  expect(all.withoutPassword().judge([everything, freely])).toMatchObject({ met: true });
  expect(all.withoutPassword().judge([freely, everything])).toMatchObject({
    met: false,
    seen: "ALL as ALL without a password; ALL as ALL",
  });
  expect(all.judge([freely, passwd])).toMatchObject({ met: false });
  expect(all.judge([restart])).toMatchObject({ met: false });
  expect(all.judge([])).toMatchObject({ met: false, seen: "it may run nothing" });
  expect(all.judge(undefined)).toMatchObject({ met: false, seen: "there is no such user" });
  expect(sudo("build").mayRun(restart.command).withoutPassword().judge([restart, passwd])).toMatchObject({ met: true });
  expect(sudo("build").mayRun("/usr/bin/passwd").judge([everything, passwd])).toMatchObject({ met: false });
  expect(sudo("build").mayRun("/usr/bin/passwd").judge([passwd, everything])).toMatchObject({ met: true });
  expect(sudo("build").mayRun("/usr/bin/id").judge([id])).toMatchObject({
    met: false,
    expected: "/usr/bin/id as root",
  });
  const asOps = sudo("build").mayRun("/usr/bin/id", { as: "ops" });
  expect(asOps.title).toBe("sudo of build may run /usr/bin/id as ops");
  expect(asOps.judge([id])).toMatchObject({ met: true });
  expect(sudo("nobody").mayRunNothing().judge([])).toMatchObject({ met: true });
  expect(sudo("nobody").mayRunNothing().judge([passwd, id])).toMatchObject({ met: false });
});

test("rules' files: strictly or not", () => {
  expect(
    sudoers()
      .isValid()
      .judge({ faults: [], modes: ["m"] }),
  ).toMatchObject({ met: true, seen: "parsed OK" });
  expect(
    sudoers()
      .isStrictlyValid()
      .judge({ faults: [], modes: ["m"] }),
  ).toMatchObject({ met: false, seen: "m" });
  expect(sudoers().isStrictlyValid().judge({ faults: [], modes: [] })).toMatchObject({ met: true });
  expect(
    sudoers("/etc/sudoers.d/zz")
      .isValid()
      .judge({ faults: ["f"], modes: [] }),
  ).toMatchObject({ met: false, seen: "f" });
  expect(() => sudoers("sudoers.d/ops")).toThrow(DeclarationError);
  expect(() => sudo("-l")).toThrow(DeclarationError);
});
