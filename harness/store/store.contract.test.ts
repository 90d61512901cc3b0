// The store for real: root, mmdebstrap, ansible, an engine. Shares the base that fixtures use; everything else is its own and goes.
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
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { ProvisionError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import { ansible, copy, fromImage, fromRecipe, type Recipe, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import type { ImageSource } from "./image-source.ts";
import { smallRoot } from "./small-root.ts";
import { Store } from "./store.ts";

const command = promisify(execFile);
const minutes = 60_000;
/** Tags of this run only, so that nobody else's image is ever touched. */
const mark = `${process.pid}`;
const tags = new Set<string>();

let directory: string;
let context: string;
let store: Store;
let driver: DockerDriver;
let tiny: Recipe;

const named = (name: string) => `assay-store-${name}-${mark}`;
const playbook = (tasks: string) => `- hosts: all\n  gather_facts: false\n  tasks:\n${tasks}`;
const motd = (text: string) =>
  playbook(
    `    - name: A message\n      ansible.builtin.copy:\n        dest: /etc/motd\n        content: "${text} {{ word }}"\n        mode: "0640"\n`,
  );
const write = (name: string, content: string) => writeFileSync(join(context, name), content);

beforeAll(async () => {
  const config = readConfig();
  mkdirSync(config.state, { recursive: true });
  for (const shared of ["bases", "locks"]) mkdirSync(join(config.store, shared), { recursive: true, mode: 0o700 });
  directory = mkdtempSync(join(config.state, "store-test-"));
  context = mkdtempSync(join(directory, "context-"));
  // The base is the project's own: made once, whoever comes first.
  for (const shared of ["bases", "locks"]) symlinkSync(join(config.store, shared), join(directory, shared));
  store = new Store({ directory });
  driver = await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch });
  write("playbook.yml", motd("first"));
  write("hello", "#!/bin/sh\necho hello\n");
  tiny = recipe(named("tiny"), {
    version: "1",
    from: debian,
    steps: [
      ansible({ playbook: "playbook.yml", vars: { word: secret("the word", "swordfish") } }),
      copy("hello", "/bin/hello", { owner: { uid: 7, gid: 8 }, mode: 0o4750 }),
      run(["setcap", "cap_net_bind_service=ep", "/usr/bin/env"]),
      run(["mknod", "/opt/null", "c", "1", "3"]),
      run(["rm", "--recursive", "/etc/cron.daily", "/etc/issue"]),
    ],
    image: { cmd: ["cat", "/etc/motd"], labels: { purpose: "test" }, user: "7", expose: ["80/tcp"] },
    context,
  });
}, 10 * minutes);

afterAll(async () => {
  for (const tag of tags) await command("docker", ["image", "rm", "--force", tag]).catch(() => {});
  await driver.close();
  rmSync(directory, { recursive: true, force: true });
});

async function loaded(of: Recipe, from: Store = store, source: ImageSource = driver.images) {
  const result = await from.build(of, { source });
  tags.add(result.image.tag);
  // Rejects unless the engine calls the image by the very id that was computed without it.
  await driver.load(result.image);
  return result;
}

const inImage = async (image: { tag: string }, ...words: string[]) =>
  (await command("docker", ["run", "--rm", "--user", "0", image.tag, ...words])).stdout.trim();

describe("an image", () => {
  test(
    "is loaded under the id that was computed, with owners, modes, capabilities, devices and deletions",
    async () => {
      const { image, built } = await loaded(tiny);
      expect(built).toBe(true);
      expect(await inImage(image, "cat", "/etc/motd")).toBe("first swordfish");
      expect(await inImage(image, "stat", "--format", "%u:%g %a %F", "/bin/hello", "/opt/null", "/etc/motd")).toBe(
        "7:8 4750 regular file\n0:0 644 character special file\n0:0 640 regular file",
      );
      expect(await inImage(image, "getcap", "/usr/bin/env")).toBe("/usr/bin/env cap_net_bind_service=ep");
      expect(await inImage(image, "sh", "-c", "ls /etc/cron.daily /etc/issue 2>&1 || true")).toMatch(
        /No such file.*No such file/s,
      );
      const { stdout } = await command("docker", ["image", "inspect", "--format", "{{json .Config}}", image.tag]);
      expect(JSON.parse(stdout)).toMatchObject({
        Cmd: ["cat", "/etc/motd"],
        User: "7",
        ExposedPorts: { "80/tcp": {} },
        Labels: {
          purpose: "test",
          "dev.assay.tree-digest": image.treeDigest,
          "dev.assay.recipe-digest": image.recipeDigest,
        },
      });
    },
    10 * minutes,
  );

  test("keeps nothing of its making: caches, ansible's files, this machine's name servers, secrets", async () => {
    const { image } = await store.build(tiny);
    expect(readdirSync(join(image.tree, "var/lib/apt/lists"))).toEqual([]);
    expect(readdirSync(join(image.tree, "dev"))).toEqual([]);
    expect(existsSync(join(image.tree, "root/.ansible"))).toBe(false);
    expect(existsSync(join(image.tree, "etc/resolv.conf"))).toBe(false);
    expect(existsSync(join(image.tree, "usr/sbin/policy-rc.d"))).toBe(false);
    for (const kept of ["manifest.json", "build.log", "entry.json"])
      expect(readFileSync(join(image.tree, "..", kept), "utf8")).not.toContain("swordfish");
  });

  test("is found again, and a changed playbook makes it anew without its base", async () => {
    const before = await store.build(tiny);
    expect(before.built).toBe(false);
    write("playbook.yml", motd("second"));
    expect(await store.find(tiny)).toBeUndefined();
    expect((await store.why(tiny))[1]).toMatch(/^files\.playbook\.yml: sha256 [0-9a-f]{12}… → [0-9a-f]{12}…$/);
    const said: string[] = [];
    const after = await store.build(tiny, { say: (line) => said.push(line) });
    tags.add(after.image.tag);
    expect(after.built).toBe(true);
    expect(said.some((line) => line.startsWith("ansible"))).toBe(true);
    expect(said.some((line) => line.startsWith("base"))).toBe(false);
    expect(after.image.treeDigest).not.toBe(before.image.treeDigest);
    expect(await store.why(tiny)).toEqual([
      expect.stringContaining("nothing has changed"),
      expect.stringMatching(/^files\.playbook\.yml: sha256/),
    ]);
    write("playbook.yml", motd("first"));
    expect((await store.build(tiny)).image).toEqual(before.image);
  });

  test("made twice from nothing but the base is the same, bit for bit", async () => {
    const { image } = await store.build(tiny);
    const elsewhere = mkdtempSync(join(directory, "again-"));
    for (const shared of ["bases", "locks", "salt"]) symlinkSync(join(directory, shared), join(elsewhere, shared));
    const again = await new Store({ directory: elsewhere }).build(tiny);
    expect(again.built).toBe(true);
    expect(again.image.imageId).toBe(image.imageId);
    expect(again.image.treeDigest).toBe(image.treeDigest);
  });

  test("whose archive is damaged is made anew", async () => {
    const { image } = await store.build(tiny);
    writeFileSync(image.archive, "torn");
    expect(await store.find(tiny)).toBeUndefined();
    const again = await store.build(tiny);
    expect(again.built).toBe(true);
    expect(again.image.imageId).toBe(image.imageId);
  });

  test("of a vaulted playbook needs the vault's password", async () => {
    const word = secret("vault password", "open sesame");
    write("vault-password", word.reveal());
    write("vault.yml", "word: from the vault\n");
    await command("ansible-vault", ["encrypt", "--vault-password-file", "vault-password", "vault.yml"], {
      cwd: context,
    });
    mkdirSync(join(context, "vars"));
    write("vars/vault.yml", readFileSync(join(context, "vault.yml"), "utf8"));
    write("vaulted.yml", motd("vaulted").replace("  tasks:", "  vars_files: [vars/vault.yml]\n  tasks:"));
    const vaulted = (vault?: typeof word) =>
      recipe(named("vaulted"), {
        version: "1",
        from: debian,
        steps: [ansible({ playbook: "vaulted.yml", ...(vault === undefined ? {} : { vault }) })],
        context,
      });
    const { image } = await store.build(vaulted(word));
    expect(readFileSync(join(image.tree, "etc/motd"), "utf8")).toBe("vaulted from the vault");
    await expect(store.build(vaulted())).rejects.toMatchObject({
      code: "ansible-failed",
      seen: expect.stringContaining("vault"),
    });
    rmSync(join(context, "vars"), { recursive: true });
  });
});

/** Builds that need neither Debian nor Python: on a root of a few megabytes, so that they cost little. */
describe("on a small root", () => {
  const source = smallRoot();
  const small = (name: string, steps: Recipe["steps"], from: Recipe["from"] = fromImage("small")) =>
    recipe(named(name), { version: "1", from, steps, context });
  let own: Store;
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(directory, "small-"));
    own = new Store({ directory: place });
  });
  const failure = async (of: Recipe, from: Store = own) => {
    const error = await from.build(of, { source }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProvisionError);
    return error as ProvisionError;
  };

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
    const first = await loaded(middle, own, source);
    expect(
      await inImage(
        first.image,
        "sh",
        "-c",
        "hello; echo $WORD; test ! -e /etc/gone && read -r line < /etc/motd && echo $line",
      ),
    ).toBe("hello\nbelow\nbelow");

    const imported = small("imported", [copy("hello", "/etc/motd")], fromImage(first.image.tag));
    const second = await loaded(imported, own, driver.images);
    expect(second.image.config).toMatchObject({ cmd: ["hello"], user: "7", env: { WORD: "below" } });
    expect(await inImage(second.image, "sh", "-c", "hello; read -r line < /etc/motd; echo $line")).toBe(
      "hello\n#!/bin/sh",
    );
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
    const gone = await own.sweep();
    expect(gone).toEqual([`image ${named("numbered")}:1 ${others[0]?.recipeDigest}`]);
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
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
      uid: 65534,
      gid: 65534,
      cwd: "/",
    });
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
});

test("a failing task is named with its words and its log, without secrets, and nothing is left", async () => {
  write("failing.yml", playbook('    - name: Say the word\n      ansible.builtin.command: ls "/{{ word }}"\n'));
  const steps = [ansible({ playbook: "failing.yml", vars: { word: secret("the word", "swordfish") } })];
  const error = await store
    .build(recipe(named("task"), { version: "1", from: debian, steps, context }))
    .catch((thrown: unknown) => thrown as ProvisionError);
  expect(error).toBeInstanceOf(ProvisionError);
  const { message } = error as ProvisionError;
  expect(error).toMatchObject({ code: "ansible-failed", phase: "build", node: named("task") });
  expect(message).toContain('task "Say the word" failed');
  expect(message).toContain("/‹the word›");
  const log = readFileSync(/whole log in (\S+)$/.exec(message)?.[1] ?? "", "utf8");
  expect(log).toContain("Say the word");
  expect(log).not.toContain("swordfish");
  expect(readdirSync(join(directory, "building"))).toEqual([]);
});
