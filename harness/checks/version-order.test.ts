// Decides the order of versions, by what each packager's own manual and tests say of it.
import { describe, expect, test } from "vitest";
import { DeclarationError } from "../model/errors.ts";
import { type PackageManager, versionOrder } from "./version-order.ts";
import { isInRange, versionRange } from "./version-range.ts";

/** Oldest first. */
const ascending: readonly [PackageManager, readonly string[]][] = [
  [
    "dpkg",
    [
      "1.0~~",
      "1.0~~a",
      "1.0~",
      "1.0~rc1-1",
      "1.0",
      "1.0-1",
      "1.0-1+deb12u1",
      "1.0-1.1",
      "1.0-2",
      "1.0a",
      "1.0+dfsg",
      "1.0.1",
      "1.9",
      "1.10",
      "1:0.1",
    ],
  ],
  ["dpkg", ["7.4.052-1ubuntu3", "7.4.052-1ubuntu3.1", "7.4.488-1", "2:1.2", "2:1.12"]],
  ["rpm", ["1.0~rc1", "1.0~rc1^git1", "1.0", "1.0^git1", "1.0.1", "2.0", "2.0.1a", "2.0.1.1", "10xyz", "1:0.1"]],
  ["rpm", ["5.5p1", "5.5p2", "5.5p10", "5.6", "10.1xyz", "10.1.1"]],
  [
    "apk",
    [
      "1.2_alpha",
      "1.2_alpha2",
      "1.2_beta",
      "1.2_pre1",
      "1.2_rc1",
      "1.2",
      "1.2-r1",
      "1.2-r10",
      "1.2_git20200101",
      "1.2_p1",
      "1.2_p1-r3",
      "1.2a",
      "1.2b",
      "1.2.0",
      "1.2.1",
      "1.10",
      "20230506",
    ],
  ],
  ["apk", ["0.12.3-r0", "0.12.3_p1-r0", "1.01", "1.1", "1.36.1-r5", "1.37.0-r18"]],
];

describe.each(ascending)("%s: %s", (manager, versions) => {
  const compare = versionOrder[manager];
  test("each is newer than all before it, and the same as itself", () => {
    for (const [index, version] of versions.entries()) {
      expect(compare(version, version)).toBe(0);
      for (const older of versions.slice(0, index)) {
        expect.soft(compare(version, older), `${version} > ${older}`).toBeGreaterThan(0);
        expect.soft(compare(older, version), `${older} < ${version}`).toBeLessThan(0);
      }
    }
  });
});

test.each<[PackageManager, string, string]>([
  ["dpkg", "0:1.2-0", "1.2"],
  ["dpkg", "1.02", "1.2"],
  ["rpm", "2.0.1", "2_0_1"],
  ["rpm", "1.2-3.fc40", "1.2"],
  ["rpm", "0:1.2", "1.2"],
  ["apk", "1.2-r0", "1.2"],
])("%s: %s and %s are one version", (manager, a, b) => {
  expect(versionOrder[manager](a, b)).toBe(0);
});

test.each<[string, string, PackageManager, boolean]>([
  [">=5.2 <6", "5.2.15-2+b13", "dpkg", true],
  [">=5.2 <6", "6.0-1", "dpkg", false],
  ["<6", "6~rc1-1", "dpkg", true],
  ["<<6~", "6~rc1-1", "dpkg", false],
  [">= 9", "1:9.2p1-2", "dpkg", true],
  [">=2:9", "1:9.2p1-2", "dpkg", false],
  ["=1.2", "1.2-3.fc40", "rpm", true],
  ["=1.2", "1.2-3", "dpkg", false],
  [">=1.2 <2 || >=3", "3.1-r0", "apk", true],
  [">=1.2 <2 || >=3", "2.1-r0", "apk", false],
  ["!=1.36.1-r5", "1.36.1-r5", "apk", false],
])("%s holds %s of %s: %s", (range, version, manager, expected) => {
  expect(isInRange(version, versionRange(range), versionOrder[manager])).toBe(expected);
});

test.each(["", "5.2", ">=", ">=1 ||", "=>1", ">=1 and <2", "^1.2", "~1.2", "*"])("%j is refused as a range", (text) => {
  expect(() => versionRange(text)).toThrow(DeclarationError);
});
