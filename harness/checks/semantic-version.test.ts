// Decides the order of versions that no packager orders, on semver.org's own examples and on what programs print.
import { expect, test } from "vitest";
import type { ExecResult } from "../model/exec.ts";
import { command } from "./command.ts";
import { compareSemantic, soleVersion, versionIn } from "./semantic-version.ts";
import { isInRange, versionRange } from "./version-range.ts";

test("semver.org section 11: each is older than the next", () => {
  const ordered = [
    ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1"],
    ["1.0.0", "1.9.0", "1.10.0", "1.11", "2", "2.1", "20241231.1"],
  ].flat();
  for (const [index, one] of ordered.entries())
    for (const [place, other] of ordered.entries())
      expect.soft(Math.sign(compareSemantic(one, other)), `${one} ${other}`).toBe(Math.sign(index - place));
  expect(compareSemantic("1.0.0+build.1", "v1")).toBe(0);
});

test.each([
  ["Python 3.11.2\n", "3.11.2"],
  ["git version 2.39.5\n", "2.39.5"],
  ["go version go1.22.3 linux/amd64\n", undefined],
  ["v24.21.0\n", "24.21.0"],
  ["nginx version: nginx/1.22.1\n", "1.22.1"],
  ["OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024\n", "3.0.15"],
  ["GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\n", "5.2.15"],
  ["no version\n", undefined],
])("of %j the version is %j", (text, version) => expect(versionIn(text)).toBe(version));

test("a version alone is one, other texts are none", () => {
  expect(["1", " v1.2.3\n", "1.2-rc1+b", "1.x", "", "a1"].map(soleVersion)).toEqual([
    "1",
    "1.2.3",
    "1.2-rc1+b",
    undefined,
    undefined,
    undefined,
  ]);
});

test("ranges hold in this order", () => {
  const holds = (version: string, range: string) => isInRange(version, versionRange(range), compareSemantic);
  expect(holds("1.10.0", ">=1.9 <2")).toBe(true);
  expect(holds("2.0.0-rc.1", ">=1.9 <2")).toBe(true);
  expect(holds("2.0.0", ">=1.9 <2")).toBe(false);
  expect(holds("3.1", ">=1.9 <2 || >=3")).toBe(true);
});

test("what a command prints is held against a range; nothing like a version is not met", () => {
  const answer = (stdout: string): ExecResult => ({
    status: 0,
    signal: undefined,
    stdout,
    stderr: "",
    stdoutBytes: Buffer.from(stdout),
    stderrBytes: Buffer.alloc(0),
  });
  const check = command(["python3", "--version"]).printsVersionIn(">=3.11 <4");
  expect(check.title).toBe("command python3 --version prints a version in >=3.11 <4");
  expect(check.judge(answer("Python 3.11.2\n"))).toMatchObject({ met: true, seen: "3.11.2" });
  expect(check.judge(answer("Python 3.9.18\n"))).toMatchObject({ met: false, expected: ">=3.11 <4", seen: "3.9.18" });
  expect(check.judge(answer("who knows\n"))).toMatchObject({
    met: false,
    seen: 'no version in "who knows\\n" (status 0)',
  });
});
