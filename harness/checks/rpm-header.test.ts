// Decides that a header of rpm is read as it is, and that one which lies about itself is refused, whatever it says. Needs no rpm: headers are
// written here.
import { describe, expect, test } from "vitest";
import { DamagedRpm, readHeader } from "./rpm-header.ts";
import { packageOf } from "./rpm-package.ts";
import { type Entry, header, list, longs, text, words } from "./testing/rpm-header.ts";

const bash = [
  text(1000, "bash"),
  text(1001, "5.2.26"),
  text(1002, "3.el9"),
  longs(1003, 1),
  text(1014, "GPLv3+"),
  text(1022, "x86_64"),
  [1029, 1, 3, Buffer.from([0, 2, 3])] as const,
  longs(1116, 0, 1, 0),
  text(1117, "bash", "bashrc", "sh"),
  text(1118, "/usr/bin/", "/etc/"),
];
const without = (tag: number, ...more: readonly Entry[]) => [...bash.filter(([each]) => each !== tag), ...more];

describe("a package", () => {
  test.each([
    ["alone", header(bash)],
    ["in a part of its own", header(bash, true)],
  ])("%s", (_, blob) => {
    expect(packageOf(readHeader(blob))).toEqual({
      name: "bash",
      version: "1:5.2.26-3.el9",
      architecture: "x86_64",
      licence: "GPLv3+",
      // What was not unpacked, as it is of another language, is not there.
      paths: ["/usr/bin/bash", "/usr/bin/sh"],
    });
  });

  test("of rpm 3, with whole paths; a key, without an architecture; numbers of all widths", () => {
    const old = header([...bash.filter(([tag]) => tag < 1022), text(1027, "/bin/bash", "/etc/bashrc")]);
    expect(packageOf(readHeader(old))).toMatchObject({ architecture: "(none)", paths: ["/bin/bash", "/etc/bashrc"] });
    const numbers = header([
      [1028, 5, 1, words(1, 2)],
      [1030, 3, 2, Buffer.from("81a441ed", "hex")],
    ]);
    expect(readHeader(numbers).numbers(1028)).toEqual([2 ** 32 + 2]);
    expect(readHeader(numbers).numbers(1030)).toEqual([0o100644, 0o40755]);
    expect(readHeader(numbers).numbers(4)).toEqual([]);
  });

  test("with two values of one tag: what was added at installation counts", () => {
    expect(readHeader(header([...bash, text(1002, "4.el9")])).texts(1002)).toEqual(["4.el9"]);
  });
});

/** A header of one name, the numbers of whose entry are these. */
const lying = (tag: number, type: number, at: number, count: number) =>
  Buffer.concat([words(1, 5, tag, type, at, count), Buffer.from("bash\0")]);

describe("refused, with what was seen", () => {
  test.each([
    ["nothing", Buffer.alloc(0), "a header of 0 bytes"],
    ["four thousand million entries", words(-1, 0), "4294967295 entries"],
    ["a gigabyte of data", words(1, 2 ** 30, 1000, 6, 0, 1), "1073741824 bytes"],
    ["no entry", Buffer.concat([words(0, 5), Buffer.from("bash\0")]), "says 0 entries"],
    ["less than it says", header(bash).subarray(0, -1), "entries and"],
    ["more than it says", Buffer.concat([header(bash), Buffer.alloc(1)]), "entries and"],
    ["a place beyond its data", lying(1000, 6, 6, 1), "1 values at 6 of 5 bytes"],
    ["a negative place", lying(1000, 6, -4, 1), "1 values at 4294967292 of 5"],
    ["too many values", lying(1000, 8, 0, 2 ** 30), "1073741824 values at 0"],
    ["more values than texts", lying(1000, 8, 0, 2), "text 2 of 2 has no end"],
    ["more numbers than data", lying(1000, 4, 0, 3), "its data end at 12 of 5"],
    [
      "more values than any package has",
      Buffer.concat([words(1, 2 ** 20 + 1, 1117, 8, 0, 2 ** 20 + 1), Buffer.alloc(2 ** 20 + 1)]),
      "1048577 values, and more than 1048576 are not read",
    ],
    ["two values of a single text", lying(1000, 6, 0, 2), "2 values"],
    ["no value", lying(1000, 6, 0, 0), "0 values"],
    ["a type that there is not", lying(1000, 17, 0, 1), "type 17"],
    ["no type", lying(1000, 0, 0, 1), "type 0"],
    ["a tag that no package has", lying(99, 6, 0, 1), "tag 99"],
    ["a number at an odd place", lying(1000, 4, 1, 1), "odd for type 4"],
    ["a text without an end", Buffer.concat([words(1, 4, 1000, 6, 0, 1), Buffer.from("bash")]), "has no end"],
    [
      "values that lie over each other",
      Buffer.concat([words(2, 5, 1000, 6, 0, 1, 1001, 6, 4, 1), Buffer.from("bash\0")]),
      "before those of the entry before it end",
    ],
    ["a part that ends beyond", Buffer.concat([words(1, 16, 63, 7, 1, 16), Buffer.alloc(16)]), "it ends at 1 of 16"],
    ["a part without an end", Buffer.concat([words(1, 16, 63, 7, 0, 16), Buffer.alloc(16)]), "its end says tag 0"],
    ["a part of too many entries", Buffer.concat([words(1, 16, 63, 7, 0, 16, 63, 7, -32, 16)]), "2 of 1 entries"],
    ["another digest", header(bash, true, "0".repeat(64)), "its sha256 is"],
  ])("%s", (_, blob, said) => {
    expect(() => readHeader(blob)).toThrow(DamagedRpm);
    expect(() => readHeader(blob)).toThrow(said);
  });

  test.each([
    ["no name", without(1000), 'name ""'],
    ["an empty version", without(1001, text(1001, "")), 'version ""'],
    ["a name that is a number", without(1000, longs(1000, 1)), "tag 1000 is no text"],
    ["an epoch that is a text", without(1003, text(1003, "1")), "tag 1003 is no number"],
    ["more names than places", without(1116, longs(1116, 0, 1)), "3 names of files in 2 directories"],
    [
      "paths that share a gigantic directory",
      [
        ...without(1116).filter(([tag]) => tag < 1117 && tag !== 1029),
        longs(1116, ...Array.from({ length: 200 }, () => 0)),
        text(1117, ...Array.from({ length: 200 }, () => "x")),
        text(1118, `/${"x".repeat(2 ** 20)}`),
      ],
      "paths of more than 134217728 letters",
    ],
    ["a directory that there is not", without(1116, longs(1116, 0, 2, 0)), "directory 2 of 2"],
    ["names without directories", without(1118), "directory 0 of 0"],
    ["a single name of three", without(1117, list(1117, "bash")), "1 names of files in 3"],
    ["too few states", without(1029, [1029, 1, 2, Buffer.alloc(2)]), "3 files and states of 2"],
  ])("%s", (_, entries, said) => {
    const read = readHeader(header(entries));
    expect(() => packageOf(read)).toThrow(DamagedRpm);
    expect(() => packageOf(read)).toThrow(said);
  });

  test("each byte of the package's own part, changed", () => {
    const whole = header(bash, true);
    // But for the entry that keeps the digest, and what it keeps.
    const own = [...whole.keys()]
      .filter((at) => at < 8 + 11 * 16 || at >= 8 + 12 * 16)
      .filter((at) => at < whole.length - 65);
    for (const at of own) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      expect.soft(() => packageOf(readHeader(changed)), `byte ${at}`).toThrow(DamagedRpm);
    }
    expect(own.length).toBeGreaterThan(200);
  });
});
