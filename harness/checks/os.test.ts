// Decides every sentence about the operating system, the host's name and alternatives, on files of several distributions.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError } from "../model/errors.ts";
import { alternative, hostName, os, readRelease } from "./os.ts";

const debian = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
`;
// As /etc/os-release of these releases has it.
const rocky = 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n';
const alpine = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n';

describe("the operating system", () => {
  test.each([
    [debian, os().is("debian"), true],
    [debian, os().is("ubuntu"), false],
    [debian, os().hasVersion("12"), true],
    [debian, os().hasCodename("bookworm"), true],
    [debian, os().hasField("PRETTY_NAME", /bookworm/), true],
    [debian, os().hasField("PRETTY_NAME", "Debian"), false],
    [debian, os().hasField("VARIANT", "x"), false],
    [rocky, os().isLike("rhel"), true],
    [rocky, os().isLike("debian"), false],
    [rocky, os().hasVersion("9"), true],
    [alpine, os().hasVersion("3.20"), true],
    [alpine, os().hasVersion("3.2"), false],
  ])("%#", (text, check, met) => {
    expect(check.judge(readRelease(text)), check.title).toMatchObject({ met });
  });

  test("values are quoted as for a shell", () => {
    expect(readRelease('A="x \\"y\\" \\$z"\nB=\'q r\'\n# C=1\nD=plain\n')).toEqual(
      new Map([
        ["A", 'x "y" $z'],
        ["B", "q r"],
        ["D", "plain"],
      ]),
    );
  });

  test("a node without os-release is no answer", async () => {
    const bare = { title: "box", observe: async () => ({ nothing: "absent" }) } as never;
    await expect(os().is("debian").observe(bare)).rejects.toMatchObject({ code: "probe-failed", node: "box" });
    await expect(hostName().is("box").observe(bare)).rejects.toMatchObject({ code: "probe-failed" });
  });
});

test("of this machine, for real", async () => {
  const node = hostNode();
  expect(await os().is("x").observe(node)).toHaveProperty("size", expect.any(Number));
  const name = await node.succeed(["cat", "/proc/sys/kernel/hostname"]);
  const check = hostName().is(name);
  expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  const none = alternative("no-such-alternative").exists();
  expect(none.judge(await none.observe(node))).toMatchObject({ met: false, seen: "there is no such alternative" });
  await node.close();
});

test("alternatives", () => {
  const seen = { link: { target: "/usr/bin/vim.tiny" } as never, mode: "auto" as const };
  expect(alternative("editor").pointsTo("/usr/bin/vim.tiny").judge(seen)).toMatchObject({ met: true });
  expect(alternative("editor").pointsTo("/bin/nano").judge(seen)).toMatchObject({
    met: false,
    seen: "/usr/bin/vim.tiny, auto",
  });
  expect(
    alternative("editor")
      .isAutomatic()
      .judge({ ...seen, mode: "manual" }),
  ).toMatchObject({ met: false });
  expect(() => alternative("../x")).toThrow(DeclarationError);
});
