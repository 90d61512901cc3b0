// Decides that a change reruns what depends on it and nothing else.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WatchedSpecs } from "./watch-specs.ts";

let project: string;
let specs: WatchedSpecs;
const at = (path: string) => join(project, path);
const reads = (file: string, ...paths: string[]) =>
  specs.hear({ event: "reads", at: 0, file, paths: [at(file), ...paths.map(at)] });
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "assay-specs-"));
  mkdirSync(at("specs/deep"), { recursive: true });
  for (const name of ["web.spec.ts", "deep/db.spec.ts", "words.ts"]) writeFileSync(at(`specs/${name}`), "");
  specs = new WatchedSpecs(project, []);
  specs.begin();
  reads("specs/web.spec.ts", "environments/web.ts", "fixtures/web/roles");
  reads("specs/deep/db.spec.ts", "environments/db.ts", "specs/words.ts");
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

test.each([
  ["a spec file", "specs/web.spec.ts", ["specs/web.spec.ts"]],
  ["a module that one imports", "specs/words.ts", ["specs/deep/db.spec.ts"]],
  ["a file in a role", "fixtures/web/roles/nginx/tasks/main.yml", ["specs/web.spec.ts"]],
  ["a directory whose name begins alike", "fixtures/web/roles-old/x", []],
  ["what nobody is made of", "README.md", []],
])("%s", (_, changed, due) => {
  expect(specs.madeOf([at(changed)])).toEqual(due);
});

test("new ones are run, removed ones are not", () => {
  writeFileSync(at("specs/new.spec.ts"), "");
  rmSync(at("specs/web.spec.ts"));
  expect(specs.madeOf([at("specs/new.spec.ts"), at("specs/web.spec.ts")])).toEqual(["specs/new.spec.ts"]);
});

test("one that could not be loaded is made of what it was before as well", () => {
  specs.begin();
  reads("specs/web.spec.ts", "environments/web.ts");
  specs.hear({
    ...{ event: "trouble", at: 0, file: "specs/web.spec.ts", outcome: "errored", exitCode: 2 },
    error: { name: "SyntaxError", message: "" },
  });
  expect(specs.madeOf([at("fixtures/web/roles/x")])).toEqual(["specs/web.spec.ts"]);
  specs.begin();
  reads("specs/web.spec.ts", "environments/web.ts");
  expect(specs.madeOf([at("fixtures/web/roles/x")])).toEqual([]);
});

test("patterns are those of assay run, and hold for new files", () => {
  expect(new WatchedSpecs(project, ["DB"]).present()).toEqual(["specs/deep/db.spec.ts"]);
  expect(new WatchedSpecs(project, ["none"]).present()).toEqual([]);
  expect(new WatchedSpecs(join(project, "no"), []).present()).toEqual([]);
});
