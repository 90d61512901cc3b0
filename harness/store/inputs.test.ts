// Decides that files a run was made of are known again by content, and that what a spec imports is found without running it.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { importsOf } from "./imports.ts";
import { filesBelow, inputNow, ReadInputs } from "./inputs.ts";

let project = "";
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "assay-inputs-"));
  mkdirSync(join(project, "roles/tasks"), { recursive: true });
  mkdirSync(join(project, "node_modules"));
  write("roles/tasks/main.yml", "- name: it\n");
  write("a.spec.ts", "");
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

const write = (path: string, text: string) => writeFileSync(join(project, path), text);

function read(...paths: string[]) {
  const inputs = new ReadInputs();
  for (const path of paths) inputs.add(join(project, path));
  return inputs.of(project);
}

test("a directory is all that is in it, and is the same as long as nothing is changed, added or removed", () => {
  const inputs = read("roles", "a.spec.ts");
  expect(inputs.map(({ path }) => path)).toEqual(["a.spec.ts", "roles/", "roles/tasks/", "roles/tasks/main.yml"]);
  const changed = () => inputs.filter(({ path, sha256 }) => inputNow(path, project) !== sha256).map(({ path }) => path);
  expect(changed()).toEqual([]);
  write("roles/tasks/main.yml", "- name: it \n");
  expect(changed()).toEqual(["roles/tasks/main.yml"]);
  write("roles/tasks/main.yml", "- name: it\n");
  write("roles/tasks/other.yml", "");
  expect(changed()).toEqual(["roles/tasks/"]);
  rmSync(join(project, "roles"), { recursive: true });
  expect(changed()).toEqual(["roles/", "roles/tasks/", "roles/tasks/main.yml"]);
});

test("a file is known as it was when it was first read", () => {
  const inputs = new ReadInputs();
  inputs.add(join(project, "a.spec.ts"));
  const before = inputs.of(project);
  write("a.spec.ts", "// another");
  inputs.add(join(project, "a.spec.ts"));
  expect(inputs.of(project)).toEqual(before);
  expect(inputNow("a.spec.ts", project)).not.toBe(before[0]?.sha256);
});

test("links are not followed, packages and what is not there are left out", () => {
  symlinkSync("/etc/passwd", join(project, "roles/link"));
  expect(read("roles").map(({ path }) => path)).toContain("roles/link");
  expect(inputNow("roles/link", project)).not.toBe(inputNow("/etc/passwd", project));
  expect(read(".", "nothing").map(({ path }) => path)).not.toContain("node_modules/");
  expect(inputNow("roles", project)).toBeUndefined();
  expect(inputNow("a.spec.ts/", project)).toBeUndefined();
});

test("what is below a directory now is named as it would be read", () => {
  expect(filesBelow("roles/", project)).toEqual(["roles/tasks/"]);
  expect(filesBelow("roles/tasks/", project)).toEqual(["roles/tasks/main.yml"]);
  expect(filesBelow("nothing/", project)).toEqual([]);
});

test("imports are followed, but for types, comments and what is foreign", () => {
  write(
    "a.spec.ts",
    'import { b } from "./b.ts";\nimport {\n  type C,\n  d,\n} from "./roles/d.ts";\nexport * from "./e.ts";\nimport "./f.ts";\n',
  );
  write(
    "b.ts",
    'import type { T } from "./types.ts";\n// import { x } from "./commented.ts";\n/* import "./commented.ts"; */\nexport { away } from "./away.ts";\n',
  );
  for (const name of ["roles/d.ts", "e.ts", "types.ts", "commented.ts", "away.ts"]) write(name, "");
  write("f.ts", 'import { a } from "./a.spec.ts"; import { z } from "zod";\n');
  const found = importsOf(join(project, "a.spec.ts"), (path) => path.endsWith("away.ts"));
  expect(found.map((path) => path.slice(project.length + 1)).sort()).toEqual([
    "a.spec.ts",
    "b.ts",
    "e.ts",
    "f.ts",
    "roles/d.ts",
  ]);
});
