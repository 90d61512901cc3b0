// What of a recipe and its files goes into its digest, on a real directory.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import { ansible, copy, debianRootfs, fromImage, fromRecipe, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { canonicalJson } from "./canonical.ts";
import { contextFiles, stageFiles } from "./context-files.ts";
import { describeRecipe } from "./manifest.ts";

let context: string;
beforeEach(() => {
  context = mkdtempSync(join(tmpdir(), "assay-context-"));
  for (const directory of ["roles/bash/tasks", "templates", "site", "group_vars"])
    mkdirSync(join(context, directory), { recursive: true });
  writeFileSync(join(context, "playbook.yml"), "- hosts: all\n");
  writeFileSync(join(context, "roles/bash/tasks/main.yml"), "[]\n");
  writeFileSync(join(context, "templates/motd.j2"), "hello\n");
  writeFileSync(join(context, "site/run.sh"), "#!/bin/sh\n");
  writeFileSync(join(context, "recipe.ts"), "// not part of the image\n");
});
afterEach(() => rmSync(context, { recursive: true, force: true }));

const debian = debianRootfs({ suite: "bookworm", include: ["python3", "bash"] });
const played = (options: { version?: string; vars?: Record<string, unknown>; from?: typeof debian } = {}) =>
  recipe("tiny", {
    version: options.version ?? "1",
    from: options.from ?? debian,
    steps: [ansible({ playbook: "playbook.yml", roles: "roles", vars: options.vars ?? {} }), copy("site", "/srv/site")],
    context,
  });
const describing = { salt: () => "salt" };
const digest = async (of = played()) => (await describeRecipe(of, describing)).digest;

describe("files that count", () => {
  test("are those that steps name, and what ansible looks for beside a playbook", async () => {
    expect(Object.keys(await contextFiles(played()))).toEqual([
      "group_vars",
      "playbook.yml",
      "roles",
      "roles/bash",
      "roles/bash/tasks",
      "roles/bash/tasks/main.yml",
      "site",
      "site/run.sh",
      "templates",
      "templates/motd.j2",
    ]);
  });

  test("count by contents and by whether they can be executed", async () => {
    const before = await digest();
    chmodSync(join(context, "site/run.sh"), 0o600);
    utimesSync(join(context, "site/run.sh"), 1, 1);
    writeFileSync(join(context, "recipe.ts"), "// another comment\n");
    expect(await digest()).toBe(before);
    chmodSync(join(context, "site/run.sh"), 0o700);
    expect((await contextFiles(played()))["site/run.sh"]).toMatchObject({ mode: "0755" });
    expect(await digest()).not.toBe(before);
  });

  test.each(["playbook.yml", "roles/bash/tasks/main.yml", "templates/motd.j2", "site/run.sh"])(
    "a change in %s counts",
    async (file) => {
      const before = await digest();
      writeFileSync(join(context, file), "changed\n");
      expect(await digest()).not.toBe(before);
    },
  );

  test("a missing one is refused, with the name that was meant", async () => {
    const wrong = recipe("tiny", { version: "1", from: debian, steps: [copy("playbok.yml", "/x")], context });
    const error = await contextFiles(wrong).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeclarationError);
    expect(error).toMatchObject({ code: "missing-file", hint: 'did you mean "playbook.yml"?' });
  });

  test.each([
    ["a path", (at: string) => copy("../etc", at)],
    ["a link", (at: string) => copy("site", at)],
  ])("%s out of the context is refused", async (how, step) => {
    if (how === "a link") symlinkSync("/etc/hostname", join(context, "site/escape"));
    const wrong = recipe("tiny", { version: "1", from: debian, steps: [step("/x")], context });
    await expect(contextFiles(wrong)).rejects.toMatchObject({ code: "outside-context" });
  });

  test("what a link leads to counts", async () => {
    symlinkSync("../recipe.ts", join(context, "site/link"));
    const before = await digest();
    writeFileSync(join(context, "recipe.ts"), "// now it is part of the image\n");
    expect(await digest()).not.toBe(before);
  });

  test("are staged as they were counted, and nothing else is", async () => {
    symlinkSync("run.sh", join(context, "site/link"));
    const target = join(context, "staged");
    await stageFiles(played(), await contextFiles(played()), target);
    expect(readFileSync(join(target, "site/link"), "utf8")).toBe("#!/bin/sh\n");
    expect(statSync(join(target, "site/run.sh")).mode & 0o777).toBe(0o644);
    expect(() => statSync(join(target, "recipe.ts"))).toThrow("ENOENT");
  });

  test("one that changes after it was counted stops the build", async () => {
    const counted = await contextFiles(played());
    writeFileSync(join(context, "playbook.yml"), "- hosts: others\n");
    const staging = stageFiles(played(), counted, join(context, "staged"));
    await expect(staging).rejects.toBeInstanceOf(ProvisionError);
    await expect(staging).rejects.toMatchObject({ code: "context-changed" });
  });
});

describe("a recipe's digest", () => {
  test("does not depend on the order or repetition of packages, nor of variables", async () => {
    const other = debianRootfs({ suite: "bookworm", include: ["bash", "python3", "bash"] });
    expect(await digest(played({ from: other, vars: { b: 1, a: 2 } }))).toBe(
      await digest(played({ vars: { a: 2, b: 1 } })),
    );
  });

  test("depends on version, variables, base and metadata", async () => {
    const variants = [
      played(),
      played({ version: "2" }),
      played({ vars: { a: 1 } }),
      played({ from: debianRootfs({ suite: "trixie", include: ["python3", "bash"] }) }),
      recipe("tiny", { version: "1", from: debian, image: { cmd: ["bash"] }, context }),
      recipe("tiny", { version: "1", from: debian, steps: [run(["true"])], context }),
    ];
    expect(new Set(await Promise.all(variants.map(digest))).size).toBe(variants.length);
  });

  test("covers the base's digest, and the base's covers nothing of the recipe", async () => {
    const [one, two] = await Promise.all(
      [played(), played({ version: "2" })].map((each) => describeRecipe(each, describing)),
    );
    expect(one?.baseDigest).toBe(two?.baseDigest);
    const above = recipe("above", { version: "1", from: fromRecipe(played()), context });
    const before = await describeRecipe(above, describing);
    writeFileSync(join(context, "playbook.yml"), "changed\n");
    const after = await describeRecipe(above, describing);
    expect(before.baseDigest).toBe(one?.digest);
    expect(after.digest).not.toBe(before.digest);
  });

  test("of a secret covers its value without telling it", async () => {
    const described = (value: string) =>
      describeRecipe(played({ vars: { password: secret("db password", value) } }), describing);
    const [one, same, other] = await Promise.all(["hunter22", "hunter22", "hunter23"].map(described));
    expect(one?.digest).toBe(same?.digest);
    expect(one?.digest).not.toBe(other?.digest);
    expect(canonicalJson(one?.manifest)).not.toContain("hunter22");
    expect(canonicalJson(one?.manifest)).toContain("db password");
  });

  test("of an image base is that of what the reference means, not of the reference", async () => {
    const on = (reference: string) => recipe("on-image", { version: "1", from: fromImage(reference), context });
    const source = {
      resolve: async (reference: string) => ({
        digest: reference.startsWith("a") ? ("sha256:aa" as const) : ("sha256:bb" as const),
        config: {},
      }),
      export: () => Promise.reject(new Error("not asked for")),
    };
    const of = async (reference: string) => (await describeRecipe(on(reference), { ...describing, source })).digest;
    expect(await of("alpha:1")).toBe(await of("alias:2"));
    expect(await of("alpha:1")).not.toBe(await of("beta:1"));
    await expect(describeRecipe(on("alpha:1"), describing)).rejects.toMatchObject({ code: "no-image-source" });
  });
});
