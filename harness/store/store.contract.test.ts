// The store for real: root, mmdebstrap, ansible, an engine. Shares the base that fixtures use; everything else is its own and goes.
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debian } from "../../fixtures/debian.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { ProvisionError } from "../model/errors.ts";
import { ansible, copy, type Recipe, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
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

async function loaded(of: Recipe) {
  const result = await store.build(of, { source: driver.images });
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
