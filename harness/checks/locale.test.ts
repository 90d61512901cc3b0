// Decides what is said of locales and licences, both ways.
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { probeContract } from "./contract.ts";
import { installedPackages, licences } from "./licences.ts";
import { installedLocales, locale } from "./locale.ts";

const packagesIn = (text: string) => {
  const [seen] = installedPackages.parse({ stdout: Buffer.from(text), stderr: "", status: 0 }, ["packages"]);
  return seen instanceof Error ? seen : seen?.packages;
};

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
  const stdout = "installed bash\nconfig-files old\ninstalled libc6\ninstalled libc6\n";
  expect(packagesIn(`dpkg\n${stdout}`)).toEqual([{ package: "bash" }, { package: "libc6" }]);
});

test("apk and rpm tell licences themselves", () => {
  // Fields of /lib/apk/db/installed as apk-tools 2.14 writes them (Alpine 3.18); lines that rpm 4.18 (Debian 12) and 4.19 (Fedora 40) print.
  expect(packagesIn("apk\nP:alpine-baselayout\nL:GPL-2.0-only\n\nP:musl\nL:MIT\n\nP:.build\n\n")).toEqual([
    { package: "alpine-baselayout", text: "GPL-2.0-only" },
    { package: "musl", text: "MIT" },
    { package: ".build", text: undefined },
  ]);
  expect(packagesIn("rpm\nbash\tGPL-3.0-or-later\ngpg-pubkey\tpubkey\nours\t(none)\n")).toEqual([
    { package: "bash", text: "GPL-3.0-or-later" },
    { package: "ours", text: undefined },
  ]);
});

test("a node without packages has no licences to tell, which is not that it has none", () => {
  const parse = (text: string, status: number) =>
    installedPackages.parse({ stdout: Buffer.from(text), stderr: "", status }, ["packages"]);
  expect(() => parse("none\n", 77)).toThrow(/no database of packages/);
  expect(() => parse("apk\n", 0)).toThrow(/apk knows none/);
  expect(() => parse("rpm\n", 127)).toThrow(/rpm is not there/);
  for (const text of ["rpm\nnonsense\n", "apk\nnonsense\n", "dpkg\nnonsense: x\n", "yum\na\tb\n"])
    expect.soft(() => parse(text, 0), text).toThrow(/cannot be read/);
});

test("on musl, the locales are those that it has by itself, and its files", async () => {
  const node = hostNode();
  const root = await node.succeed(["mktemp", "-d"]);
  await node.succeed([
    "sh",
    "-c",
    'mkdir "$1/lib" "$1/musl"; touch "$1/lib/ld-musl-x86_64.so.1" "$1/musl/de_CH.UTF-8"',
    "sh",
    root,
  ]);
  const musl = {
    ...installedLocales,
    script: () =>
      `MUSL_LOCPATH=/nowhere:${root}/musl\n${installedLocales.script([]).replaceAll("/lib/ld", `${root}/lib/ld`)}`,
  };
  const seen = await node.observe(musl, "locales");
  expect(seen).toEqual(["C", "POSIX", "C.UTF-8", "de_CH.UTF-8"]);
  expect(locale("de_CH.UTF-8").isAvailable().judge(seen)).toMatchObject({ met: true });
  expect(locale("fr_FR.UTF-8").isAvailable().judge(seen)).toMatchObject({ met: false });
  await node.succeed(["rm", "-r", root]);
  await node.close();
});

probeContract(hostNode, { probe: installedLocales, subject: "locales", tools: ["locale"] });
probeContract(hostNode, { probe: installedPackages, subject: "packages", tools: ["dpkg-query"] });
