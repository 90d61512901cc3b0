// What is hostile in archives ends in an error, quickly, and nothing is written.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StillContents } from "../model/still.ts";
import { type Entry, layout, open, saved, tar } from "./testing/archives.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-still-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

const opened = async (layers: readonly Buffer[], name = "one"): Promise<StillContents> =>
  open(await saved(room, name, layers));

const refusal = async (layers: readonly Buffer[]) => {
  const before = readdirSync(room).length;
  const path = await saved(room, "hostile", layers);
  const error = await open(path).then(
    async (contents) => contents.close().then(() => undefined),
    (thrown: unknown) => thrown,
  );
  expect(readdirSync(room).length).toBeLessThanOrEqual(before + 1);
  return error;
};

describe("hostile archives", () => {
  /** A header that tar-stream would refuse to write. */
  const forged = async (entry: Entry, change: (block: Buffer) => void) => {
    const bytes = await tar([entry]);
    change(bytes);
    bytes.fill(0x20, 148, 156);
    bytes.write(
      `${bytes
        .subarray(0, 512)
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
      "latin1",
    );
    return bytes;
  };

  test.each([
    ["of a parent", "../x", "archive-escapes"],
    ["that climbs out on its way", "a/../../x", "archive-escapes"],
    ["of a whiteout of a parent", "a/.wh...", "archive-escapes"],
    ["of a whiteout of a directory itself", ".wh..", "archive-escapes"],
    ["of 256 bytes", "a".repeat(256), "archive-too-big"],
    ["of a path of 6000 bytes", `${"a/".repeat(3000)}b`, "archive-too-big"],
  ])("a name %s is refused", async (_, name, code) => {
    expect(await refusal([await tar([{ name, content: "x" }])])).toMatchObject({ code });
  });

  test("a hard link out of the image, or to nothing, is refused; a symbolic one leads nowhere else", async () => {
    expect(await refusal([await tar([{ name: "h", type: "link", linkname: "../../etc/passwd" }])])).toMatchObject({
      code: "archive-escapes",
    });
    expect(await refusal([await tar([{ name: "h", type: "link", linkname: "etc/passwd" }])])).toMatchObject({
      code: "bad-archive",
    });
    const { tree, close } = await opened([
      await tar([
        { name: "s", type: "symlink", linkname: "/etc/passwd" },
        { name: "out", type: "symlink", linkname: "../../.." },
        { name: "a", type: "symlink", linkname: "b" },
        { name: "b", type: "symlink", linkname: "a" },
      ]),
    ]);
    expect(await tree.read(["/s", "/out/etc/passwd"], 9)).toEqual([{ nothing: "absent" }, { nothing: "absent" }]);
    expect((await tree.look(["/a/x"]))[0]).toBeInstanceOf(Error);
    await close();
  });

  test("an entry below a link to nowhere is refused", async () => {
    const layer = await tar([
      { name: "l", type: "symlink", linkname: "/nowhere" },
      { name: "l/x", content: "x" },
    ]);
    expect(await refusal([layer])).toMatchObject({ code: "bad-archive" });
  });

  test("devices and pipes are told, and nobody opens them", async () => {
    const { tree, close } = await opened([
      await tar([
        { name: "zero", type: "character-device", devmajor: 1, devminor: 5 },
        { name: "pipe", type: "fifo" },
      ]),
    ]);
    expect((await tree.look(["/zero", "/pipe"])).map((each) => (each as { mode: number }).mode >> 12)).toEqual([2, 1]);
    expect(await tree.read(["/zero", "/pipe"], 9)).toEqual([{ nothing: "irregular" }, { nothing: "irregular" }]);
    await close();
  });

  test("a size that is more than there is, or no number, is refused", async () => {
    const lying = (size: string) => forged({ name: "a", content: "x" }, (block) => block.write(size, 124, "latin1"));
    for (const size of [
      "77777777777\0",
      "00000010000\0",
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
      "not a size!\0",
    ])
      for (const packed of [await lying(size), gzipSync(await lying(size))])
        expect(await refusal([packed]), JSON.stringify(size)).toMatchObject({ code: "bad-archive" });
  });

  test("an archive that is cut off anywhere is refused, or says all that it has", async () => {
    const whole = await tar([{ name: "a", content: "x".repeat(600) }]);
    for (const bytes of [100, 512, 700])
      expect(await refusal([whole.subarray(0, bytes)])).toMatchObject({ code: "bad-archive" });
    const packed = gzipSync(whole);
    expect(await refusal([packed.subarray(0, packed.length - 5)])).toMatchObject({ code: "bad-archive" });
    expect(await refusal([gzipSync(Buffer.from("no tar at all".repeat(99)))])).toMatchObject({ code: "bad-archive" });
  });

  test("a bomb of entries is given up at the limit of names, without the memory of all", async () => {
    // The same header again and again packs well: a hundred kilobytes are two hundred thousand entries below a long name.
    const block = (await tar([{ name: `${"d".repeat(90)}/`, type: "directory" }])).subarray(0, 512);
    const many = gzipSync(Buffer.concat(Array.from({ length: 1_100_000 / 100 }, () => block)));
    const path = await saved(room, "bomb", [Buffer.concat(Array.from({ length: 100 }, () => many))]);
    const before = process.memoryUsage().rss;
    await expect(open(path)).rejects.toMatchObject({ code: "archive-too-big" });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
  });

  test("a blob that is not what its name says is told, in the manifest and in a layer", async () => {
    await expect(
      open(
        layout(room, "escape", [], () => "sha256:../../../../etc/passwd"),
        "oci-layout",
      ),
    ).rejects.toMatchObject({ code: "archive-escapes" });
    const layer = gzipSync(await tar([{ name: "a", content: "x" }]));
    const path = layout(room, "spoiled", [layer]);
    const hex = createHash("sha256").update(layer).digest("hex");
    writeFileSync(join(path, "blobs", "sha256", hex), gzipSync(await tar([{ name: "a", content: "y" }])));
    await expect(open(path, "oci-layout")).rejects.toMatchObject({
      code: "bad-archive",
      seen: expect.stringContaining("sha256"),
    });
  });

  test("what is not there, is no file, or is compressed as a whole is told with the place of its declaration", async () => {
    await expect(open(join(room, "none.tar"))).rejects.toMatchObject({
      code: "image-missing",
      at: "environments/x.ts:1:1",
    });
    await expect(open(room)).rejects.toMatchObject({ code: "image-missing" });
    const path = join(room, "whole.tar.gz");
    writeFileSync(path, gzipSync(Buffer.alloc(2048)));
    await expect(open(path)).rejects.toMatchObject({ seen: expect.stringContaining("compressed as a whole") });
  });
});
