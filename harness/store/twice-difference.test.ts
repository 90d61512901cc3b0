// Why two contents of one file differ.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { contentDifference, differencesOf, twiceLines } from "./twice-difference.ts";

const between = (one: string, other: string) => contentDifference(Buffer.from(one), Buffer.from(other));

test("order, numbers, ids and the rest are told apart", () => {
  expect(between("a\nb\n", "b\na\n")).toBe("the same lines in another order");
  expect(between("at 12:01\n", "at 13:59\n")).toBe("numbers alone, a time or a process id perhaps, first at byte 4");
  expect(between("id 0a1b2c3d4e\n", "id fa1b2c3d4f\n")).toBe(
    "hexadecimal words alone, an id or a hash perhaps, first at byte 3",
  );
  expect(between("one", "other")).toBe("3 and 5 bytes, first at byte 1");
});

test("a gzip header's time", () => {
  const one = gzipSync("text");
  const other = Buffer.from(one);
  other.writeUInt32LE(1_700_000_000, 4);
  expect(contentDifference(one, other)).toBe("the time in its gzip header");
});

test("the verdict for people", () => {
  const digests = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`] as const;
  expect(twiceLines({ same: true, digests: [digests[0], digests[0]], differences: [] })).toHaveLength(1);
  const differences = ["./a", "./b", "./c"].map((path) => ({ path, how: ["mode 0644 → 0600"] }));
  const lines = twiceLines({ same: false, digests: [...digests], differences }, 2);
  expect(lines.slice(1)).toEqual([
    "  ./a: mode 0644 → 0600",
    "  ./b: mode 0644 → 0600",
    "  and 1 more; --json has all",
  ]);
});

test("a file in the one is a link in the other: the link is not followed", async () => {
  const room = mkdtempSync(join(tmpdir(), "assay-twice-"));
  const [first, second] = [join(room, "first"), join(room, "second")];
  mkdirSync(first);
  mkdirSync(second);
  writeFileSync(join(first, "a"), "text");
  symlinkSync("/nowhere", join(second, "a"));
  const line = (type: string, size: number, sha256: string, link: string) =>
    JSON.stringify(["./a", type, "0644", 0, 0, size, sha256, link, []]);
  const listed = (of: string) => new Map([["./a", of]]);
  const differences = await differencesOf(
    { tree: first, epochSeconds: 0, listing: listed(line("file", 4, "ab12", "")) },
    { tree: second, epochSeconds: 0, listing: listed(line("symlink", 0, "", "/nowhere")) },
  );
  rmSync(room, { recursive: true });
  expect(differences).toEqual([{ path: "./a", how: ["type file → symlink", "link  → /nowhere"] }]);
});
