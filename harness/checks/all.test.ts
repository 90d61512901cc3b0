// Decides what several checks mean as one.
import { afterAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { user } from "./account.ts";
import { all } from "./all.ts";
import { file } from "./file.ts";
import { image } from "./image.ts";

describe("several checks as one, on this machine", () => {
  const node = hostNode();
  afterAll(() => node.close());
  const judged = async (check: Check) => check.judge(await check.observe(node));
  const good = file("/etc/passwd").isFile();
  const bad = file("/etc/passwd").isDirectory();
  const labelled: Check = {
    ...good,
    title: "labelled",
    observe: async () => undefined,
    judge: () => ({ skipped: "no SELinux" }),
  };
  const denied = (): Check => {
    const check = file("/proc/1/cwd/x").exists();
    return { ...check, observe: () => check.observe(node.as("65534:65534")) };
  };

  test("met when every part is", async () => {
    expect(await judged(all(good, user("root").exists()))).toEqual({ met: true, expected: "all met", seen: "2 met" });
  });

  test("not met when one is not; that one is named", async () => {
    expect(await judged(all(good, bad, user("root").exists()))).toEqual({
      met: false,
      expected: "file /etc/passwd is a directory: a directory",
      seen: "file /etc/passwd is a directory: a file",
    });
  });

  test("errored when one could not be asked, even beside one that failed; both are named", async () => {
    const asked = all(good, bad, denied()).observe(node);
    await expect(asked).rejects.toThrow(ObservationError);
    await expect(asked).rejects.toMatchObject({
      code: "probe-denied",
      seen: expect.stringMatching(
        /^1 of 3 could not be asked: .*Permission denied.*; and not met: file \/etc\/passwd is a directory: expected/s,
      ),
    });
  });

  test("parts that are skipped are named; when all are, so is the whole", async () => {
    expect(await judged(all(good, labelled))).toMatchObject({ met: true, seen: "1 met (1 skipped: no SELinux)" });
    expect(await judged(all(bad, labelled))).toMatchObject({ met: false });
    expect(await judged(all(labelled, labelled))).toEqual({ skipped: "no SELinux" });
  });

  test("all within all", async () => {
    expect(await judged(all(all(good, good), all(good)))).toMatchObject({ met: true });
    expect(await judged(all(all(good, bad), good))).toMatchObject({ met: false });
  });

  test("the parts are there to be told, and the command names each once", () => {
    const check = all(good, bad, user("root").exists());
    expect(check.parts).toEqual([good, bad, expect.objectContaining({ title: "user root exists" })]);
    expect(check.command).toBe("stat /etc/passwd; getent passwd root");
    expect(check.title).toBe("all of 3: file /etc/passwd is a file, file /etc/passwd is a directory, user root exists");
    expect(all(good).title).toBe(good.title);
    expect(all(good, good, good, good, good).title).toMatch(/, and 2 more$/);
  });

  test("no check at all is refused", () => {
    expect(() => all()).toThrow(DeclarationError);
  });
});

test("the narrowest node of the parts is the node of the whole", () => {
  const mixed = all<ContainerNode>(file("/a").exists(), image().hasUser("x"));
  const inferred: Check<ContainerNode> = all(file("/a").exists(), image().hasUser("x"));
  const plain: Check<Node> = all(file("/a").exists(), user("x").exists());
  expect([mixed.parts?.length, inferred.parts?.length, plain.parts?.length]).toEqual([2, 2, 2]);
});
