// The store on a root of a few megabytes: what needs neither Debian nor Python, so that it can be tried often.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { ProvisionError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import { copy, fromImage, fromRecipe, type Recipe, recipe, run } from "../model/recipe.ts";
import type { ImageSource } from "./image-source.ts";
import { smallRoot } from "./small-root.ts";
import { Store } from "./store.ts";

const command = promisify(execFile);
/** Tags of this run only, so that nobody else's image is ever touched. */
const named = (name: string) => `assay-small-${name}-${process.pid}`;
const tags = new Set<string>();
const source = smallRoot();

let place: string;
let context: string;
let own: Store;
let driver: DockerDriver;

beforeAll(async () => {
  const { state, scratch, dockerHost } = readConfig();
  mkdirSync(state, { recursive: true, mode: 0o700 });
  place = mkdtempSync(join(state, "store-small-"));
  context = mkdtempSync(join(place, "context-"));
  own = new Store({ directory: place });
  driver = await openDockerDriver({ dockerHost, scratch });
  write("hello", "#!/bin/sh\necho hello\n");
});

afterAll(async () => {
  for (const tag of tags) await command("docker", ["image", "rm", "--force", tag]).catch(() => {});
  await driver.close();
  rmSync(place, { recursive: true, force: true });
});

const write = (name: string, content: string) => writeFileSync(join(context, name), content);
const small = (name: string, steps: Recipe["steps"], from: Recipe["from"] = fromImage("small")) =>
  recipe(named(name), { version: "1", from, steps, context });

async function loaded(of: Recipe, images: ImageSource) {
  const { image } = await own.build(of, { source: images });
  tags.add(image.tag);
  await driver.load(image);
  return image;
}

const inImage = async (image: { tag: string }, script: string) =>
  (await command("docker", ["run", "--rm", "--user", "0", image.tag, "sh", "-c", script])).stdout.trim();

async function failure(of: Recipe, from: Store = own): Promise<ProvisionError> {
  const error = await from.build(of, { source }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProvisionError);
  return error as ProvisionError;
}

test("made twice from nothing it is the same, bit for bit; made anew when its archive is damaged, too", async () => {
  const steps = [copy("hello", "/bin/hello", { mode: 0o755 }), run(["sh", "-c", "echo made > /etc/made; sleep 0.01"])];
  const { image } = await own.build(small("twice", steps), { source });
  const elsewhere = mkdtempSync(join(place, "again-"));
  const again = await new Store({ directory: elsewhere }).build(small("twice", steps), { source });
  expect(again.built).toBe(true);
  const archive = image.archive ?? expect.fail("no archive");
  expect(readFileSync(again.image.archive ?? "none").equals(readFileSync(archive))).toBe(true);
  writeFileSync(archive, "torn");
  expect(await own.find(small("twice", steps), { source })).toBeUndefined();
  expect(await own.build(small("twice", steps), { source })).toMatchObject({ built: true, image });
  expect(await own.why(small("twice", steps), { source })).toContain("its entry in the store was gone or damaged");
});

test("files land where and as they are declared", async () => {
  mkdirSync(join(context, "site/deep"), { recursive: true });
  write("site/deep/page", "a page");
  const steps = [
    copy("site", "/srv/site", { owner: { uid: 1500, gid: 1501 }, mode: 0o640 }),
    copy("hello", "/usr/local/bin/"),
    copy("hello", "/etc/renamed", { mode: 0o600 }),
    run([
      "sh",
      "-c",
      ': > /srv/site/made-inside; while read -r line; do last=$line; done < /etc/resolv.conf; test -n "$last"',
    ]),
  ];
  const { image } = await own.build(small("copied", steps), { source });
  const seen = (path: string) => {
    const { uid, gid, mode } = statSync(join(image.tree, path));
    return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
  };
  expect(["srv", "srv/site", "srv/site/deep", "srv/site/deep/page", "srv/site/made-inside"].map(seen)).toEqual([
    "0:0 755",
    "1500:1501 755",
    "1500:1501 755",
    "1500:1501 640",
    "0:0 644",
  ]);
  expect(["usr/local/bin/hello", "etc/renamed"].map(seen)).toEqual(["0:0 644", "0:0 600"]);
  expect(existsSync(join(image.tree, "etc/resolv.conf"))).toBe(false);
});

test("a command is lent whom this machine trusts, and the image does not get it", async () => {
  const trusted = join(place, "trusted.pem");
  writeFileSync(trusted, "whom we trust\n");
  const fetched = small("trusting", [
    run([
      "sh",
      "-c",
      `for file in $SSL_CERT_FILE $PIP_CERT; do read -r line < $file && echo "$line" >> /etc/seen; done`,
    ]),
    run(["sh", "-c", 'test -z "$ASSAY_TRUST"']),
  ]);
  const trusting = new Store({ directory: join(place, "trusting"), environment: { SSL_CERT_FILE: trusted } });
  const { image } = await trusting.build(fetched, { source });
  expect(readFileSync(join(image.tree, "etc/seen"), "utf8")).toBe("whom we trust\nwhom we trust\n");
  expect(readdirSync(join(image.tree, "dev"))).toEqual([]);
  // Whom a machine trusts is no part of what an image is.
  expect((await trusting.build(fetched, { source })).built).toBe(false);
  const without = small("trusting-nobody", [
    run(["sh", "-c", 'test -z "$SSL_CERT_FILE" && test ! -e /dev/assay-trust.pem']),
  ]);
  expect((await own.build(without, { source })).built).toBe(true);
});

test("another recipe's metadata is inherited, an image of the engine's is too, with its files", async () => {
  const below = recipe(named("inherited"), {
    version: "1",
    from: fromImage("small"),
    steps: [
      copy("hello", "/bin/hello", { mode: 0o755 }),
      run(["sh", "-c", "echo below > /etc/motd; echo gone > /etc/gone"]),
    ],
    image: { cmd: ["hello"], user: "7", env: { WORD: "below" } },
    context,
  });
  const middle = small("middle", [run(["rm", "/etc/gone"])], fromRecipe(below));
  const first = await loaded(middle, source);
  expect(await inImage(first, "hello; echo $WORD; test ! -e /etc/gone && read -r line < /etc/motd && echo $line")).toBe(
    "hello\nbelow\nbelow",
  );

  const imported = small("imported", [copy("hello", "/etc/motd")], fromImage(first.tag));
  const second = await loaded(imported, driver.images);
  expect(second.config).toMatchObject({ cmd: ["hello"], user: "7", env: { WORD: "below" } });
  expect(await inImage(second, "hello; read -r line < /etc/motd; echo $line")).toBe("hello\n#!/bin/sh");
  expect((await own.build(imported, { source: driver.images })).built).toBe(false);
});

test("a recipe without steps shares its base's tree, and has an archive of its own", async () => {
  const below = small("below", [run(["sh", "-c", "echo below > /etc/motd"])]);
  const labelled = recipe(named("labelled"), {
    version: "2",
    from: fromRecipe(below),
    image: { labels: { a: "b" } },
    context,
  });
  const { image } = await own.build(labelled, { source });
  const { image: base } = await own.build(below, { source });
  expect(realpathSync(image.tree)).toBe(base.tree);
  expect(image.treeDigest).toBe(base.treeDigest);
  expect(image.imageId).not.toBe(base.imageId);
  const above = small("above-labelled", [run(["rm", "/etc/motd"])], fromRecipe(labelled));
  expect(existsSync(join((await own.build(above, { source })).image.tree, "etc/motd"))).toBe(false);
  expect(readFileSync(join(base.tree, "etc/motd"), "utf8")).toBe("below\n");
});

test("two processes that build one recipe build it once", async () => {
  const program = `
      import { Store } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
      import type { ImageSource } from "./image-source.ts";
import { smallRoot } from ${JSON.stringify(join(import.meta.dirname, "small-root.ts"))};
      const once = ${JSON.stringify(small("once", [run(["sh", "-c", "sleep 0.5; date +%N > /etc/when"])]))};
      const { built, image } = await new Store({ directory: ${JSON.stringify(place)} }).build(once, { source: smallRoot() });
      console.log(JSON.stringify({ built, treeDigest: image.treeDigest }));`;
  const both = [1, 2].map(async () => {
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await once(child, "close");
    return JSON.parse(said) as { built: boolean; treeDigest: string };
  });
  const [one, two] = await Promise.all(both);
  expect([one?.built, two?.built].sort()).toEqual([false, true]);
  expect(one?.treeDigest).toBe(two?.treeDigest);
});

test("old images of a name go, the two used last and what they stand on stay", async () => {
  const numbered = (text: string) => small("numbered", [run(["sh", "-c", `echo ${text} > /etc/motd`])]);
  const { image: first } = await own.build(numbered("1"), { source });
  const above = small("on-first", [run(["rm", "/etc/motd"])], fromRecipe(numbered("1")));
  await own.build(above, { source });
  const others: BuiltImage[] = [];
  for (const text of ["2", "3", "4"]) others.push((await own.build(numbered(text), { source })).image);
  const hoursAgo = (image: BuiltImage, hours: number) => {
    const then = Date.now() / 1000 - hours * 3600;
    utimesSync(join(image.tree, ".."), then, then);
  };
  hoursAgo(first, 9);
  for (const [at, image] of others.entries()) hoursAgo(image, 8 - at);
  // While this process says that it uses them, all stay.
  expect(await own.sweep()).toEqual([]);
  own.release();
  const gone = await own.sweep();
  expect(gone).toEqual([expect.stringContaining(`image ${named("numbered")}:1 ${others[0]?.recipeDigest}, `)]);
  expect(await own.find(numbered("1"), { source })).toEqual(first);
  expect(await own.find(numbered("2"), { source })).toBeUndefined();
  expect(await own.find(numbered("4"), { source })).toEqual(others[2]);
});

test("without root a build is refused before anything is made, with the command to run", async () => {
  const program = `
      import { Store } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
      import { smallRoot } from ${JSON.stringify(join(import.meta.dirname, "small-root.ts"))};
      const store = new Store({ directory: "/nowhere/store" });
      const error = await store.build(${JSON.stringify(small("rootless", []))}, { source: smallRoot() }).catch((thrown) => thrown);
      console.log(error.message);`;
  // A checkout may lie where only root can read, as in /root: reading is allowed, and nothing else.
  const reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", ...reading];
  const node = [process.execPath, "--input-type=module-typescript", "--eval", program];
  const child = spawn("setpriv", [...nobody, ...node], { cwd: "/" });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  await once(child, "close");
  expect(said.trim()).toBe(
    `build ${named("rootless")}: building an image needs root: it makes files of other owners; sudo npm run assay -- build ${named("rootless")}`,
  );
});

test("a failing command is told with its status and last lines, and nothing is left", async () => {
  const error = await failure(small("command", [run(["sh", "-c", "echo so it goes; exit 7"])]));
  expect(error).toMatchObject({ code: "run-failed" });
  expect(error.seen).toContain("ended with status 7: so it goes");
  expect(readdirSync(join(place, "building"))).toEqual([]);
});

test("a program that the image has not is told as such", async () => {
  const error = await failure(small("no-program", [run(["apt-get", "update"])]));
  expect(error.seen).toMatch(/apt-get update ended with status 127.*No such file/);
});

test("a full disk is called that", async () => {
  const disk = join(place, "disk");
  mkdirSync(disk);
  await command("mount", ["-t", "tmpfs", "-o", "size=24m", "disk", disk]);
  try {
    const filling = [run(["dd", "if=/dev/zero", "of=/full", "bs=1M"])];
    const error = await failure(small("full", filling), new Store({ directory: disk }));
    expect(error).toMatchObject({ code: "disk-full", seen: expect.stringContaining(disk) });
  } finally {
    await command("umount", [disk]);
  }
});

test("a directory where the image has a file is refused", async () => {
  mkdirSync(join(context, "folder"));
  expect(await failure(small("in-the-way", [copy("folder", "/bin/sh")]))).toMatchObject({ code: "copy-failed" });
});

test("a cancelled build ends at once and leaves nothing", async () => {
  const stop = new AbortController();
  const logs = join(place, "logs");
  const watched = watch(logs, { signal: stop.signal });
  const building = own.build(small("cancelled", [run(["sleep", "600"])]), { signal: stop.signal, source });
  for await (const { filename } of watched) {
    // The step's line is in the log before its program starts.
    if (filename === null || !existsSync(join(logs, filename))) continue;
    if (readFileSync(join(logs, filename), "utf8").includes("sleep 600")) break;
  }
  stop.abort();
  await expect(building).rejects.toMatchObject({ code: "cancelled" });
  expect(readdirSync(join(place, "building"))).toEqual([]);
});
