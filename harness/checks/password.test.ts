// Decides how the shadow database is read, that no hash is ever told, and the sentences about passwords.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { user } from "./account.ts";
import { probeContract } from "./contract.ts";
import { type PasswordState, passwordState } from "./password.ts";
import { passwordAge } from "./password-age.ts";

const output = (stdout: string, status = 0) => ({ stdout: Buffer.from(stdout), stderr: "", status });

/** What getent printed on a Debian 12 machine; the hash is of a password that was nobody's. */
const hash = "$y$j9T$jmFa68dMxdo.78jzRSoCU.$/FyRNWi2dkyJ9ZWJ9Ef0iKavvEu/1Bha5cHpBugbVC9";
const shadow = `root:${hash}:20778:0:99999:7:::\nops:*:20778:0:99999:7:::\nbuild::20778:0:99999:7:::\nold:!${hash}:20778:0:99999:7:::\n`;

describe("what getent printed is read", () => {
  test("set, locked, empty, locked although set, no such user", () => {
    expect(passwordState.parse(output(shadow, 2), ["root", "ops", "build", "old", "nosuch"])).toEqual([
      { is: "set", scheme: "y" },
      { is: "locked" },
      { is: "empty" },
      { is: "locked" },
      undefined,
    ]);
  });

  test.each([
    ["one that may not be read", output("", 77), "probe-denied"],
    ["one without root", output("ops:*:20778:0:99999:7:::\n"), "probe-unreadable"],
    ["none", output("", 2), "probe-missing"],
    ["another status", output(shadow, 1), "probe-unreadable"],
    ["another database", output(`root:${hash}:0:0:root:/root:/bin/sh\n`), "probe-unreadable"],
  ])("%s is no answer, and no hash is told", (_, said, code) => {
    let error: unknown;
    try {
      passwordState.parse(said, ["root"]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ObservationError);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).not.toContain("$y$");
  });
});

probeContract(hostNode, { probe: passwordState, subject: "root", tools: ["getent"] });

const set: PasswordState = { is: "set", scheme: "y" };
test.each([
  ["user ops has a locked password", user("ops").hasLockedPassword(), { is: "locked" }, set],
  ["user ops has a password", user("ops").hasPassword(), set, { is: "locked" }],
  ["user ops has an empty password", user("ops").hasEmptyPassword(), { is: "empty" }, set],
] as const)("%s", (title, check, met, unmet) => {
  expect(check.title).toBe(title);
  expect(check.judge(met)).toMatchObject({ met: true });
  expect(check.judge(unmet)).toMatchObject({ met: false });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: expect.stringContaining("does not have the user") });
});

describe("how long passwords last", () => {
  const text = "root:*:20778:0:99999:7:::\nops:!:20778:1:90:14:30:20850:\nbare:!:::::::\n";

  test("days, and the end of an account", () => {
    expect(passwordAge.parse(output(text, 2), ["ops", "bare", "nosuch"])).toEqual([
      { least: 1, most: 90, warning: 14, expires: "2027-02-01" },
      { least: undefined, most: undefined, warning: undefined, expires: "never" },
      undefined,
    ]);
  });

  test("sentences", () => {
    const seen = { least: 1, most: 90, warning: 14, expires: "2027-02-01" };
    const ops = user("ops");
    for (const check of [
      ops.hasPasswordMinAge(1),
      ops.hasPasswordMaxAge(90),
      ops.hasPasswordWarning(14),
      ops.expires("2027-02-01"),
    ]) {
      expect.soft(check.judge(seen), check.title).toMatchObject({ met: true });
      expect.soft(check.judge({ ...seen, least: 0, most: 99999, warning: 7, expires: "never" }), check.title).toEqual({
        met: false,
        expected: expect.any(String),
        seen: "at least 0 days, at most 99999 days, warned 7 days before, account expires never",
      });
      expect.soft(check.judge(undefined), check.title).toMatchObject({ met: false });
    }
    expect(ops.expires("never").title).toBe("user ops never expires");
    expect(() => ops.expires("tomorrow")).toThrow(DeclarationError);
  });

  probeContract(hostNode, { probe: passwordAge, subject: "root", tools: ["getent"] });
});
