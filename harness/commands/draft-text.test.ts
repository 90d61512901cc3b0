import { stripTypeScriptTypes } from "node:module";
import { describe, expect, test } from "vitest";
import { nameOf } from "./draft.ts";
import { type Draft, environmentText, identifier, sentenceText, specText } from "./draft-text.ts";
import { sourceOf } from "./image-word.ts";

const draft: Draft = {
  name: "studio-web",
  source: { from: "engine", reference: "studio-web:1" },
  mode: "runs",
  image: "studio-web:1, sha256:1",
  chapters: [
    { title: "files", takesTime: false, sentences: [{ about: ["file", "/srv"], says: ["hasMode", 0o755] }] },
    {
      title: 'a "quoted" title',
      takesTime: true,
      sentences: [
        {
          about: ["inventory.setuid", "/"],
          says: ["equals", Array.from({ length: 9 }, (_, at) => `/usr/bin/program-${at}`)],
        },
        { about: ["port", 53, "udp"], says: ["isListeningOn", "::"] },
      ],
    },
  ],
  surface: "assay",
};

test("the environment and the spec, as a person would write them", () => {
  expect(environmentText(draft)).toBe(`// studio-web:1, sha256:1.
import { container, defineEnvironment } from "assay";

export const studioWeb = defineEnvironment("studio-web", {
  nodes: { box: container({ image: "studio-web:1" }) },
});
`);
  const spec = specText(draft);
  expect(spec).toContain('import { all, expect, file, inventory, port, testIn } from "assay";\n');
  expect(spec).toContain(`test("files", async ({ box }) => {
  await expect(box).toMeet(file("/srv").hasMode(0o755));
});
`);
  expect(spec).toContain('      inventory\n        .setuid("/")\n        .equals([\n          "/usr/bin/program-0",\n');
  expect(spec).toContain('      port(53, "udp").isListeningOn("::"),\n    ),\n    { within: "30s" },\n');
  expect(stripTypeScriptTypes(spec)).toBe(spec);
});

test.each([
  [{ ...draft, mode: "idle" }, 'container({ image: "studio-web:1", idle: true })'],
  [{ ...draft, mode: "still" }, 'stillImage({ image: "studio-web:1" })'],
  [
    { ...draft, mode: "still", source: { from: "docker-archive", path: "../a.tar" } },
    'stillImage({ image: fromDockerArchive("../a.tar", { in: import.meta.dirname }) })',
  ],
  [
    { ...draft, mode: "still", source: { from: "rootfs", path: "/srv/r" } },
    'stillImage({ image: fromRootfs("/srv/r") })',
  ],
  [
    { ...draft, source: { from: "recipe", path: "../fixtures/web/recipe.ts", word: "studioWeb" } },
    "container({ image })",
  ],
] as const)("how it is made %#", (made, declaration) => {
  const text = environmentText(made);
  expect(text).toContain(`nodes: { box: ${declaration} }`);
  expect(stripTypeScriptTypes(text)).toBe(text);
});

test("a recipe is imported under a name that no environment has; imports are sorted as a linter would", () => {
  const source = { from: "recipe", path: "../fixtures/web/recipe.ts", word: "studioWeb" } as const;
  const own = 'import { studioWeb as image } from "../fixtures/web/recipe.ts";';
  const harness = (surface: string) => `import { container, defineEnvironment } from "${surface}";`;
  expect(environmentText({ ...draft, source })).toContain(`${harness("assay")}\n${own}\n`);
  const surface = "../harness/index.ts";
  expect(environmentText({ ...draft, source, surface })).toContain(`${own}\n${harness(surface)}\n`);
});

describe("words of an image cannot leave their place", () => {
  test.each(['"); process.exit(1); ("', "a\nb", "\u2028", "`", "\\"])("%j", (word) => {
    const text = sentenceText({ about: ["file", word], says: ["linksTo", word] });
    expect(text).not.toMatch(/[\n\u2028]/);
    // The text says exactly these words, and nothing else is run.
    const heard: unknown[] = [];
    const file = (path: string) => ({ linksTo: (target: string) => heard.push(path, target) });
    new Function("file", text)(file);
    expect(heard).toEqual([word, word]);
  });
});

test.each([
  ["registry.example:5000/studio/web:1.2", "web"],
  ["vfx-studio-soe:0.1.0", "vfx-studio-soe"],
  ["a@sha256:12", "a"],
  ["./images/My_SOE.tar", "my-soe"],
  ["/srv/rootfs/", "rootfs"],
  ["???", "image"],
])("%s is drafted as %s", (word, name) => expect(nameOf(word)).toBe(name));

test.each([
  ["studio-web", "studioWeb"],
  ["3proxy", "image3proxy"],
  ["package", "imagePackage"],
  ["new", "imageNew"],
])("%s is the variable %s", (name, word) => expect(identifier(name)).toBe(word));

test("what is meant: files where some are, else a name that the engine knows", () => {
  expect(sourceOf("no-such-image:1")).toEqual({ from: "engine", reference: "no-such-image:1" });
  expect(sourceOf(import.meta.filename)).toEqual({ from: "docker-archive", path: import.meta.filename });
  expect(sourceOf(import.meta.dirname)).toEqual({ from: "rootfs", path: import.meta.dirname });
  expect(() => sourceOf("./no-such.tar")).toThrow(/there is no .*no-such\.tar/);
});
