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

const environment = defineEnvironment("file-checks", { nodes: { box: container({ image: soe, idle: true }) } });
let stage: Stage;
let box: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  box = (await stage.standUp(environment)).nodes.box;
  await box.succeed(
    shell(`mkdir -p /lab/t/sub && cd /lab && printf '{"a":{"b":[1,2]}}' >a.json && printf 'a: [x, y]\\n' >a.yaml
printf '[s]\\nk = v\\n' >a.ini && printf '<r n="1"><e>t</e></r>' >a.xml && echo x >t/f && chmod 4755 t/f && chown 54321 t/sub
cp /bin/true cap && setcap cap_net_raw+ep cap && tar -czf a.tgz t && mkfifo pipe && chmod 666 a.ini && ln -s /dev/zero endless`),
  );
});
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

async function isMet(check: Check<Node>): Promise<boolean> {
  const judgement = check.judge(await check.observe(box));
  if ("skipped" in judgement) throw new Error(`skipped: ${judgement.skipped}`);
  return judgement.met;
}

test("what is so is met, all asked at once", async () => {
  const check = all(
    file("/lab/a.json").json("a.b[1]").is(2),
    file("/lab/a.yaml").yaml("a").contains("y"),
    file("/lab/a.ini").ini("s.k").is("v"),
    file("/lab/a.xml").xml("r.@n").is("1"),
    file("/lab/cap").hasCapabilities("cap_net_raw=ep"),
    file("/lab/cap").hasAcl(),
    file("/lab/t/f").isSetuid(),
    file("/lab/t/f").hasMd5("401b30e3b8b5d629635a5c613cdb7919"),
    inventory.setuid("/lab").equals(["/lab/t/f"]),
    inventory.orphaned("/lab").equals(["/lab/t/sub"]),
    inventory.worldWritable("/lab").equals(["/lab/a.ini"]),
    tree("/lab/t").hasExactly("f", "sub"),
    archive("/lab/a.tgz").hasExactly("t", "t/f", "t/sub"),
    elf("/bin/bash").isDynamic(),
    elf("/bin/bash").hasAllLibraries(),
    elf("/bin/ls").needs("libc.so.6"),
    locale("C.UTF-8").isAvailable(),
    licences().areTold(),
  );
  const judgement = check.judge(await check.observe(box));
  expect(judgement).toMatchObject({ met: true });
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

test("what is not so is not met; a device, a FIFO and what is endless are no contents", async () => {
  for (const check of [
    file("/lab/a.json").json("a.c").exists(),
    file("/lab/a.json").yaml("a.b[0]").is(2),
    file("/lab/pipe").json().exists(),
    file("/lab/endless").json().exists(),
    file("/lab/endless").hasMd5("0".repeat(32)),
    file("/bin/true").hasCapabilities("cap_net_raw=ep"),
    inventory.setuid("/lab").areNone(),
    tree("/lab").belongsTo("root"),
    archive("/lab/endless").has("x"),
    elf("/lab/endless").isStatic(),
    elf("/lab/pipe").isStatic(),
    certificate("/lab/pipe").isSelfSigned(),
    caStore().has("Studio CA"),
    locale("de_DE.UTF-8").isAvailable(),
    licences().lack("GPL"),
  ])
    expect.soft(await isMet(check as Check<Node>), check.title).toBe(false);
});
