// Decides every sentence about packages, and that a missing database is no answer.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { packageFacts, pkg, versionMatches } from "./package.ts";

describe("what dpkg-query printed in a Debian 12 container is read", () => {
  const recorded = {
    status: 1,
    stdout: Buffer.from("bash\tinstalled\t5.2.15-2+b13\tamd64\nlibc6\tinstalled\t2.36-9+deb12u14\tamd64\n"),
    stderr: "dpkg-query: no packages found matching nosuch\n",
  };

  test("by name, with and without architecture; an unknown one is undefined", () => {
    const libc = { state: "installed", version: "2.36-9+deb12u14", architecture: "amd64" };
    expect(packageFacts.parse(recorded, ["bash", "nosuch", "libc6:amd64", "libc6"])).toEqual([
      { state: "installed", version: "5.2.15-2+b13", architecture: "amd64" },
      undefined,
      libc,
      libc,
    ]);
  });

  test("of two architectures the installed one speaks for the name", () => {
    const stdout = Buffer.from("zlib1g\tinstalled\t1:1.2\tamd64\nzlib1g\tconfig-files\t1:1.1\ti386\n");
    const [facts] = packageFacts.parse({ status: 0, stdout, stderr: "" }, ["zlib1g"]);
    expect(facts).toMatchObject({ state: "installed", architecture: "amd64" });
  });

  test("complaints of another kind, and names that are not mentioned at all, are errors", () => {
    const stderr =
      "dpkg-query: error: failed to open package info file '/var/lib/dpkg/status' for reading: Permission denied\n";
    expect(() => packageFacts.parse({ status: 2, stdout: Buffer.alloc(0), stderr }, ["bash"])).toThrow(
      ObservationError,
    );
    expect(packageFacts.parse({ ...recorded, stderr: "", status: 0 }, ["nosuch"])[0]).toBeInstanceOf(ObservationError);
  });
});

probeContract(hostNode, { probe: packageFacts, subject: "dpkg", tools: ["dpkg-query"] });

test.each(["/nonexistent", "/proc/1/cwd/none"])("without a database in %s nothing is called unknown", async (place) => {
  const node = hostNode();
  const elsewhere = {
    ...packageFacts,
    script: (names: readonly string[]) => `export DPKG_ADMINDIR=${place}\n${packageFacts.script(names)}`,
  };
  await expect(node.observe(elsewhere, "bash")).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining(place),
  });
  await node.close();
});

test("isInstalled: only what is wholly installed", () => {
  const check = pkg("bash").isInstalled();
  expect(check.title).toBe("package bash is installed");
  expect(check.judge({ state: "installed", version: "5.2", architecture: "amd64" })).toMatchObject({ met: true });
  for (const state of ["config-files", "half-configured", "unpacked"])
    expect(check.judge({ state, version: "5.2", architecture: "amd64" })).toEqual({
      met: false,
      expected: "installed",
      seen: `${state}, 5.2`,
    });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "dpkg does not know it" });
});

test("hasVersion: of an installed package", () => {
  const facts = { state: "installed", version: "5.2.15-2+b13", architecture: "amd64" };
  expect(pkg("bash").hasVersion("5.2").judge(facts)).toMatchObject({ met: true });
  expect(pkg("bash").hasVersion("5.1").judge(facts)).toMatchObject({ met: false, seen: "installed, 5.2.15-2+b13" });
  expect(
    pkg("bash")
      .hasVersion("5.2")
      .judge({ ...facts, state: "config-files" }),
  ).toMatchObject({ met: false });
});

test.each([
  ["5.2", "5.2.15-2", true],
  ["5.2", "5.20-1", false],
  ["5.2.15-2+b13", "5.2.15-2+b13", true],
  ["9.2", "1:9.2p1-2+deb12u3", true],
  ["1:9.2", "1:9.2p1-2", true],
  ["2:9.2", "1:9.2p1-2", false],
  [/deb12u\d+$/, "1:9.2p1-2+deb12u3", true],
  [/deb11/, "1:9.2p1-2+deb12u3", false],
])("%s against %s: %s", (wanted, version, expected) => {
  expect(versionMatches(wanted, version)).toBe(expected);
});

test.each(["Bash", "ba*", "-W", "b sh", ""])("%j is refused as a package name", (name) => {
  expect(() => pkg(name)).toThrow(DeclarationError);
});
