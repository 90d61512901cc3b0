// Decides what is said of locales and licences, both ways.
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { probeContract } from "./contract.ts";
import { installedPackages, licences } from "./licences.ts";
import { installedLocales, locale } from "./locale.ts";

test("a locale by any spelling of its code set", () => {
  // Recorded in a Debian 12 container.
  const seen = installedLocales.parse({ stdout: Buffer.from("C\nC.utf8\nPOSIX\n"), stderr: "", status: 0 }, [
    "locales",
  ])[0];
  if (seen === undefined || seen instanceof Error) throw new Error("it was not read");
  expect(locale("C.UTF-8").isAvailable().judge(seen)).toMatchObject({ met: true });
  expect(locale("de_DE.UTF-8").isAvailable().judge(seen)).toMatchObject({ met: false, seen: "C, C.utf8, POSIX" });
  expect(() => locale("german please")).toThrow(/locale\.test\.ts:\d+/);
});

test("the default is what LANG is set to", () => {
  expect(locale("C.UTF-8").isDefault().judge("C.utf8")).toMatchObject({ met: true });
  expect(locale("C.UTF-8").isDefault().judge("de_DE.UTF-8")).toMatchObject({ met: false });
  expect(locale("C.UTF-8").isDefault().judge(undefined)).toMatchObject({
    met: false,
    seen: expect.stringContaining("no LANG"),
  });
});

test("licences: each is told, and none is what is not wanted", () => {
  const facts = [
    { package: "a", text: "License: MIT" },
    { package: "b", text: "License: AGPL-3" },
  ];
  expect(licences().areTold().judge(facts)).toMatchObject({ met: true });
  expect(
    licences()
      .areTold()
      .judge([...facts, { package: "c", text: undefined }]),
  ).toMatchObject({ met: false, seen: "without: 1: c" });
  expect(licences().lack("AGPL").judge(facts)).toMatchObject({ met: false, seen: "1: b" });
  expect(licences().lack(/WTFPL/).judge(facts)).toMatchObject({ met: true });
  expect(
    licences()
      .lack("x")
      .judge([{ package: "c", text: undefined }]),
  ).toMatchObject({ met: false });
});

test("packages that were removed have no licence to tell", () => {
  const stdout = Buffer.from("installed bash\nconfig-files old\ninstalled libc6\ninstalled libc6\n");
  expect(installedPackages.parse({ stdout, stderr: "", status: 0 }, ["packages"])).toEqual([["bash", "libc6"]]);
});

probeContract(hostNode, { probe: installedLocales, subject: "locales", tools: ["locale"] });
probeContract(hostNode, { probe: installedPackages, subject: "packages", tools: ["dpkg-query"] });
