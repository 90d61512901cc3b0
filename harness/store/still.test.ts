// What lies in archives is told as it would lie in a container.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StillContents } from "../model/still.ts";
import type { TreeEntry } from "../model/tree.ts";
import { sayName } from "./bad-archive.ts";
import { openStill } from "./still-image.ts";
import { configuration, layout, open, saved, tar } from "./testing/archives.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-still-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

const opened = async (layers: readonly Buffer[], name = "one"): Promise<StillContents> =>
  open(await saved(room, name, layers));

test("a layout in a tar is found by what is in it", async () => {
  const path = layout(room, "packed", [gzipSync(await tar([{ name: "etc/a", content: "a" }]))]);
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
    ["OCI layout", (layers) => open(layout(room, "plain", layers), "oci-layout")],
    [
      "OCI layout, gzip",
      (layers) =>
        open(
          layout(
            room,
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
            room,
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

  test("the only image there is not taken for one of another platform", async () => {
    const layers = [await tar([{ name: "a" }])];
    const files = [
      { still: "oci-layout", path: layout(room, "alone", layers) },
      { still: "docker-archive", path: await saved(room, "alone", layers) },
    ] as const;
    for (const each of files) {
      const of = (platform: string) => openStill({ ...each, image: undefined, platform, at: "environments/x.ts:1:1" });
      await (await of("linux/amd64")).close();
      await expect(of("linux/arm64")).rejects.toMatchObject({
        code: "image-missing",
        message: expect.stringContaining("is for linux/amd64, and linux/arm64 was declared"),
      });
    }
  });

  test("an opaque directory keeps what its own layer put below a directory that no entry says", async () => {
    const { tree, close } = await opened([
      await tar([{ name: "a/b/lower" }]),
      await tar([{ name: "a/b/own" }, { name: "a/.wh..wh..opq" }]),
    ]);
    await close();
    expect(await tree.list(["/a", "/a/b"])).toEqual([["b"], ["own"]]);
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
