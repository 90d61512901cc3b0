// What lies in archives is told as it would lie in a container; what is hostile in them ends in an error, quickly, and nothing is written.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StillContents } from "../model/still.ts";
import type { TreeEntry } from "../model/tree.ts";
import { sayName } from "./bad-archive.ts";
import { openStill } from "./still-image.ts";

type Entry = Partial<Header> & { readonly name: string } & { readonly content?: string | Buffer };

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-still-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

async function tar(entries: readonly Entry[]): Promise<Buffer> {
  const packing = pack();
  for (const { content, ...header } of entries) packing.entry(header, content ?? "");
  packing.finalize();
  return buffer(packing);
}

const configuration = {
  architecture: "amd64",
  created: "2026-01-01T00:00:00Z",
  config: { Env: ["A=b=c"], Cmd: ["x"] },
};

/** As `docker save` writes it. */
async function saved(name: string, layers: readonly Buffer[]): Promise<string> {
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const parts: Entry[] = [
    ...layers.map((content, index) => ({ name: names[index] ?? "", content })),
    { name: "c.json", content: JSON.stringify(configuration) },
    { name: "manifest.json", content: JSON.stringify([{ Config: "c.json", RepoTags: ["x:1"], Layers: names }]) },
  ];
  const path = join(room, `${name}.tar`);
  writeFileSync(path, await tar(parts));
  return path;
}

/** As skopeo and buildah write it. */
function layout(
  name: string,
  layers: readonly Buffer[],
  spoil: (digest: string) => string = (digest) => digest,
): string {
  const path = join(room, name);
  mkdirSync(join(path, "blobs", "sha256"), { recursive: true });
  const blob = (bytes: Buffer) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(path, "blobs", "sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown) => blob(Buffer.from(JSON.stringify(value)));
  const manifest = json({ config: json(configuration), layers: layers.map((layer) => ({ ...blob(layer) })) });
  const index = {
    manifests: [
      { ...manifest, digest: spoil(manifest.digest), annotations: { "org.opencontainers.image.ref.name": "1" } },
    ],
  };
  writeFileSync(join(path, "index.json"), JSON.stringify(index));
  return path;
}

const open = (path: string, still: "docker-archive" | "oci-layout" | "rootfs" = "docker-archive") =>
  openStill({ still, path, image: undefined, at: "environments/x.ts:1:1" });

const opened = async (layers: readonly Buffer[], name = "one"): Promise<StillContents> =>
  open(await saved(name, layers));

const refusal = async (layers: readonly Buffer[]) => {
  const before = readdirSync(room).length;
  const path = await saved("hostile", layers);
  const error = await open(path).then(
    async (contents) => contents.close().then(() => undefined),
    (thrown: unknown) => thrown,
  );
  expect(readdirSync(room).length).toBeLessThanOrEqual(before + 1);
  return error;
};

test("a layout in a tar is found by what is in it", async () => {
  const path = layout("packed", [gzipSync(await tar([{ name: "etc/a", content: "a" }]))]);
  execFileSync("tar", ["--directory", path, "--create", "--file", `${path}.tar`, "."]);
  const contents = await open(`${path}.tar`);
  try {
    expect(contents.image).toMatchObject({ tags: ["1"], config: { cmd: ["x"] } });
  } finally {
    await contents.close();
  }
});

describe("layers make one tree", () => {
  const lower = () =>
    tar([
      { name: "./", type: "directory", mode: 0o755 },
      { name: "./etc/", type: "directory", mode: 0o755 },
      { name: "./etc/passwd", content: "root:x:0:0::/root:/bin/sh\n", mode: 0o644 },
      { name: "./etc/old", content: "old" },
      { name: "./opaque/a", content: "a" },
      { name: "./replaced/inside", content: "x" },
      { name: "./usr/lib/one", content: "one", uid: 7, gid: 8, mode: 0o4755 },
      { name: "./lib", type: "symlink", linkname: "usr/lib" },
      { name: "./hard", type: "link", linkname: "./usr/lib/one" },
    ]);
  const upper = () =>
    tar([
      { name: "etc/.wh.old", content: "" },
      { name: "opaque/b", content: "b" },
      { name: "opaque/.wh..wh..opq", content: "" },
      { name: "replaced", content: "a file now" },
      { name: "lib/two", content: "two" },
    ]);

  const forms: readonly [string, (layers: readonly Buffer[]) => Promise<StillContents>][] = [
    ["docker save", (layers) => opened(layers)],
    ["docker save, gzip", (layers) => opened(layers.map((each) => gzipSync(each)))],
    ["OCI layout", (layers) => open(layout("plain", layers), "oci-layout")],
    [
      "OCI layout, gzip",
      (layers) =>
        open(
          layout(
            "gzip",
            layers.map((each) => gzipSync(each)),
          ),
          "oci-layout",
        ),
    ],
    [
      "OCI layout, zstd",
      (layers) =>
        open(
          layout(
            "zstd",
            layers.map((each) => zstdCompressSync(each)),
          ),
          "oci-layout",
        ),
    ],
  ];

  test("a walk finds all below a directory, and follows no link", async () => {
    const deep = "d/".repeat(1500);
    const { tree, close } = await opened([
      await lower(),
      await tar([
        { name: `${deep}end` },
        { name: "usr/lib/\xff\n", content: "x" },
        { name: "etc/.wh.old", content: "" },
      ]),
    ]);
    const walked = async (directory: string) => (await tree.walk(directory))?.map(([path]) => path).sort();
    expect(await walked("/usr")).toEqual(["/usr", "/usr/lib", "/usr/lib/one", "/usr/lib/ÿ\n"]);
    expect(await walked("/lib")).toEqual(["/lib"]);
    expect(await walked("/lib/")).toEqual(["/lib/", "/lib/one", "/lib/ÿ\n"]);
    expect(await walked("/etc")).toEqual(["/etc", "/etc/passwd"]);
    expect([await walked("/etc/passwd"), await walked("/nothing")]).toEqual([undefined, undefined]);
    expect((await walked("/d"))?.length).toBe(1501);
    expect((await walked("/"))?.at(-1)).toBe("/usr/lib/ÿ\n");
    const [, one] = (await tree.walk("/opaque/../usr"))?.find(([path]) => path.endsWith("/one")) ?? [];
    expect(one).toMatchObject({ mode: 0o104755, uid: 7, gid: 8, size: 3 });
    await close();
  });

  test("extended attributes are those of the layer that wrote the file last; hard links share them", async () => {
    const pax = (value: string) => ({ "SCHILY.xattr.user.origin": value, "SCHILY.xattr.user.a%3Db": "x" });
    const files = ["a", "b"].map((name) => ({ name, content: name, pax: pax(`${name}, below`) }));
    const { tree, close } = await opened([
      await tar([
        ...files,
        { name: "hard", type: "link", linkname: "a" },
        { name: "d", type: "directory", pax: pax("d") },
      ]),
      await tar([
        { name: "b", content: "anew" },
        { name: "d", type: "directory" },
      ]),
    ]);
    const seen = await tree.look(["/a", "/hard", "/b", "/d"]);
    const attributes = seen.map((each) =>
      [...((each as TreeEntry).attributes ?? [])].map(([name, value]) => `${name}=${value}`),
    );
    expect(attributes).toEqual([
      ["user.origin=a, below", "user.a=b=x"],
      ["user.origin=a, below", "user.a=b=x"],
      [],
      [],
    ]);
    await close();
  });

  test.each(forms)("%s: whiteouts, opaque directories, links", async (_, form) => {
    const { tree, image, close } = await form([await lower(), await upper()]);
    const paths = [
      "/etc/old",
      "/opaque/a",
      "/opaque/b",
      "/replaced/inside",
      "/replaced",
      "/lib/one",
      "/usr/lib/two",
      "/lib",
      "/lib/",
    ];
    const seen = await tree.look(paths);
    expect(seen.map((each) => (each === undefined ? "absent" : (each as { mode: number }).mode.toString(8)))).toEqual([
      "absent",
      "absent",
      "100644",
      "absent",
      "100644",
      "104755",
      "100644",
      "120777",
      "40755",
    ]);
    expect(seen[5]).toMatchObject({ uid: 7, gid: 8, size: 3 });
    expect(seen[7]).toMatchObject({ target: "usr/lib" });
    expect(await tree.read(["/hard", "/lib/two", "/none", "/etc"], 2)).toEqual([
      { bytes: Buffer.from("on"), whole: false },
      { bytes: Buffer.from("tw"), whole: false },
      { nothing: "absent" },
      { nothing: "irregular" },
    ]);
    // The same file, asked for in both ways in one passage.
    const both = await Promise.all([tree.sha256(["/hard", "/replaced"]), tree.read(["/lib/one"], 9)]);
    const sum = (text: string) => createHash("sha256").update(text).digest("hex");
    expect(both).toEqual([[sum("one"), sum("a file now")], [{ bytes: Buffer.from("one"), whole: true }]]);
    expect(await tree.list(["/opaque", "/lib", "/none"])).toEqual([["b"], ["one", "two"], undefined]);
    expect(image?.config).toMatchObject({ env: { A: "b=c" }, cmd: ["x"], entrypoint: [] });
    await close();
  });

  test("of several platforms the one that is named is read, else this machine's", async () => {
    const path = join(room, "platforms");
    mkdirSync(join(path, "blobs", "sha256"), { recursive: true });
    const blob = (bytes: Buffer) => {
      const hex = createHash("sha256").update(bytes).digest("hex");
      writeFileSync(join(path, "blobs", "sha256", hex), bytes);
      return { digest: `sha256:${hex}` };
    };
    const json = (value: unknown) => blob(Buffer.from(JSON.stringify(value)));
    const image = async (name: string) => json({ config: json(configuration), layers: [blob(await tar([{ name }]))] });
    const own = { x64: "amd64" }[process.arch as string] ?? process.arch;
    const manifests = [
      { ...(await image("s390x")), platform: { os: "linux", architecture: "s390x" } },
      { ...(await image("arm")), platform: { os: "linux", architecture: "arm", variant: "v7" } },
      { ...(await image("own")), platform: { os: "linux", architecture: own } },
    ];
    const names = async (platform?: string) => {
      const { tree, close } = await openStill({ still: "oci-layout", path, image: undefined, platform, at: undefined });
      await close();
      return (await tree.list(["/"]))[0];
    };
    // One index that names another, as buildx writes it, and all in one, as skopeo does.
    for (const index of [{ manifests: [json({ manifests })] }, { manifests }]) {
      writeFileSync(join(path, "index.json"), JSON.stringify(index));
      expect(await names()).toEqual(["own"]);
      expect(await names("linux/s390x")).toEqual(["s390x"]);
      expect(await names("linux/arm")).toEqual(["arm"]);
      expect(await names("linux/arm/v7")).toEqual(["arm"]);
      await expect(names("linux/mips")).rejects.toMatchObject({ code: "image-missing" });
    }
  });

  test("a directory is walked inside itself alone", async () => {
    const root = join(room, "root");
    mkdirSync(join(root, "etc"), { recursive: true });
    writeFileSync(join(root, "etc", "a"), "inside");
    symlinkSync("/etc/a", join(root, "absolute"));
    symlinkSync("../../../../../../etc/a", join(root, "up"));
    symlinkSync("loop", join(root, "loop"));
    const { tree } = await open(root, "rootfs");
    const inside = { bytes: Buffer.from("inside"), whole: true };
    expect(await tree.read(["/absolute", "/up", "/../etc/a", "/etc/passwd"], 99)).toEqual([
      inside,
      inside,
      inside,
      { nothing: "absent" },
    ]);
    expect((await tree.read(["/loop"], 9))[0]).toMatchObject({
      code: "probe-failed",
      seen: expect.stringContaining("symbolic links"),
    });
  });

  test("names of any bytes are found by what they say, and shown safely", async () => {
    const long = "n".repeat(255);
    const { tree, close } = await opened([
      await tar([
        { name: "d/a\nb\u001b[31m", content: "1" },
        { name: `d/${long}`, content: "2" },
        { name: "d/é", content: "3" },
      ]),
    ]);
    expect(await tree.list(["/d"])).toEqual([["a\nb\u001b[31m", long, "é"]]);
    expect((await tree.read(["/d/é"], 9))[0]).toMatchObject({ bytes: Buffer.from("3") });
    expect(sayName("a\nb\x1b[31m\xff\xc2\x9b")).toBe('"a\\nb\\u001b[31m\ufffd\ufffd"');
    await close();
  });
});

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
    const path = await saved("bomb", [Buffer.concat(Array.from({ length: 100 }, () => many))]);
    const before = process.memoryUsage().rss;
    await expect(open(path)).rejects.toMatchObject({ code: "archive-too-big" });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2);
  });

  test("a blob that is not what its name says is told, in the manifest and in a layer", async () => {
    await expect(
      open(
        layout("escape", [], () => "sha256:../../../../etc/passwd"),
        "oci-layout",
      ),
    ).rejects.toMatchObject({ code: "archive-escapes" });
    const layer = gzipSync(await tar([{ name: "a", content: "x" }]));
    const path = layout("spoiled", [layer]);
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
