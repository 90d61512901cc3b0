// Decides that what an rpm header says of files is read as it is, that lists which do not fit are refused, and what counts of what lies there. Needs
// no rpm: headers are written here; `tree-rpm-verify.test.ts` holds it against rpm's own word.
import { describe, expect, test } from "vitest";
import type { TreeEntry } from "../model/tree.ts";
import { filesOf, type RpmFile } from "./rpm-files.ts";
import { DamagedRpm, readHeader } from "./rpm-header.ts";
import { differences, type RpmPlace } from "./rpm-judge.ts";
import { type Entry, header, longs, text } from "./testing/rpm-header.ts";

const shorts = (tag: number, ...values: readonly number[]): Entry => {
  const data = Buffer.alloc(2 * values.length);
  for (const [at, value] of values.entries()) data.writeUInt16BE(value, 2 * at);
  return [tag, 3, values.length, data];
};
const sum = "0123456789abcdef".repeat(4);
const twoFiles: readonly Entry[] = [
  text(1000, "tool"),
  text(1001, "1"),
  text(1002, "1"),
  longs(1028, 5, 4),
  [1029, 1, 2, Buffer.from([0, 2])],
  shorts(1030, 0o104755, 0o120777),
  text(1035, sum, ""),
  text(1036, "", "tool"),
  longs(1037, 1 | 16, 64),
  text(1039, "root", "keeper"),
  text(1040, "root", "crew"),
  longs(1045, 2 ** 32 - 1, 0),
  longs(1116, 0, 0),
  text(1117, "tool", "link"),
  text(1118, "/usr//bin/"),
  text(5010, "cap_net_raw=ep", ""),
  longs(5011, 8),
];
const but = (tag: number, ...more: readonly Entry[]) =>
  [...twoFiles.filter(([each]) => each !== tag), ...more].toSorted(([one], [other]) => one - other);
const read = (entries: readonly Entry[]) => filesOf(readHeader(header(entries)), "tool");

describe("files of a header", () => {
  test("what is said of each", () => {
    expect(read(twoFiles)).toEqual({
      digestKind: "sha256",
      digestNumber: 8,
      files: [
        {
          path: "/usr/bin/tool",
          state: "normal",
          configuration: true,
          ghost: false,
          mayBeMissing: false,
          mode: 0o104755,
          size: 5,
          digest: sum,
          link: "",
          user: "root",
          group: "root",
          capabilities: "cap_net_raw=ep",
          flags: 2 ** 32 - 1,
        },
        expect.objectContaining({ path: "/usr/bin/link", state: "absent", ghost: true, mayBeMissing: true, flags: 0 }),
      ],
    });
  });

  test("none; sizes of 64 bits; digests that are not said to be others are MD5; one of no known kind", () => {
    expect(read(twoFiles.filter(([tag]) => tag < 1028))).toMatchObject({ files: [] });
    const long: Entry = [5008, 5, 2, Buffer.from("00000001000000000000000000000004", "hex")];
    expect(read(but(1028, long)).files[0]?.size).toBe(2 ** 32);
    const short = text(1035, sum.slice(32), "");
    expect(read(but(1035, short).filter(([tag]) => tag !== 5011))).toMatchObject({ digestKind: "md5" });
    expect(read(but(5011, longs(5011, 14)))).toMatchObject({ digestKind: undefined, digestNumber: 14 });
  });

  test.each<readonly [string, readonly Entry[], string]>([
    ["no sizes", but(1028), "2 files and sizes of 0"],
    ["too few modes", but(1030, shorts(1030, 1)), "2 files and modes of 1"],
    ["no digests", but(1035), "2 files and digests of 0"],
    ["three targets", but(1036, text(1036, "", "", "")), "2 files and targets of links of 3"],
    ["no flags", but(1037), "2 files and flags of 0"],
    ["no owners", but(1039), "2 files and owners of 0"],
    ["a single group", but(1040, text(1040, "root")), "2 files and groups of 1"],
    ["nothing to verify", but(1045), "2 files and what is verified of 0"],
    ["a state too much", but(1029, [1029, 1, 3, Buffer.alloc(3)]), "2 files and states of 3"],
    ["a single capability", but(5010, text(5010, "")), "2 files and capabilities of 1"],
    ["a state that there is not", but(1029, [1029, 1, 2, Buffer.from([0, 9])]), "state 9 of /usr//bin/link"],
    ["a mode that there is not", but(1030, longs(1030, 0o1104755, 0)), "mode 01104755"],
    ["a digest of another length", but(1035, text(1035, sum.slice(1), "")), "as sha256 of /usr//bin/tool"],
    ["a digest that is none", but(1035, text(1035, "x".repeat(64), "")), "as sha256 of /usr//bin/tool"],
    ["a path that goes up", but(1118, text(1118, "/usr/../etc/")), "which is no path of a package"],
    ["a path from nowhere", but(1118, text(1118, "usr/")), "which is no path of a package"],
    ["a path that is too long", but(1118, text(1118, `/${"x".repeat(4096)}/`)), "which is no path of a package"],
    ["a name of other bytes", but(1117, [1117, 8, 2, Buffer.from("ff006100", "hex")]), "whose name is no UTF-8"],
  ])("%s is refused", (_, entries, said) => {
    expect(() => read(entries)).toThrow(DamagedRpm);
    expect(() => read(entries)).toThrow(said);
  });
});

const brought: RpmFile = {
  ...(read(twoFiles).files[0] as RpmFile),
  capabilities: "",
  mode: 0o100755,
};
const there: TreeEntry = { mode: 0o100755, uid: 0, gid: 0, size: 5, target: undefined, attributes: new Map() };
const judged = (file: Partial<RpmFile>, entry: Partial<TreeEntry> = {}, place: Partial<RpmPlace> = {}) =>
  differences(
    { ...brought, ...file },
    { entry: { ...there, ...entry }, user: { id: 0 }, group: { id: 0 }, digest: sum, ...place },
  );
const capable = (hex: string) => new Map([["security.capability", Buffer.from(hex, "hex")]]);
const raw = capable("0100000200200000000000000000000000000000");

describe("what differs", () => {
  test.each<readonly [string, Parameters<typeof judged>, readonly string[]]>([
    ["nothing", [{}], []],
    [
      "all of a file",
      [{}, { mode: 0o104700, uid: 1, gid: 1, size: 6, attributes: raw }, { digest: "" }],
      ["size", "mode", "contents", "owner", "group", "capabilities"],
    ],
    ["what is not verified", [{ flags: 0 }, { mode: 0o104700, uid: 1, size: 6 }, { digest: "" }], []],
    ["a file of which no digest is said", [{ digest: "" }, {}, { digest: undefined }], ["contents"]],
    ["one of another word size", [{ state: "shared" }, { size: 6, uid: 1 }, { digest: "" }], ["owner"]],
    ["one that another package replaced", [{ state: "replaced" }, { size: 6, uid: 1, mode: 0o100000 }], []],
    ["a device where a file was", [{}, { mode: 0o020755 }], ["mode", "device"]],
    ["a file where a block device was", [{ mode: 0o060755 }], ["size", "mode", "device"]],
    ["a ghost of another type", [{ ghost: true }, { mode: 0o040755 }], []],
    ["a ghost that is a link", [{ ghost: true }, { mode: 0o120777, target: "x" }], []],
    ["a ghost with other rights", [{ ghost: true }, { mode: 0o100700, size: 6 }, { digest: "" }], ["mode"]],
    [
      "who is not there has no right",
      [{ mode: 0o106755 }, {}, { user: { id: undefined }, group: { id: undefined } }],
      [],
    ],
    [
      "who is not there has it all the same",
      [{ mode: 0o106755 }, { mode: 0o106755 }, { user: { id: undefined }, group: { id: undefined } }],
      ["mode"],
    ],
    ["root's in the place of who is there", [{}, {}, { user: { id: 7 }, group: { id: 7 } }], ["owner", "group"]],
    ["capabilities as libcap wrote them once", [{ capabilities: "= cap_net_raw+ep" }, { attributes: raw }], []],
    ["capabilities that are gone", [{ capabilities: "cap_net_raw=ep" }], ["capabilities"]],
    ["an empty set in the place of none", [{ capabilities: "=" }], ["capabilities"]],
  ])("%s", (_, given, what) => {
    expect(judged(...given)).toEqual(what);
  });

  test.each<readonly [string, Parameters<typeof judged>, string]>([
    ["contents that were not read", [{}, {}, { digest: undefined }], "its contents were not read"],
    ["a device of the same kind", [{ mode: 0o020600 }, { mode: 0o020600 }], "which device it is"],
    [
      "a target of other bytes",
      [
        { mode: 0o120777, link: "\ufffd" },
        { mode: 0o120777, target: "\ufffd" },
      ],
      "no UTF-8",
    ],
    [
      "a group that another service may know",
      [{ mode: 0o102755, flags: 64 }, {}, { group: { id: undefined, elsewhere: "sss" } }],
      "nsswitch.conf asks sss too",
    ],
    ["attributes", [{ flags: 256 }, { attributes: undefined } as never], "only archives tell them"],
    ["capabilities of no known form", [{}, { attributes: capable("00") }], "its capabilities are none that is known"],
    ["capabilities of no known name", [{ capabilities: "cap_fly=ep" }], 'the package says capabilities "cap_fly=ep"'],
    [
      "a list of no known form",
      [{}, { attributes: new Map([["system.posix_acl_access", Buffer.from("x")]]) }],
      "its access control list",
    ],
  ])("%s: it is not known", (_, given, said) => {
    expect(judged(...given)).toMatchObject({ code: "probe-failed", seen: expect.stringContaining(said) });
  });

  test("a digest that could not be made counts where contents do", () => {
    const error = new Error("cut off");
    expect(judged({}, {}, { digest: error })).toBe(error);
    expect(judged({ ghost: true }, {}, { digest: error })).toEqual([]);
  });
});
