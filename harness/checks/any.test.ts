// Decides what alternatives and opposites mean, with parts that are met, not met, skipped, and that could not be asked.
import { afterAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { all } from "./all.ts";
import { any, not } from "./any.ts";
import { file } from "./file.ts";

const node = hostNode();
afterAll(() => node.close());

const yes = file("/etc/passwd").isFile();
const no = file("/etc/passwd").isDirectory();
const skipped: Check = { ...yes, observe: async () => undefined, judge: () => ({ skipped: "no SELinux" }) };
const denied = file("/proc/1/cwd/x").exists();
const unanswered: Check = { ...denied, observe: () => denied.observe(node.as("65534:65534")) as Promise<never> };

/** `undefined` for "could not ask". */
async function outcome(check: Check): Promise<boolean | "skipped" | undefined> {
  try {
    const judgement = check.judge(await check.observe(node));
    return "skipped" in judgement ? "skipped" : judgement.met;
  } catch (error) {
    expect(error).toBeInstanceOf(ObservationError);
    return undefined;
  }
}

describe("any", () => {
  test.each<[string, readonly Check[], boolean | "skipped" | undefined]>([
    ["one is met", [no, yes], true],
    ["none is met", [no, no], false],
    ["one is met beside one that could not be asked", [unanswered, yes], true],
    ["none is met, and one could not be asked", [no, unanswered], undefined],
    ["one is not met, one is skipped", [no, skipped], false],
    ["all are skipped", [skipped, skipped], "skipped"],
    ["one is skipped, one could not be asked", [skipped, unanswered], undefined],
    ["within each other", [any(no, any(no, yes))], true],
    ["all within any", [all(yes, no), all(yes, yes)], true],
  ])("%s", async (_, parts, expected) => {
    expect(await outcome(any(...parts))).toBe(expected);
  });

  test("what is told: each alternative when none is met, the one that is when one is", async () => {
    const told = async (check: Check) => check.judge(await check.observe(node));
    expect(await told(any(no, file("/etc/nothing").exists()))).toEqual({
      met: false,
      expected: "file /etc/passwd is a directory: a directory\nor file /etc/nothing exists: something there",
      seen: "file /etc/passwd is a directory: a file\nfile /etc/nothing exists: it does not exist",
    });
    expect(await told(any(no, yes))).toMatchObject({ met: true, seen: "file /etc/passwd is a file: a file" });
    await expect(any(no, unanswered).observe(node)).rejects.toMatchObject({
      code: "probe-denied",
      seen: expect.stringMatching(/^1 of 2 could not be asked: .*; and not met: file \/etc\/passwd is a directory/),
    });
  });

  test("no alternative is no check", () => expect(() => any()).toThrow(DeclarationError));
});

describe("not", () => {
  test.each<[string, Check, boolean | "skipped" | undefined]>([
    ["of what is met", not(yes), false],
    ["of what is not", not(no), true],
    ["of what could not be asked", not(unanswered), undefined],
    ["of what is skipped", not(skipped), "skipped"],
    ["twice", not(not(yes)), true],
    ["of all", not(all(yes, no)), true],
    ["of any, one of which could not be asked", not(any(no, unanswered)), undefined],
  ])("%s", async (_, check, expected) => {
    expect(await outcome(check)).toBe(expected);
  });

  test("is said", async () => {
    expect(not(no).title).toBe("not: file /etc/passwd is a directory");
    expect(not(yes).judge(await yes.observe(node))).toEqual({ met: false, expected: "not a file", seen: "a file" });
  });
});
