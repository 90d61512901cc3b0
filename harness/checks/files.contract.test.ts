// Decides that what is said about files and data is so in a real container, whose image has neither getfattr nor readelf.
import { afterAll, beforeAll, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { all } from "./all.ts";
import { archive } from "./archive.ts";
import { caStore, certificate } from "./certificate.ts";
import { clock } from "./clock.ts";
import { elf } from "./elf.ts";
import { file } from "./file.ts";
import { inventory } from "./inventory.ts";
import { licences } from "./licences.ts";
import { locale } from "./locale.ts";
import { tree } from "./tree.ts";

const environment = defineEnvironment("file-checks", {
  nodes: {
    box: container({ image: soe, idle: true }),
    // Asked with busybox's tools alone.
    bare: container({ image: soe, idle: true, probedBy: "busybox" }),
  },
});
let stage: Stage;
let box: ContainerNode;
let bare: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  ({ box, bare } = (await stage.standUp(environment)).nodes);
  for (const node of [box, bare])
    await node.succeed(
      shell(`mkdir -p /lab/t/sub && cd /lab && printf '{"a":{"b":[1,2]}}' >a.json && printf 'a: [x, y]\\n' >a.yaml
printf '[s]\\nk = v\\n' >a.ini && printf '<r n="1"><e>t</e></r>' >a.xml && echo x >t/f && chmod 4755 t/f && chown 54321 t/sub
cp /bin/true cap && setcap cap_net_raw+ep cap && tar -czf a.tgz t && mkfifo pipe && chmod 666 a.ini && ln -s /dev/zero endless`),
    );
});
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

async function isMet(check: Check<Node>, node: Node = box): Promise<boolean> {
  const judgement = check.judge(await check.observe(node));
  if ("skipped" in judgement) throw new Error(`skipped: ${judgement.skipped}`);
  return judgement.met;
}

/** By what any image's tools, or busybox, can tell. */
const so: readonly Check<Node>[] = [
  file("/lab/a.json").json("a.b[1]").is(2),
  file("/lab/a.yaml").yaml("a").contains("y"),
  file("/lab/a.yaml").yaml("a[*]").hasExactly("y", "x"),
  file("/lab/a.ini").ini("s.k").is("v"),
  file("/lab/a.xml").xml("r.@n").is("1"),
  file("/lab/t/f").isSetuid(),
  file("/lab/t/f").hasMd5("401b30e3b8b5d629635a5c613cdb7919"),
  file("/lab/t/f").hasSize(2),
  inventory.setuid("/lab").equals(["/lab/t/f"]),
  inventory.capable("/lab").equals(["/lab/cap"]),
  inventory.orphaned("/lab").equals(["/lab/t/sub"]),
  inventory.worldWritable("/lab").equals(["/lab/a.ini"]),
  tree("/lab/t").hasExactly("f", "sub"),
  archive("/lab/a.tgz").hasExactly("t", "t/f", "t/sub"),
  elf("/bin/bash").isDynamic(),
  elf("/bin/bash").hasAllLibraries(),
  elf("/bin/ls").needs("libc.so.6"),
];
/** By programs of the image itself. */
const soByMore: readonly Check<Node>[] = [locale("C.UTF-8").isAvailable(), licences().areTold()];
/** By what busybox has no word for. */
const soByAttributes: readonly Check<Node>[] = [
  file("/lab/cap").hasCapabilities("cap_net_raw=ep"),
  file("/lab/cap").hasAcl(),
];

test("what is so is met, all asked at once", async () => {
  const check = all(...so, ...soByMore, ...soByAttributes);
  expect(check.judge(await check.observe(box))).toMatchObject({ met: true });
});

test("so it is where busybox's tools come first; what they cannot tell is an error that names what can", async () => {
  const check = all(...so, ...soByMore);
  expect(check.judge(await check.observe(bare))).toMatchObject({ met: true });
  for (const each of soByAttributes)
    await expect.soft(each.observe(bare), each.title).rejects.toMatchObject({
      code: "probe-missing",
      seen: expect.stringContaining("getfattr"),
    });
});

test("licences of an image from which dpkg was taken", async () => {
  await bare.succeed(shell("mv /usr/bin/dpkg-query /usr/bin/dpkg-taken"));
  expect(await isMet(licences().areTold(), bare)).toBe(true);
  await bare.succeed(["rm", "/usr/share/doc/bash/copyright"]);
  expect(await isMet(licences().areTold(), bare)).toBe(false);
  await bare.succeed(shell("mv /usr/bin/dpkg-taken /usr/bin/dpkg-query"));
});

test("a time zone by a link, by a copy, and by neither", async () => {
  const berlin = clock().hasTimeZone("Europe/Berlin");
  expect(await isMet(berlin)).toBe(false);
  await box.succeed(shell("mkdir -p /usr/share/zoneinfo/Europe; echo TZif2 >/usr/share/zoneinfo/Europe/Berlin"));
  await box.succeed(["cp", "--remove-destination", "/usr/share/zoneinfo/Europe/Berlin", "/etc/localtime"]);
  expect(await isMet(berlin)).toBe(true);
  await box.succeed(shell("echo TZif3 >/etc/localtime"));
  expect(await isMet(berlin)).toBe(false);
  await box.succeed(["ln", "-sf", "/usr/share/zoneinfo/Europe/Berlin", "/etc/localtime"]);
  expect(await isMet(berlin)).toBe(true);
});

const notSo: readonly Check<Node>[] = [
  file("/lab/a.json").json("a.c").exists(),
  file("/lab/a.json").yaml("a.b[0]").is(2),
  file("/lab/pipe").json().exists(),
  file("/lab/endless").json().exists(),
  file("/lab/endless").hasMd5("0".repeat(32)),
  inventory.setuid("/lab").areNone(),
  tree("/lab").belongsTo("root"),
  archive("/lab/endless").has("x"),
  elf("/lab/endless").isStatic(),
  elf("/lab/pipe").isStatic(),
  certificate("/lab/pipe").isSelfSigned(),
  caStore().has("Studio CA"),
];
const notSoByMore: readonly Check<Node>[] = [
  file("/bin/true").hasCapabilities("cap_net_raw=ep"),
  locale("de_DE.UTF-8").isAvailable(),
  licences().lack("GPL"),
];

test("what is not so is not met; a device, a FIFO and what is endless are no contents", async () => {
  for (const check of [...notSo, ...notSoByMore]) expect.soft(await isMet(check), check.title).toBe(false);
  for (const check of notSo) expect.soft(await isMet(check, bare), `busybox: ${check.title}`).toBe(false);
});
