// The program `assay`, in a project of its own, whose cli.ts and bootstrap.mjs tell who was asked.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "assay program "));
  for (const directory of ["harness", "node_modules/.bin"]) mkdirSync(join(project, directory), { recursive: true });
  cpSync(join(import.meta.dirname, "assay"), join(project, "harness", "assay"));
  symlinkSync("../../harness/assay", join(project, "node_modules/.bin/assay"));
  symlinkSync(process.execPath, join(project, "node_modules/.bin/node"));
  writeFileSync(join(project, "package-lock.json"), "{}\n");
  writeFileSync(join(project, "node_modules/.assay-lock"), `${createHash("sha256").update("{}\n").digest("hex")}\n`);
  const tell = (who: string) => `console.log(JSON.stringify(["${who}", ...process.argv.slice(2)])); process.exit(3);`;
  writeFileSync(join(project, "harness", "cli.ts"), `const who: string = "cli"; ${tell("cli")}`);
  writeFileSync(join(project, "harness", "bootstrap.mjs"), tell("bootstrap"));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

/** Who was asked, with which words; through the link, as `npx assay` does. */
function asked() {
  const { status, stdout, stderr } = spawnSync(join(project, "node_modules/.bin/assay"), ["run", "two words", "*"], {
    encoding: "utf8",
  });
  return { status, words: JSON.parse(stdout) as string[], stderr };
}

test("where the packages are installed, cli.ts is, with the words as they are", () => {
  expect(asked()).toEqual({ status: 3, words: ["cli", "run", "two words", "*"], stderr: "" });
});

test.each([
  ["nothing is installed", () => rmSync(join(project, "node_modules/.assay-lock"))],
  ["the lock file has changed", () => writeFileSync(join(project, "package-lock.json"), "{ }\n")],
  ["its Node is gone", () => rmSync(join(project, "node_modules/.bin/node"))],
])("where %s, bootstrap.mjs is", (_, change) => {
  change();
  expect(asked()).toEqual({ status: 3, words: ["bootstrap", "run", "two words", "*"], stderr: "" });
});
