import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { initCommand, projectFiles, specFiles } from "./init.ts";

let here: string;
beforeEach(() => {
  here = mkdtempSync(join(tmpdir(), "assay-init-"));
});
afterEach(() => rmSync(here, { recursive: true, force: true }));
const made = () => Object.fromEntries(projectFiles(here));

test("files of a name that is no variable's, in the package and in a checkout", () => {
  const files = specFiles("my-3d-soe", "assay");
  expect([...files.keys()]).toEqual([
    "fixtures/my-3d-soe/recipe.ts",
    "environments/my-3d-soe.ts",
    "specs/my-3d-soe.spec.ts",
  ]);
  expect(files.get("specs/my-3d-soe.spec.ts")).toContain("const test = testIn(my3dSoe);");
  for (const text of files.values()) expect(stripTypeScriptTypes(text)).toBe(text);
  const inCheckout = specFiles("hello", undefined);
  expect(inCheckout.get("fixtures/hello/recipe.ts")).toContain('from "../../harness/index.ts"');
  expect(inCheckout.get("specs/hello.spec.ts")).toContain('from "../harness/index.ts"');
});

describe("what makes a directory a project", () => {
  test("an empty one", () => {
    const { "package.json": manifest = "", "tsconfig.json": tsconfig = "", ".gitignore": ignored } = made();
    expect(JSON.parse(manifest)).toMatchObject({ private: true, type: "module", scripts: { test: "assay run" } });
    expect(JSON.parse(tsconfig).include).toEqual(["specs", "environments", "fixtures"]);
    expect(ignored).toBe("/node_modules/\n/reports/runs/\n");
  });

  test("one that npm install made: it becomes a module, and all else stays", () => {
    writeFileSync(join(here, "package.json"), '{\n    "devDependencies": { "assay": "file:a.tgz" }\n}\n');
    writeFileSync(join(here, ".gitignore"), "node_modules");
    const { "package.json": manifest, ".gitignore": ignored } = made();
    expect(manifest).toBe(
      '{\n    "devDependencies": {\n        "assay": "file:a.tgz"\n    },\n    "type": "module"\n}\n',
    );
    expect(ignored).toBe("node_modules\n/reports/runs/\n");
  });

  test("one that is whole is left alone", () => {
    for (const [file, text] of projectFiles(here)) writeFileSync(join(here, file), text);
    expect(made()).toEqual({});
  });

  test.each([
    ['{"type": "commonjs"}', /says "type": "commonjs", and specs are modules; make a directory of its own/],
    ['{"type": ', /package\.json is no JSON/],
    ["null", /package\.json holds no object/],
    ["[]", /package\.json holds no object/],
  ])("%s is refused", (text, words) => {
    writeFileSync(join(here, "package.json"), text);
    expect(made).toThrow(words);
  });
});

test.each([
  ["Hello", /"Hello" names no environment; use lower-case/],
  ["../evil", /names no environment/],
  ["vfx-studio-soe", /recipe\.ts:\d+:\d+: the recipe "vfx-studio-soe" is there already; give another name/],
  ["docker-soe", /the environment "docker-soe" is there already/],
])("%s is refused, and nothing is written", async (name, words) => {
  await expect(initCommand(name, {})).rejects.toThrow(words);
});
