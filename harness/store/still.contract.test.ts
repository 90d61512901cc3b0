// An image at rest and a container of it give the same answers, whichever way the image is read; where a program of the image lies, the
// files tell.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { group, user } from "../checks/account.ts";
import { clock } from "../checks/clock.ts";
import { cron } from "../checks/cron.ts";
import { elf } from "../checks/elf.ts";
import { file } from "../checks/file.ts";
import { image } from "../checks/image.ts";
import { inventory } from "../checks/inventory.ts";
import { licences } from "../checks/licences.ts";
import { os } from "../checks/os.ts";
import { pkg } from "../checks/package.ts";
import { process } from "../checks/process.ts";
import { repositories } from "../checks/repository.ts";
import { tree } from "../checks/tree.ts";
import { readConfig } from "../config.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, StillNode } from "../model/node.ts";
import { fromRecipe, recipe, run } from "../model/recipe.ts";
import { fromRootfs, stillImage } from "../model/still.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";
import { Store } from "./store.ts";

/** Its `stat` says of files that all may read that only root may; beside it lies what is hard to tell apart. */
const liar = recipe("still-liar", {
  version: "1",
  from: fromRecipe(soe),
  steps: [
    run([
      "sh",
      "-c",
      `mv /usr/bin/stat /usr/bin/stat.real
printf '#!/bin/bash\\n(exec -a stat /usr/bin/stat.real "$@") | sed s/81a4/8180/g\\n' >/usr/bin/stat; chmod 755 /usr/bin/stat
mkdir /odd; printf '\\0\\377' >/odd/bytes; ln -s bytes /odd/link; ln -s nowhere /odd/broken; ln /odd/bytes /odd/hard
ln -s / /odd/root; mkfifo /odd/pipe; chown 1234:2345 /odd/bytes; chmod 4751 /odd/bytes; touch "/odd/a b"
cp /bin/true /odd/cap; setcap cap_net_raw+ep /odd/cap; useradd -G adm keeper`,
    ]),
  ],
  context: import.meta.dirname,
});

const environment = defineEnvironment("still", {
  nodes: {
    live: container({ image: liar, idle: true }),
    archive: stillImage({ image: liar }),
    exported: stillImage({ image: "still-liar:1" }),
  },
});

let stage: Stage;
let staged: Staged<typeof environment>;
beforeAll(async () => {
  stage = await openStage();
  // The engine has it by its name once the recipe is built for it.
  await stage.standUp(defineEnvironment("still-first", { nodes: { live: container({ image: liar, idle: true }) } }));
  staged = await stage.standUp(environment);
});
afterAll(async () => {
  expect((await stage.close()).leaked).toEqual([]);
});

type Imaged = ContainerNode | StillNode;

async function answer(node: Imaged, check: Check<never>): Promise<unknown> {
  const asked = check as Check<Imaged>;
  return asked.judge(await asked.observe(node));
}

const questions: readonly Check<never>[] = [
  ...[
    "/odd/bytes",
    "/odd/link",
    "/odd/broken",
    "/odd/hard",
    "/odd/pipe",
    "/odd/a b",
    "/odd/root/odd/link",
    "/odd/none",
    "/etc",
    "/bin/sh",
    "/etc/passwd/x",
    "/odd/link/",
  ].flatMap((path) => [
    file(path).exists(),
    file(path).isFile(),
    file(path).isSymlink(),
    file(path).isDirectory(),
    file(path).isFifo(),
  ]),
  file("/odd/bytes").hasMode(0o4751),
  file("/odd/bytes").ownedBy(1234, 2345),
  file("/odd/bytes").ownedBy("root"),
  file("/odd/link").linksTo("bytes"),
  file("/odd/bytes").hasSize(2),
  file("/odd/link").hasContents(new Uint8Array([0, 255])),
  file("/odd/hard").hasSha256("06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8"),
  file("/odd/pipe").contains("x"),
  file("/odd/none").hasContents(""),
  file("/usr/bin/env").hasSha256("0".repeat(64)),
  file("/etc/passwd").contains(/^root:/m),
  file("/etc/shadow").ownedBy("root", "shadow"),
  ...["root", "keeper", "nobody", "absent"].flatMap((name) => [
    user(name).exists(),
    user(name).isInGroup("adm"),
    user(name).hasLockedPassword(),
    user(name).hasShell("/bin/sh"),
    user(name).hasHome("/root"),
  ]),
  group("adm").exists(),
  group("absent").exists(),
  ...["bash", "libc6", "libc6:amd64", "absent"].flatMap((name) => [
    pkg(name).isInstalled(),
    pkg(name).hasVersion("5.2"),
  ]),
  file("/odd/bytes").hasMd5("0".repeat(32)),
  file("/odd/link").hasSha512("0".repeat(128)),
  file("/etc/os-release").contains("debian"),
  inventory.setuid().areNone(),
  inventory.setgid("/usr").areNone(),
  inventory.worldWritable("/etc").areNone(),
  inventory.capable("/").areNone(),
  inventory.orphaned().areNone(),
  tree("/odd").hasExactly("bytes"),
  tree("/etc/skel").hasSha256("0".repeat(64)),
  tree("/odd").belongsTo("root"),
  ...["/bin/bash", "/odd/bytes", "/etc"].flatMap((path) => [
    elf(path).isDynamic(),
    elf(path).hasAllLibraries(),
    elf(path).hasRelro("full"),
  ]),
  cron().leavesNothingOut(),
  cron().runs("/etc/cron.daily/dpkg", { at: "daily" }),
  repositories().have(/debian/, { suite: "bookworm" }),
  repositories().areNone(),
  ...["bash", "coreutils", "dash", "libc6", "libc6:amd64", "passwd", "absent"].map((name) => pkg(name).isUnmodified()),
  pkg("coreutils").isUnmodified({ except: [/^\/usr\/share\//] }),
  pkg("bash").isUnmodified({ configuration: true, except: [/^\/usr\/share\//] }),
  user("keeper").expires("never"),
  user("keeper").hasPasswordMaxAge(1),
  user("keeper").hasOnlyGroups("keeper", "adm"),
  group("adm").hasOnlyMembers("keeper"),
  licences().areTold(),
  licences().lack("GPL-3"),
  os().hasVersion("12"),
  clock().hasTimeZone("Europe/Berlin"),
  ...["/odd/cap", "/odd/hard", "/odd/link", "/odd/none"].flatMap((path) => [
    file(path).hasCapabilities("cap_net_raw=ep"),
    file(path).hasNoCapabilities(),
    file(path).hasAcl(),
    file(path).hasAttribute("security.capability"),
  ]),
  image().hasCmd(["bash"]),
  image().hasLabel("org.opencontainers.image.title"),
  image().hasEnv("PATH"),
  image().hasArchitecture("amd64"),
] as readonly Check<never>[];

describe("the same image, at rest and running", () => {
  test.each(["archive", "exported"] as const)(
    "read from its %s, it gives the answers of the container",
    async (way) => {
      const { live, [way]: still } = staged.nodes;
      const seen = await Promise.all(questions.map((check) => answer(live, check)));
      const files = await Promise.all(questions.map((check) => answer(still, check)));
      expect(questions.length).toBeGreaterThan(90);
      for (const [index, check] of questions.entries()) expect.soft(files[index], check.title).toEqual(seen[index]);
    },
  );

  test("read from the tree on this machine's disk", async () => {
    const { store, disks } = readConfig();
    const built = await new Store({ directory: store, disks }).build(liar, { say: () => undefined });
    const first = await stage.standUp(
      defineEnvironment("still-root", { nodes: { still: stillImage({ image: fromRootfs(built.image.tree) }) } }),
    );
    const asked = questions.filter(({ title }) => !/^image |capabilit|access control/.test(title));
    await expect(answer(first.nodes.still, file("/odd/cap").hasNoCapabilities() as Check<never>)).rejects.toMatchObject(
      {
        seen: expect.stringContaining("only archives tell them"),
      },
    );
    const [seen, files] = await Promise.all(
      [staged.nodes.live, first.nodes.still].map((node) => Promise.all(asked.map((check) => answer(node, check)))),
    );
    for (const [index, check] of asked.entries()) expect.soft(files?.[index], check.title).toEqual(seen?.[index]);
    await expect(answer(first.nodes.still, image().hasCmd([]) as Check<never>)).rejects.toMatchObject({
      code: "no-configuration",
    });
  });

  test("a stat that lies is believed in the container and found out in the files", async () => {
    const { live, archive } = staged.nodes;
    const plain = file("/etc/issue").hasMode(0o644) as Check<never>;
    expect(await answer(live, plain)).toMatchObject({ met: false, seen: expect.stringContaining("0600") });
    expect(await answer(archive, plain)).toMatchObject({ met: true });
  });

  test("what only a running container can tell is an error that says so, and never a no", async () => {
    const { archive } = staged.nodes;
    await expect(answer(archive, process("bash").isRunning() as Check<never>)).rejects.toMatchObject({
      code: "not-running",
      node: "still/archive",
    });
    await expect(archive.exec(["true"])).rejects.toMatchObject({ code: "not-running" });
    await expect(answer(archive.as("nobody"), file("/etc").exists() as Check<never>)).rejects.toMatchObject({
      code: "not-running",
    });
  });

  test("the report says which way the answers came; nothing of it is in the ledger", () => {
    const facts = stage.events.flatMap((event) => (event.event === "node" ? [[event.node, event.facts] as const] : []));
    expect(new Map(facts)).toEqual(
      new Map([
        ["archive", expect.objectContaining({ probedBy: "archive", source: "recipe" })],
        ["exported", expect.objectContaining({ probedBy: "archive", source: "engine" })],
        ["still", expect.objectContaining({ probedBy: "archive", source: "rootfs" })],
        ["live", expect.objectContaining({ probedBy: "image" })],
      ]),
    );
    const made = stage.events.flatMap((event) =>
      event.event === "resource" && event.state === "live" ? [event.name] : [],
    );
    expect(made.filter((name) => /archive|exported/.test(name))).toEqual([]);
  });
});
