import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { playbook } from "../model/playbook.ts";
import { debianRootfs, recipe } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { withoutSecrets } from "../store/manifest.ts";
import { dataDifference } from "../store/why.ts";
import { declaredNow, type Lookup } from "./declared.ts";

const soe = recipe("soe", {
  version: "1",
  from: debianRootfs({ suite: "bookworm" }),
  steps: [],
  context: import.meta.dirname,
});
const lookup: Lookup = {
  recipe: async ({ name }) => `sha256:recipe-${name}`,
  image: async (reference) => `sha256:image-${reference}`,
  sealed: (data) => withoutSecrets(data, () => "salt"),
};
const one = (options: Partial<Parameters<typeof container>[0]> = {}) =>
  defineEnvironment("studio", { nodes: { web: container({ image: soe, idle: true, ...options }) } });

describe("what an environment is declared to be", () => {
  test("is the same wherever it is written, and whoever reads it", async () => {
    const here = await declaredNow(one(), lookup);
    const there = await declaredNow(one(), lookup);
    expect(there).toEqual(here);
    expect(JSON.parse(JSON.stringify(here.facts))).toEqual(here.facts);
    expect(JSON.stringify(here.facts)).not.toContain(import.meta.filename);
  });

  test.each([
    ["a port", one({ ports: [80] }), /^nodes\.web\.ports: \[\] → \[80\]$/],
    ["a tag", one({ image: "web:1" }), /^nodes\.web\.image\.digest: sha256:recipe-soe → sha256:image-web:1$/m],
    ["what ready means", one({ ready: { log: /serving/ } }), /nodes\.web\.ready.*\/serving\//],
    [
      "a check that it waits for",
      one({
        ready: { check: { title: "port 80 is open", observe: async () => 0, judge: () => ({ met: true }) } as never },
      }),
      /nodes\.web\.ready.*port 80 is open/,
    ],
  ])("differs by %s, and says so", async (_, other, said) => {
    const [before, now] = [await declaredNow(one(), lookup), await declaredNow(other, lookup)];
    expect(now.digest).not.toBe(before.digest);
    expect(dataDifference(before.facts, now.facts).join("\n")).toMatch(said);
  });

  test("differs by a recipe's files", async () => {
    const now = await declaredNow(one(), { ...lookup, recipe: async () => "sha256:other" });
    expect(dataDifference((await declaredNow(one(), lookup)).facts, now.facts)).toEqual([
      "nodes.web.image.digest: sha256:recipe-soe → sha256:other",
    ]);
  });

  test("differs by a playbook's files and variables, and holds no secret of them", async () => {
    const context = mkdtempSync(join(tmpdir(), "assay-declared-"));
    const write = (name: string) => writeFileSync(join(context, "p.yml"), `- hosts: servers\n  name: ${name}\n`);
    const declared = (value: string) =>
      declaredNow(
        defineEnvironment("studio", {
          nodes: { web: container({ image: soe, idle: true }) },
          plays: [
            { play: playbook("p.yml", { context, vars: { token: secret("t", value) } }), hosts: { servers: ["web"] } },
          ],
        }),
        lookup,
      );
    try {
      write("one");
      const before = await declared("first-value-4711");
      expect((await declared("first-value-4711")).digest).toBe(before.digest);
      expect(JSON.stringify(before)).not.toMatch(/4711|assay-declared-/);
      expect((await declared("other-value-0815")).digest).not.toBe(before.digest);
      write("two");
      const now = await declared("first-value-4711");
      expect(dataDifference(before.facts, now.facts).join()).toMatch(/^plays.*p\.yml/);
    } finally {
      rmSync(context, { recursive: true });
    }
  });

  test("holds no secret, and differs by one", async () => {
    const [before, now] = await Promise.all(
      ["first-value-4711", "other-value-0815"].map((value) =>
        declaredNow(one({ env: { TOKEN: secret("token", value) } }), lookup),
      ),
    );
    expect(JSON.stringify([before, now])).not.toMatch(/4711|0815/);
    expect(dataDifference(before?.facts, now?.facts)).toEqual(['nodes.web.env.TOKEN: another value of secret "token"']);
  });
});
