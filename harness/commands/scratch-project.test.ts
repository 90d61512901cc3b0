// Decides that what is laid out beside somebody's specs is this Assay, under both names by which specs know it, and that it is its own project.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { layProject } from "./scratch-project.ts";

const here = mkdtempSync(join(tmpdir(), "assay-scratch-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

test("specs find one and the same harness by the package's name and by its path", () => {
  mkdirSync(join(here, "specs"));
  writeFileSync(join(here, "package.json"), '{ "name": "theirs" }');
  writeFileSync(
    join(here, "specs/probe.ts"),
    `import { defineEnvironment as one } from "assay";
     import { defineEnvironment as other } from "../harness/index.ts";
     import { home } from "../harness/place.ts";
     console.log(JSON.stringify([one === other, home]));`,
  );
  layProject(here, "package");
  expect(JSON.parse(execFileSync(process.execPath, [join(here, "specs/probe.ts")], { encoding: "utf8" }))).toEqual([
    true,
    here,
  ]);
  // Its version is what the reports say.
  expect(JSON.parse(readFileSync(join(here, "package.json"), "utf8"))).toMatchObject({
    name: "assay",
    version: expect.any(String),
  });
  expect(existsSync(join(here, "reports"))).toBe(true);
});
