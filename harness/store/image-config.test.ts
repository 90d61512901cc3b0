import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeArchive } from "./archive.ts";
import { digestOf } from "./canonical.ts";
import { imageFile, mergeConfig } from "./image-config.ts";

test("a recipe's metadata lies on top of the base's", () => {
  const base = mergeConfig(
    {},
    { cmd: ["bash"], env: { A: "1", B: "1" }, labels: { a: "1" }, expose: ["80/tcp"], workdir: "/" },
  );
  const own = mergeConfig(base, { env: { B: "2" }, labels: { b: "2" }, expose: ["22/tcp"], user: "studio" });
  expect(own).toEqual({
    cmd: ["bash"],
    env: { PATH: expect.stringContaining("/usr/bin"), A: "1", B: "2" },
    labels: { a: "1", b: "2" },
    expose: ["22/tcp", "80/tcp"],
    user: "studio",
    workdir: "/",
  });
});

test("an entrypoint of one's own drops the base's command", () => {
  const base = mergeConfig({}, { cmd: ["bash"] });
  expect(mergeConfig(base, { entrypoint: ["/daemon"] }).cmd).toBeUndefined();
  expect(mergeConfig(base, { entrypoint: ["/daemon"], cmd: ["--now"] }).cmd).toEqual(["--now"]);
});

test("the configuration is what engines read, and the image's id is its digest", () => {
  const config = {
    entrypoint: ["/daemon"],
    env: { B: "2", A: "1" },
    labels: { a: "1" },
    expose: ["80/tcp"],
    volumes: ["/data"],
    stopSignal: "SIGINT",
  };
  const file = imageFile(config, ["sha256:aa", "sha256:bb"], 1_700_000_000);
  expect(file.id).toBe(digestOf(file.json));
  expect(JSON.parse(file.json)).toMatchObject({
    created: "2023-11-14T22:13:20.000Z",
    os: "linux",
    config: {
      Entrypoint: ["/daemon"],
      Env: ["A=1", "B=2"],
      Labels: { a: "1" },
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/data": {} },
      StopSignal: "SIGINT",
    },
    rootfs: { type: "layers", diff_ids: ["sha256:aa", "sha256:bb"] },
  });
  expect(JSON.parse(file.json).config).not.toHaveProperty("Cmd");
});

test("the archive holds configuration and layers under the names that its manifest tells", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-archive-"));
  const layer = join(directory, "layer");
  writeFileSync(layer, Buffer.alloc(10_240, "l"));
  const parts = { ...{ diffId: digestOf(readFileSync(layer)), bytes: 10_240 }, file: layer };
  const image = imageFile({}, [parts.diffId], 0);
  for (const name of ["one.tar", "two.tar"])
    await writeArchive(join(directory, name), { tag: "tiny:1", image, layers: [parts] });
  expect(readFileSync(join(directory, "one.tar"))).toEqual(readFileSync(join(directory, "two.tar")));
  execFileSync("tar", ["--extract", "--file", "one.tar"], { cwd: directory });
  const [entry] = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"));
  expect(entry.RepoTags).toEqual(["tiny:1"]);
  expect(digestOf(readFileSync(join(directory, entry.Config)))).toBe(image.id);
  expect(entry.Layers.map((name: string) => digestOf(readFileSync(join(directory, name))))).toEqual([parts.diffId]);
  rmSync(directory, { recursive: true });
});

test("an archive that cannot be written is an error, not an endless wait", async () => {
  await expect(
    writeArchive("/nowhere/at/all.tar", { tag: "t:1", image: imageFile({}, [], 0), layers: [] }),
  ).rejects.toMatchObject({ code: "ENOENT" });
});
