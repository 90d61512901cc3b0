// Decides that a wrong recipe is refused where it is declared, and that paths in it stay in its context.
import { describe, expect, test } from "vitest";
import { ansible, copy, debianRootfs, fromImage, fromRecipe, inContext, recipe, run } from "./recipe.ts";
import { refusal } from "./testing/refusal.ts";

const from = debianRootfs({ suite: "bookworm" });
const whole = { version: "1", from, context: "/srv/soe" } as const;

describe("a recipe", () => {
  test("is plain data with its defaults and its place", () => {
    const soe = recipe("vfx-soe", {
      ...whole,
      steps: [run(["true"]), copy("a", "/a"), ansible({ playbook: "p.yml" })],
    });
    expect(soe).toMatchObject({ kind: "recipe", name: "vfx-soe", version: "1", image: {}, context: "/srv/soe" });
    expect(soe.from).toEqual({
      base: "debian-rootfs",
      suite: "bookworm",
      include: [],
      variant: "minbase",
      components: ["main"],
    });
    expect(soe.steps.map(({ step }) => step)).toEqual(["run", "copy", "ansible"]);
    expect(soe.at).toMatch(/recipe\.test\.ts:\d+:\d+$/);
    expect(fromRecipe(soe)).toEqual({ base: "recipe", recipe: soe });
  });

  test("paths of steps are found in its context, and none outside it", () => {
    const soe = recipe("soe", whole);
    expect(inContext(soe, "roles/a")).toBe("/srv/soe/roles/a");
    expect(inContext(soe, ".")).toBe("/srv/soe");
    expect(inContext(recipe("soe", { ...whole, context: "/srv/soe/" }), "roles/a")).toBe("/srv/soe/roles/a");
    for (const path of ["../other", "a/../../b", "../soe-2/a"])
      expect(refusal(() => inContext(soe, path)).code).toBe("outside-context");
  });
});

describe("refused", () => {
  test.each<[string, () => unknown, string, string]>([
    ["a name", () => recipe("VFX", whole), "bad-name", '"VFX" is not an image name; use lower-case'],
    ["a version", () => recipe("soe", { ...whole, version: "a b" }), "bad-option", 'recipe soe: option "version"'],
    [
      "a relative context",
      () => recipe("soe", { ...whole, context: "here" }),
      "bad-option",
      "write import.meta.dirname",
    ],
    [
      "a typo",
      () => recipe("soe", { ...whole, setps: [] } as never),
      "bad-option",
      'unknown option "setps", did you mean "steps"?',
    ],
    [
      "a typo in the image",
      () => recipe("soe", { ...whole, image: { entrypont: ["a"] } as never }),
      "bad-option",
      'unknown option "image.entrypont", did you mean "entrypoint"?',
    ],
    [
      "a port without protocol",
      () => recipe("soe", { ...whole, image: { expose: ["80"] } }),
      "bad-option",
      "as in 80/tcp",
    ],
    [
      "a base that is none",
      () => recipe("soe", { ...whole, from: "debian" as never }),
      "bad-option",
      "expected debianRootfs, dockerfile, fromArchive, fromImage or fromRecipe",
    ],
    [
      "a step that is none",
      () => recipe("soe", { ...whole, steps: ["apt" as never] }),
      "bad-option",
      "expected ansible, run or copy",
    ],
    ["a suite", () => debianRootfs({ suite: "Book Worm" }), "bad-option", 'debianRootfs: option "suite"'],
    ["a package's name", () => debianRootfs({ suite: "sid", include: ["a b"] }), "bad-option", 'option "include.0"'],
    ["an image reference", () => fromImage("--rm x"), "bad-image", "write name:tag or name@sha256"],
    ["a relative target", () => copy("a", "b"), "bad-path", 'copy target "b" is not absolute'],
    ["a mode", () => copy("a", "/a", { mode: 0o10000 }), "bad-option", 'copy: option "mode"'],
    ["a playbook that is none", () => ansible({ playbook: "" }), "bad-option", 'ansible: option "playbook"'],
    [
      "a password in the clear",
      () => ansible({ playbook: "p", vault: "pw" as never }),
      "bad-option",
      "expected secret(name, value)",
    ],
    ["vars misspelt", () => ansible({ playbook: "p", var: {} } as never), "bad-option", 'did you mean "vars"?'],
  ])("%s", (_, declare, code, message) => {
    const error = refusal(declare);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.at).toMatch(/recipe\.test\.ts:\d+:\d+$/);
  });

  test("by the compiler too", () => {
    const never = () => {
      // @ts-expect-error a command is words, not text
      run("apt-get clean");
      // @ts-expect-error a command has at least one word
      run([]);
      // @ts-expect-error a recipe has a version
      recipe("soe", { from, context: "/" });
      // @ts-expect-error no such variant
      debianRootfs({ suite: "sid", variant: "huge" });
    };
    expect(never).toBeTypeOf("function");
  });
});
