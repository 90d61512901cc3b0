// Decides every sentence about a command's answer, on real commands.
import { afterAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { TransportError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import { command } from "./command.ts";

describe("a command's answer", () => {
  const node = hostNode();
  afterAll(() => node.close());
  const say = shell("echo out; echo err >&2; exit 3");

  test.each([
    ["exits 3", command(say).exits(3), true, 'status 3, standard error "err"'],
    ["exits 0", command(say).exits(0), false, 'status 3, standard error "err"'],
    ['prints "out"', command(say).prints("out"), true, 'it has "out"'],
    ["prints /^err$/m", command(say).prints(/^err$/m), false, '"out\\n" (status 3, standard error "err")'],
    ["prints the error /^err$/m", command(say).printsError(/^err$/m), true, "it has /^err$/m"],
    ['prints the error "out"', command(say).printsError("out"), false, '"err\\n" (status 3, standard error "err")'],
  ])("%s", async (predicate, check, met, seen) => {
    expect(check.title).toBe(`command echo out; echo err >&2; exit 3 ${predicate}`);
    expect(check.judge(await check.observe(node))).toMatchObject({ met, seen });
  });

  test("a command that is not there is an answer", async () => {
    const check = command(["no-such-program"]).exits(127);
    expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  });

  test("a signal is named", async () => {
    const check = command(shell("kill -KILL $$")).exits(0);
    expect(check.judge(await check.observe(node))).toMatchObject({
      met: false,
      seen: expect.stringMatching(/^status 137, SIGKILL/),
    });
  });

  test("options are those of exec", async () => {
    const check = command(["pwd"], { cwd: "/usr" }).prints(/^\/usr\n$/);
    expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  });

  test("an unknown end rejects", async () => {
    const check = command(["sleep", "60"], { timeoutMs: 50 }).exits(0);
    await expect(check.observe(node)).rejects.toThrow(TransportError);
  });
});
