// Dockerfiles and archives as bases, on the real engine and with buildah, over a root of a few megabytes.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import type { HarnessError } from "../model/errors.ts";
import { dockerfile, fromArchive, fromImage, type Recipe, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import type { ImageSource } from "./image-source.ts";
import { smallRoot } from "./small-root.ts";
import { Store } from "./store.ts";

let place: string;
let context: string;
let store: Store;
let driver: DockerDriver;
let source: ImageSource;
const named = (name: string) => `assay-dockerfile-${name}-${process.pid}`;
const docker = (...args: string[]) => execFileSync("docker", args, { encoding: "utf8" });
/** Images of these tests' builds that the engine has: each build's first step is this label. */
const mark = `assay.test=${process.pid}`;
const images = () => docker("image", "ls", "--all", "--quiet", "--no-trunc", "--filter", `label=${mark}`);

beforeAll(async () => {
  const { state, scratch, dockerHost } = readConfig();
  mkdirSync(state, { recursive: true, mode: 0o700 });
  place = mkdtempSync(join(state, "store-dockerfile-"));
  context = mkdtempSync(join(place, "context-"));
  store = new Store({ directory: join(place, "store") });
  driver = await openDockerDriver({ dockerHost, scratch });
  const { builds } = driver.images;
  // The small root under any name, and the real engine's builder. What a name stood for is exported, never the name.
  const small = smallRoot();
  const { digest } = await small.resolve("base:1");
  source = {
    resolve: (reference) =>
      reference.startsWith("sha256:") ? driver.images.resolve(reference) : small.resolve(reference),
    export: (reference) => (reference === digest ? small.export(reference) : driver.images.export(reference)),
    ...(builds === undefined ? {} : { builds }),
  };
});
afterAll(async () => {
  for (const name of ["base"]) {
    try {
      docker("image", "rm", "--force", `${named(name)}:1`);
    } catch {}
  }
  await driver.close();
  rmSync(place, { recursive: true, force: true });
});

const base = () =>
  recipe(named("base"), {
    version: "1",
    from: fromImage("small"),
    steps: [run(["sh", "-c", "echo base > /etc/base"])],
    context,
  });
const files = (name: string, all: Record<string, string>) => {
  const directory = join(context, name);
  mkdirSync(directory, { recursive: true });
  for (const [file, content] of Object.entries(all)) writeFileSync(join(directory, file), content);
  return directory;
};
const of = (name: string, from: Recipe["from"], steps: Recipe["steps"] = []) =>
  recipe(named(name), { version: "1", from, steps, context });
const failure = (wanted: Recipe, options: { source?: ImageSource; signal?: AbortSignal } = {}) =>
  store.build(wanted, { source, ...options }).then(
    () => expect.fail("it was built"),
    (error: HarnessError) => error,
  );

const stages = {
  Dockerfile:
    `ARG LEVEL=1\nFROM base AS made\nLABEL ${mark}\nARG LEVEL\nCOPY . /srv/\nRUN echo level $LEVEL > /etc/level && chmod 640 /etc/level\n` +
    `FROM scratch AS thin\nLABEL ${mark}\nCOPY --from=made /etc/level /level\nCMD ["/level"]\n` +
    'FROM made\nENV WORD=x\nUSER 7\nENTRYPOINT ["sh"]\n',
  kept: "kept",
  ignored: "ignored",
  ".dockerignore": "# no\nign*\n",
};

describe.each(["engine", "buildah"] as const)("by %s", (builder) => {
  test("stages, arguments, .dockerignore and metadata; twice the same; why says what changed; nothing is left on the engine", async () => {
    files(`stages-${builder}`, stages);
    const wanted = (options: object = {}) =>
      of(`stages-${builder}`, dockerfile(`stages-${builder}`, { builder, bases: { base: base() }, ...options }));
    await driver.load((await store.build(base(), { source })).image);
    const { image, built } = await store.build(wanted({ args: { LEVEL: "3" } }), { source });
    expect(built).toBe(true);
    expect(images()).toBe("");
    const read = (path: string) => readFileSync(join(image.tree, path), "utf8").trim();
    expect([read("etc/base"), read("etc/level"), read("srv/kept")]).toEqual(["base", "level 3", "kept"]);
    expect(existsSync(join(image.tree, "srv/ignored"))).toBe(false);
    expect(statSync(join(image.tree, "etc/level")).mode & 0o777).toBe(0o640);
    expect(image.config).toMatchObject({ entrypoint: ["sh"], user: "7", env: { WORD: "x" } });
    const again = await new Store({ directory: join(place, `again-${builder}`) }).build(
      wanted({ args: { LEVEL: "3" } }),
      { source },
    );
    expect(again.image.treeDigest).toBe(image.treeDigest);

    expect((await store.build(wanted({ args: { LEVEL: "3" } }), { source })).built).toBe(false);
    writeFileSync(join(context, `stages-${builder}`, "ignored"), "other");
    expect((await store.build(wanted({ args: { LEVEL: "3" } }), { source })).built).toBe(false);
    writeFileSync(join(context, `stages-${builder}`, "kept"), "other");
    const why = await store.why(wanted({ args: { LEVEL: "4" } }), { source });
    expect(why.join("\n")).toMatch(/base\.args\.LEVEL: 3 → 4[\s\S]*base\.files\.kept: sha256 /);

    const { image: thin } = await store.build(wanted({ target: "thin" }), { source });
    expect(readFileSync(join(thin.tree, "level"), "utf8").trim()).toBe("level 1");
    expect(existsSync(join(thin.tree, "bin/sh"))).toBe(false);
    expect(thin.config.cmd).toEqual(["/level"]);
  }, 120_000);

  test("a step that fails is told with its words, an unmapped image before anything is built", async () => {
    files(`failing-${builder}`, { Dockerfile: `FROM base\nLABEL ${mark}\nRUN echo so it goes; exit 7\n` });
    const from = dockerfile(`failing-${builder}`, { builder, bases: { base: base() } });
    const error = await failure(of(`failing-${builder}`, from));
    expect(error).toMatchObject({ code: "dockerfile-failed" });
    expect(error.message).toMatch(/so it goes/);
    expect(error.message).toMatch(/7/);
    expect(images()).toBe("");
    const unmapped = of("unmapped", dockerfile(`failing-${builder}`, { builder }));
    const refusing: ImageSource = {
      ...source,
      resolve: (reference) => driver.images.resolve(`127.0.0.1:1/none/${reference}`),
    };
    const refused = await failure(unmapped, { source: refusing });
    expect(refused.code).toBe(builder === "buildah" ? "unmapped-base" : "image-missing");
    expect(refused.message).toContain(`failing-${builder}/Dockerfile:1 starts from image "base"`);
    expect(refused.hint).toContain('bases: { "base": aRecipe }');
    const target = dockerfile(`stages-${builder}`, { builder, target: "thinn", bases: { base: base() } });
    expect(await failure(of("target", target))).toMatchObject({
      code: "unknown-target",
      hint: 'did you mean "thin"?',
    });
    expect(
      await failure(of("unused", dockerfile(`failing-${builder}`, { builder, bases: { base: base(), bose: base() } }))),
    ).toMatchObject({
      code: "unused-base",
      message: expect.stringContaining('did you mean "base"?'),
    });
  }, 60_000);
});

test("a build that is broken off ends on the engine, and leaves nothing there", async () => {
  const sleep = `sleep 30; : ${process.pid}`;
  files("broken-off", { Dockerfile: `FROM base\nLABEL ${mark}\nRUN : > /first\nRUN ${sleep}\n` });
  await store.build(base(), { source });
  const logs = join(place, "store", "logs");
  const stop = new AbortController();
  const watcher = watch(logs, (_, name) => {
    if (name?.includes("broken-off") === true && readFileSync(join(logs, name), "utf8").includes(`RUN ${sleep}`))
      stop.abort();
  });
  try {
    const error = await failure(of("broken-off", dockerfile("broken-off", { bases: { base: base() } })), {
      signal: stop.signal,
    });
    expect(error).toMatchObject({ code: "cancelled" });
  } finally {
    watcher.close();
  }
  expect(images()).toBe("");
  expect(docker("container", "ls", "--all", "--no-trunc", "--format", "{{.Command}}")).not.toContain(sleep);
}, 60_000);

test("a secret reaches the step that asks for it, and is in no layer, archive, manifest or log", async () => {
  files("secrets", {
    Dockerfile:
      "FROM base\nRUN --mount=type=secret,id=token read -r t < /run/secrets/token; test -n $t && echo had it > /etc/had\n",
  });
  const value = `s3cr3t-${"x".repeat(17)}`;
  const from = dockerfile("secrets", {
    builder: "buildah",
    bases: { base: base() },
    secrets: { token: secret("token", value) },
  });
  const { image } = await store.build(of("secrets", from), { source });
  expect(readFileSync(join(image.tree, "etc/had"), "utf8")).toBe("had it\n");
  const found = execFileSync("sh", [
    "-c",
    'grep --recursive --text --files-with-matches --fixed-strings "$1" "$2" || true',
    "sh",
    value,
    join(place, "store"),
  ]);
  expect(found.toString()).toBe("");
  expect(() => dockerfile("secrets", { secrets: { token: secret("token", value) } })).toThrow(/builder: "buildah"/);
  expect(() => dockerfile("secrets", { args: { TOKEN: secret("token", value) as unknown as string } })).toThrow(
    /secrets/,
  );
}, 60_000);

test("what the engine's builder does not know is told with its line, and who does", async () => {
  files("newer", { Dockerfile: `FROM base\nLABEL ${mark}\nRUN --mount=type=tmpfs,target=/t true\n` });
  const error = await failure(of("newer", dockerfile("newer", { bases: { base: base() } })));
  expect(error).toMatchObject({ code: "dockerfile-failed" });
  expect(error.hint).toMatch(/^Dockerfile:3 has RUN --mount, which docker .* does not know, builder: "buildah" does;/);
}, 60_000);

test("contexts with what is no file, or without a Dockerfile, are refused", async () => {
  const directory = files("hostile", { Dockerfile: "FROM scratch\nCOPY . /\n" });
  symlinkSync("/etc/shadow", join(directory, "link"));
  const { image } = await store.build(of("linked", dockerfile("hostile")), { source });
  // A link stays a link: what it leads to on this machine is not read.
  expect(
    execFileSync("readlink", [join(image.tree, "link")])
      .toString()
      .trim(),
  ).toBe("/etc/shadow");
  execFileSync("mkfifo", [join(directory, "pipe")]);
  expect(await failure(of("piped", dockerfile("hostile")))).toMatchObject({ code: "bad-file" });
  expect(await failure(of("none", dockerfile("hostile", { file: "Dockerfil" })))).toMatchObject({ code: "bad-file" });
  expect(await failure(of("outside", dockerfile("../..")))).toMatchObject({ code: "outside-context" });
  expect(await failure(of("absent", dockerfile("hostil")))).toMatchObject({
    code: "missing-file",
    at: expect.stringMatching(/dockerfile\.contract\.test\.ts:\d+:\d+$/),
    hint: 'did you mean "hostile"?',
  });
}, 60_000);

test("an archive of docker save, and an OCI layout in a tar, become bases", async () => {
  const { image } = await store.build(base(), { source });
  const archive = image.archive ?? expect.fail("no archive");
  const saved = await store.build(of("saved", fromArchive(archive)), { source });
  expect(saved.image.treeDigest).toBe(image.treeDigest);
  expect(saved.image.config).toMatchObject({ cmd: ["sh"] });

  const layout = join(place, "layout.tar");
  execFileSync("sh", [
    "-c",
    'buildah --root "$1/r" --runroot "$1/rr" --storage-driver vfs pull -q "docker-archive:$2" > "$1.id" && buildah --root "$1/r" --runroot "$1/rr" --storage-driver vfs push -q "$(cat "$1.id")" "oci-archive:$3"; rm -rf "$1"',
    "sh",
    join(place, "oci"),
    archive,
    layout,
  ]);
  const oci = await store.build(of("oci", fromArchive(layout), [run(["sh", "-c", "echo more > /etc/more"])]), {
    source,
  });
  expect(readFileSync(join(oci.image.tree, "etc/base"), "utf8")).toBe("base\n");
  expect(readFileSync(join(oci.image.tree, "etc/more"), "utf8")).toBe("more\n");

  expect(await failure(of("wrong", fromArchive(layout, { sha256: "0".repeat(64) })))).toMatchObject({
    code: "wrong-sha256",
  });
  expect(await failure(of("absent", fromArchive("no.tar")))).toMatchObject({ code: "bad-archive" });
  writeFileSync(join(context, "torn.tar"), "this is no archive");
  expect(await failure(of("torn", fromArchive("torn.tar")))).toMatchObject({ code: "bad-archive" });
}, 60_000);

test("a layer's files land in the tree, whatever its links say, and whiteouts take from the tree alone", async () => {
  const work = mkdtempSync(join(place, "layers-"));
  const outside = join(place, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "precious"), "precious");
  const script = `
    cd "$1"; mkdir -p one two; ln -s "$2" one/escape; mkdir -p one/etc one/gone; echo a > one/gone/file; echo b > one/etc/old
    mkdir -p two/escape two/etc; echo written > two/escape/written; : > two/etc/.wh.old; : > two/.wh.gone; : > two/escape/.wh.precious
    tar -C one -cf one.tar .; tar -C two --no-recursion -cf two.tar ./escape/written ./escape/.wh.precious ./etc/.wh.old ./.wh.gone
    printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["x"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' \
      "$(sha256sum one.tar | cut -c1-64)" "$(sha256sum two.tar | cut -c1-64)" > config.json
    echo '[{"Config":"config.json","RepoTags":["x:1"],"Layers":["one.tar","two.tar"]}]' > manifest.json
    tar -cf image.tar manifest.json config.json one.tar two.tar
    tar -C two --no-recursion -cf plain.tar ./etc/.wh.old ./.wh.gone; sum=$(sha256sum plain.tar | cut -c1-64)
    printf '{"config":{},"rootfs":{"diff_ids":["sha256:%s","sha256:%s"]}}' "$(sha256sum one.tar | cut -c1-64)" "$sum" > plain.json
    echo '[{"Config":"plain.json","Layers":["one.tar","plain.tar"]}]' | tee manifest.json > /dev/null; tar -cf whiteouts.tar manifest.json plain.json one.tar plain.tar
    echo '[{"Config":"config.json","RepoTags":["x:1"],"Layers":["one.tar","two.tar"]}]' > manifest.json
    truncate -s 900G two/etc/holes; tar -C two --sparse -cf holes1.tar ./etc/holes; rm two/etc/holes; sum=$(sha256sum holes1.tar | cut -c1-64)
    printf '{"config":{},"rootfs":{"diff_ids":["sha256:%s"]}}' "$sum" > holes.json
    echo '[{"Config":"holes.json","Layers":["holes1.tar"]}]' | tee manifest.json > /dev/null; tar -cf holes.tar manifest.json holes.json holes1.tar
    echo '[{"Config":"config.json","RepoTags":["x:1"],"Layers":["one.tar","two.tar"]}]' > manifest.json
    rm two.tar; ln -s /etc/passwd two.tar; tar -cf linked.tar manifest.json config.json one.tar two.tar`;
  execFileSync("sh", ["-e", "-c", script, "sh", work, outside]);
  // What the link leads to is looked for in the tree, and is not there.
  expect(await failure(of("layers", fromArchive(join(work, "image.tar"))))).toMatchObject({ code: "bad-archive" });
  expect(readFileSync(join(outside, "precious"), "utf8")).toBe("precious");
  expect(existsSync(join(outside, "written"))).toBe(false);
  const { tree } = (await store.build(of("whiteouts", fromArchive(join(work, "whiteouts.tar"))), { source })).image;
  expect([existsSync(join(tree, "etc")), existsSync(join(tree, "etc/old")), existsSync(join(tree, "gone"))]).toEqual([
    true,
    false,
    false,
  ]);
  expect(await failure(of("linked", fromArchive(join(work, "linked.tar"))))).toMatchObject({ code: "bad-archive" });
  expect(await failure(of("holes", fromArchive(join(work, "holes.tar"))))).toMatchObject({
    code: "archive-too-big",
    phase: "build",
    seen: expect.stringContaining('"./etc/holes" has 966367641600 bytes'),
  });
}, 60_000);
