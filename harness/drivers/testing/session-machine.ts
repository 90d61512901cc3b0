// A machine from its boot to its end by a user's own libvirt, as the user who runs this program; what was seen goes to standard output.
// Started by a test that is root: the facts come on standard input.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { defineEnvironment } from "../../model/environment.ts";
import { messageOf } from "../../model/errors.ts";
import type { BuiltImage } from "../../model/image.ts";
import type { VmNode } from "../../model/node.ts";
import type { Recipe } from "../../model/recipe.ts";
import { vm } from "../../model/vm.ts";
import type { Standing } from "../driver.ts";
import { LibvirtDriver } from "../libvirt.ts";

export interface SessionFacts {
  readonly uri: string;
  /** This user's. */
  readonly directory: string;
  readonly recipe: Recipe;
  readonly image: BuiltImage;
}

export interface SessionSeen {
  readonly uid: number | undefined;
  readonly inside: string;
  readonly dirtAfterReset: boolean;
  readonly found: readonly string[];
  readonly evidence: readonly string[];
  readonly left: readonly string[];
  /** Of a machine on a network. */
  readonly wired: string;
}

const { uri, directory, recipe, image }: SessionFacts = JSON.parse(await text(process.stdin));
const scratch = join(directory, "scratch");
mkdirSync(scratch);
const driver = await LibvirtDriver.open({
  libvirtUri: uri,
  scratch,
  accelerator: async () => ({ type: "qemu", reason: "a test" }),
  archives: { merge: () => Promise.reject(new Error("no containers run here")) },
  disks: { verify: async () => undefined, inspect: () => Promise.reject(new Error("nothing is foreign here")) },
});
const standing: Standing = {
  owner: { run: "session", identity: `test boot ${process.pid} start namespace` },
  environment: defineEnvironment("own", {
    nodes: { box: vm({ image: recipe, memory: "256m", carrier: true, ready: { unit: "shell", within: "200s" } }) },
  }),
  scope: "n1",
  directory: join(scratch, "n1"),
  images: new Map([[`${recipe.name}:${recipe.version}`, image]]),
};
const wired = await driver
  .check({
    ...standing,
    environment: defineEnvironment("wired", {
      networks: { lan: {} },
      nodes: { box: vm({ image: recipe, networks: ["lan"] }) },
    }),
  })
  .then(() => "possible", messageOf);
await driver.check(standing);
const planned = driver.plan(standing);
let node: VmNode | undefined;
let evidence: readonly string[] = [];
try {
  for (const resource of planned) {
    await driver.create(resource, standing, () => undefined);
    if (resource.kind === "domain") node = await driver.connect(resource, standing);
  }
  const inside = (await node?.succeed(["uname", "-s"])) ?? "";
  await node?.succeed(["touch", "/run/dirt"]);
  await node?.reset();
  const dirtAfterReset = (await node?.exec(["ls", "/run/dirt"]))?.status === 0;
  const found = (await driver.find("session")).map(({ kind, state }) => `${kind} ${state}`);
  for (const resource of planned) evidence = [...evidence, ...(await driver.evidence(resource)).map(said)];
  for (const resource of [...planned].reverse()) await driver.destroy(resource);
  const left = (await driver.find("session")).map(({ name }) => name);
  const seen: SessionSeen = { uid: process.getuid?.(), inside, dirtAfterReset, found, evidence, left, wired };
  process.stdout.write(JSON.stringify(seen));
} finally {
  for (const resource of [...planned].reverse()) await driver.destroy(resource);
  await driver.close();
}

function said({ title, content }: { readonly title: string; readonly content: string | Uint8Array }): string {
  return `${title}: ${/^could not be had.*/.exec(String(content))?.[0] ?? "there"}`;
}
