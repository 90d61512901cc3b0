import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { DeclarationError } from "../model/errors.ts";
import { environmentNamed, findRecipes, recipeExport, recipesNamed } from "./recipes.ts";

let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "assay-recipes-"));
  const model = pathToFileURL(join(import.meta.dirname, "../model/recipe.ts")).href;
  const declare = (fixture: string, ...lines: string[]) => {
    mkdirSync(join(project, "fixtures", fixture), { recursive: true });
    const text = [
      `import { debianRootfs, recipe } from "${model}";`,
      'const from = debianRootfs({ suite: "bookworm" });',
      ...lines,
    ];
    writeFileSync(join(project, "fixtures", fixture, "recipe.ts"), text.join("\n"));
  };
  const recipe = (constant: string, name: string) =>
    `export const ${constant} = recipe("${name}", { version: "1", from, context: import.meta.dirname });`;
  declare("soe", recipe("soe", "studio-soe"), "export const version = 1;");
  declare("web", 'export { soe } from "../soe/recipe.ts";', recipe("web", "studio-web"));
  mkdirSync(join(project, "fixtures/files-only"));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

test("recipes are what fixtures export; one that is exported twice is one", async () => {
  expect([...(await findRecipes(project)).keys()].sort()).toEqual(["studio-soe", "studio-web"]);
});

test("a name that is none is refused with the one that was meant, or with all there are", async () => {
  await expect(recipesNamed(project, ["studio-web", "studio-sor"])).rejects.toMatchObject({
    code: "unknown-recipe",
    hint: 'did you mean "studio-soe"?',
  });
  await expect(recipesNamed(project, ["x"])).rejects.toMatchObject({ hint: "there are studio-soe, studio-web" });
  expect((await recipesNamed(project, ["studio-web"])).map(({ name }) => name)).toEqual(["studio-web"]);
});

test("where there are no rooms yet there is nothing, and whoever names something is told so", async () => {
  const empty = join(project, "fixtures/files-only");
  await expect(recipesNamed(empty, ["x"])).rejects.toMatchObject({ code: "unknown-recipe", hint: "there are none" });
  await expect(environmentNamed(empty, "x")).rejects.toMatchObject({ code: "unknown-environment" });
  expect(await recipeExport(empty, "x")).toBeUndefined();
});

test.each([
  ["export const one = ;", "1:20", /Expression expected/],
  ["export const one = nobody.knows;", undefined, /broken\.ts cannot be loaded: nobody is not defined/],
])("a file that cannot be loaded is its author's to mend: %s", async (text, place, words) => {
  const elsewhere = mkdtempSync(join(project, "elsewhere-"));
  const file = join(elsewhere, "environments/broken.ts");
  mkdirSync(join(elsewhere, "environments"));
  writeFileSync(file, text);
  const error: unknown = await environmentNamed(elsewhere, "x").catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DeclarationError);
  expect(error).toMatchObject({ code: "unreadable-file", message: expect.stringMatching(words) });
  expect((error as DeclarationError).at).toBe(place === undefined ? undefined : `${file}:${place}`);
});

test("two recipes of one name are refused with both places", async () => {
  mkdirSync(join(project, "fixtures/zz"));
  const web = join(project, "fixtures/web/recipe.ts");
  writeFileSync(
    join(project, "fixtures/zz/recipe.ts"),
    `import { web } from "${pathToFileURL(web).href}";\nexport const other = { ...web };\n`,
  );
  await expect(findRecipes(project)).rejects.toMatchObject({
    code: "doubled-name",
    hint: expect.stringContaining("web/recipe.ts"),
  });
});

test("the project's own recipes are all there, the broken ones among them", async () => {
  const names = [...(await findRecipes(readConfig().project)).keys()];
  expect(names).toEqual(
    expect.arrayContaining(["vfx-studio-soe", "studio-web", "studio-registry", "broken-soe-no-bashrc"]),
  );
});
