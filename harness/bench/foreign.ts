// Decides the test file of somebody who has testcontainers and vitest, and nothing else: the work of `whole.bench.ts`, as they write
// it. It is run as they run it, in a project of its own.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { benchRecipe, files } from "./work.ts";

/** Makes the project in `directory`, with the packages of `project`; the command that runs it. */
export function foreignProject(directory: string, project: string, labels: Record<string, string>): string[] {
  mkdirSync(directory, { recursive: true });
  symlinkSync(join(project, "node_modules"), join(directory, "node_modules"));
  writeFileSync(
    join(directory, "package.json"),
    `${JSON.stringify({ name: "foreign", private: true, type: "module" })}\n`,
  );
  writeFileSync(join(directory, "files.test.ts"), testFile(labels));
  const vitest = join(project, "node_modules", "vitest", "vitest.mjs");
  return ["env", "TESTCONTAINERS_RYUK_DISABLED=true", process.execPath, vitest, "run", "--root", directory];
}

function testFile(labels: Record<string, string>): string {
  // Not imports of this file.
  const of = (name: string) => JSON.stringify(name);
  return `import { GenericContainer } from ${of("testcontainers")};
import { afterAll, beforeAll, expect, test } from ${of("vitest")};

const files = ${JSON.stringify(files, null, 2)};
let container;
beforeAll(async () => {
  container = await new GenericContainer(${JSON.stringify(`${benchRecipe.name}:${benchRecipe.version}`)})
    .withCommand(["sleep", "infinity"])
    .withLabels(${JSON.stringify(labels)})
    .start();
}, 60_000);
afterAll(() => container.stop());

test.each(files)("$path", async ({ path, owner, group }) => {
  const { exitCode, output } = await container.exec(["stat", "--format", "%U %G", path]);
  expect(exitCode).toBe(0);
  expect(output.trim().split(" ")[0]).toBe(owner);
  expect(output.trim().split(" ")[1]).toBe(group);
}, 60_000);
`;
}
