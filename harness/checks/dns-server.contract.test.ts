// Decides that a name server is asked from inside a real container: the engine's own, which knows neighbours by name and alias.
import { afterAll, beforeAll, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { dns } from "./dns.ts";

const environment = defineEnvironment("dns-server", {
  nodes: {
    asking: container({ image: soe, idle: true, networks: ["set"] }),
    licences: container({ image: soe, idle: true, networks: ["set"] }),
  },
  networks: { set: { internal: true } },
});
const engine = { server: "127.0.0.11" };
let stage: Stage;
let asking: ContainerNode;
let neighbour: string;

beforeAll(async () => {
  stage = await openStage();
  const { nodes } = await stage.standUp(environment);
  asking = nodes.asking;
  neighbour = (await nodes.licences.succeed(["hostname", "-i"])).trim();
});
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

async function isMet(check: Check<Node>): Promise<boolean> {
  const judgement = check.judge(await check.observe(asking));
  return "met" in judgement && judgement.met;
}

test("the engine's name server knows the neighbour, and says so of no other address", async () => {
  expect(await isMet(dns("licences", engine).resolvesTo(neighbour))).toBe(true);
  expect(await isMet(dns("licences").hasRecord("A", neighbour))).toBe(true);
  expect(await isMet(dns("licences", engine).resolvesTo("192.0.2.1"))).toBe(false);
  expect(await isMet(dns(`${neighbour.split(".").reverse().join(".")}.in-addr.arpa`).hasRecord("PTR"))).toBe(true);
});

test("where nobody listens there is no answer", async () => {
  await expect(dns("licences", { server: "127.0.0.1" }).resolves().observe(asking)).rejects.toMatchObject({
    code: "probe-failed",
    node: "dns-server/asking",
    seen: expect.stringContaining("cannot ask the name server 127.0.0.1"),
  });
});
