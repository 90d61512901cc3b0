// Containers whose images have no tools, or tools that lie, are looked into with busybox: the answers are those of the image at rest.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import nodeProcess from "node:process";
import { buffer, text } from "node:stream/consumers";
import { type Header, pack } from "tar-stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { group, user } from "../checks/account.ts";
import { file } from "../checks/file.ts";
import { pkg } from "../checks/package.ts";
import { process } from "../checks/process.ts";
import { staticBusybox } from "../host/busybox.ts";
import type { Check } from "../model/check.ts";
import { bind, container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { TransportError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import { stillImage } from "../model/still.ts";
import { missingCapability } from "../vitest/capabilities.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";
import { attachContainer } from "./docker-attach.ts";
import { findEngine } from "./docker-engine.ts";

type Entry = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

/** A static program, the files that programs look names up in, and names that are hard to tell. */
async function bareRoot(): Promise<Buffer> {
  const { path, missing } = await staticBusybox("");
  if (path === undefined) throw new Error(missing);
  const entries: readonly Entry[] = [
    { name: "app/sleep", mode: 0o755, content: readFileSync(path) },
    { name: "etc/passwd", content: "root:x:0:0:root:/root:/sbin/nologin\nkeeper:x:1000:1001::/home/keeper:/bin/sh\n" },
    { name: "etc/group", content: "root:x:0:\nkeeper:x:1001:\nadm:x:4:keeper\n" },
    { name: "etc/shadow", mode: 0o600, content: "root:*:1:0:99999:7:::\nkeeper:$6$a$b:1:0:99999:7:::\n" },
    {
      name: "var/lib/dpkg/status.d/base",
      content: "Package: base-files\nVersion: 12.4\nArchitecture: amd64\nMaintainer: X\n",
    },
    { name: "odd/a\nb\u001b[31m<b>", content: "1" },
    { name: `odd/${"n".repeat(255)}`, content: "2" },
    { name: "odd/-rf", content: "3" },
    { name: "odd/$(touch made)`x`'\"", content: "4" },
    { name: "odd/pipe", type: "fifo", mode: 0o644 },
    { name: "odd/bytes", content: Buffer.from([0, 255, 10, 0]), uid: 1000, gid: 1001, mode: 0o4751 },
    { name: "odd/link", type: "symlink", linkname: "bytes" },
    { name: "odd/broken", type: "symlink", linkname: "/nowhere" },
  ];
  const packing = pack();
  for (const { content, ...header } of entries) packing.entry(header, content ?? "");
  packing.finalize();
  return buffer(packing);
}

const odd = [
  "a\nb\u001b[31m<b>",
  "n".repeat(255),
  "-rf",
  "$(touch made)`x`'\"",
  "pipe",
  "bytes",
  "link",
  "broken",
  "none",
  "made",
];
const questions: readonly Check<never>[] = [
  ...odd.flatMap((name) => {
    const asked = file(`/odd/${name}`);
    return [asked.exists(), asked.isFile(), asked.isSymlink(), asked.isFifo(), asked.hasSize(1), asked.hasMode(0o644)];
  }),
  file("/odd/bytes").hasMode(0o4751),
  file("/odd/bytes").ownedBy("keeper", "keeper"),
  file("/odd/link").hasContents(new Uint8Array([0, 255, 10, 0])),
  file("/odd/-rf").contains("3"),
  file("/odd/pipe").contains("3"),
  file("/odd/bytes").hasSha256("0".repeat(64)),
  file("/etc/shadow").hasMode(0o600),
  ...["root", "keeper", "absent"].flatMap((name) => [
    user(name).exists(),
    user(name).hasHome("/home/keeper"),
    user(name).isInGroup("adm"),
    user(name).hasLockedPassword(),
  ]),
  group("adm").exists(),
  group("absent").exists(),
  pkg("base-files").hasVersion("12.4"),
  pkg("absent").isInstalled(),
] as readonly Check<never>[];

async function answer(node: Node, check: Check<never>): Promise<unknown> {
  const asked = check as Check<Node>;
  return asked.observe(node).then(
    (seen) => asked.judge(seen),
    (error: Error) => error.message,
  );
}

/** Of this process alone. */
const bareName = `assay-bare-${nodeProcess.pid}`;
const bare = `${bareName}:latest`;
const room = mkdtempSync(join(tmpdir(), "assay-tools-"));
const liar = join(room, "stat");
writeFileSync(liar, "#!/bin/sh\n/usr/bin/env -i /bin/busybox true\necho '/etc/shadow|81a4'\n");
chmodSync(liar, 0o755);
afterAll(() => rmSync(room, { recursive: true, force: true }));

const ours = { x64: "amd64" }[nodeProcess.arch as string] ?? nodeProcess.arch;
const foreign = defineEnvironment("foreign", { nodes: { box: container({ image: bare, platform: "linux/sparc" }) } });
const environment = defineEnvironment("tools", {
  nodes: {
    still: stillImage({ image: bare }),
    own: container({ image: bare, entrypoint: ["/app/sleep", "1000"], platform: `linux/${ours}` }),
    idle: container({
      image: bare,
      idle: true,
      readOnlyRoot: true,
      user: "1000:1001",
      capabilities: { drop: ["ALL"], add: ["DAC_READ_SEARCH"] },
    }),
    locked: container({ image: bare, idle: true, noNewPrivileges: true }),
    lying: container({ image: soe, idle: true, mounts: { "/usr/bin/stat": bind(liar, { readOnly: true }) } }),
    trusted: container({
      image: soe,
      idle: true,
      probedBy: "busybox",
      mounts: { "/usr/bin/stat": bind(liar, { readOnly: true }) },
    }),
  },
});

onEachEngine((engine) => {
  let stage: Stage;
  let nodes: Staged<typeof environment>["nodes"];
  beforeAll(async () => {
    const docker = await findEngine(engine.dockerHost);
    const stream = await docker.importImage(writtenDown(await bareRoot()), { repo: bareName, tag: "latest" });
    await new Promise<void>((resolve, reject) =>
      docker.modem.followProgress(stream, (error) => (error === null ? resolve() : reject(error))),
    );
    stage = await openStage(engine);
    ({ nodes } = await stage.standUp(environment));
  });
  afterAll(async () => {
    const { leaked } = await stage.close();
    await (await findEngine(engine.dockerHost)).getImage(bare).remove({ force: true });
    expect(leaked).toEqual([]);
  });
  const writtenDown = (tar: Buffer) => {
    const path = join(room, "bare.tar");
    writeFileSync(path, tar);
    return path;
  };

  test.each(["own", "idle", "locked"] as const)(
    "an image without tools, %s: the answers are those of the image at rest",
    async (name) => {
      const live = await Promise.all(questions.map((check) => answer(nodes[name], check)));
      const still = await Promise.all(questions.map((check) => answer(nodes.still, check)));
      for (const [index, check] of questions.entries()) expect.soft(live[index], check.title).toEqual(still[index]);
    },
  );

  test("another architecture is a reason to skip; who stands it up all the same is told which the image is of", async () => {
    const here = { path: "", libvirtUri: "", disks: "", state: "", uid: 0 };
    const nothing = { has: async () => true, variables: {} };
    expect(await missingCapability(foreign, () => here, nothing)).toMatch(/foreign\/box is for linux\/sparc: /);
    expect(await missingCapability(environment, () => here, nothing)).toBeUndefined();
    const refused = stage.standUp(foreign);
    await expect(refused).rejects.toMatchObject({
      code: "image-missing",
      seen: expect.stringContaining(`for ${ours}`),
    });
  });

  test("the report says whose tools answered", () => {
    const facts = stage.events.flatMap((event) =>
      event.event === "node" ? [[event.node, event.facts["probedBy"]]] : [],
    );
    expect(Object.fromEntries(facts)).toEqual({
      still: "archive",
      own: "busybox",
      idle: "busybox",
      locked: "busybox",
      lying: "image",
      trusted: "busybox",
    });
  });

  test("an image that declares no program is told what to declare", async () => {
    const refused = stage.standUp(defineEnvironment("silent", { nodes: { box: container({ image: bare }) } }));
    await expect(refused).rejects.toMatchObject({ code: "no-command", hint: expect.stringContaining("idle: true") });
  });

  test("commands are the image's own, and none of ours", async () => {
    expect((await nodes.own.exec(["/app/sleep", "0"])).status).toBe(0);
    for (const command of [["ls", "/"] as const, shell("true")]) {
      const status = nodes.own.exec(command).then(
        (ended) => ended.status,
        (error: TransportError) => error.code,
      );
      expect(await status).toBeOneOf([126, 127, "no-such-file"]);
    }
  });

  test("who works in it by hand has a shell all the same", async () => {
    const place = { ...engine, cut: engine.engine === "podman" ? "stays" : "ends" } as const;
    const attached = await attachContainer(place, nodes.own.id, { title: "own", command: undefined, user: undefined });
    attached.stdin.end("echo $((40 + 2)); ls /odd/pipe; exit 3\n");
    expect(await text(attached.stdout)).toBe("42\n/odd/pipe\n");
    expect(await attached.ended).toBe(3);
  });

  test("a command that has had its time is gone, though nothing of the image could end it", async () => {
    const late = nodes.own.exec(["/app/sleep", "4321"], { timeoutMs: 1000 });
    await expect(late).rejects.toMatchObject({ code: "deadline" });
    const alone = process("sleep").hasCount(1) as Check<never>; // the container's own
    await expect.poll(() => answer(nodes.own, alone)).toMatchObject({ met: true });
  });

  test("a stat that lies is believed where the image's tools are asked, and not where busybox is", async () => {
    const closed = file("/etc/shadow").hasMode(0o640) as Check<never>;
    expect(await answer(nodes.lying, closed)).not.toMatchObject({ met: true });
    expect(await answer(nodes.trusted, closed)).toMatchObject({ met: true });
  });
});
