import { describe, expect, test } from "vitest";
import { commandLine } from "../cli.ts";
import { files, type Offer, offers } from "./completion.ts";
import { commandTable } from "./table.ts";

const program = commandLine(() => {});
/** Names that are asked for are `<command>.<argument>`. */
const known = async (command: string, argument: string): Promise<readonly Offer[] | typeof files> =>
  argument === "report" ? files : [1, 2].map((at) => ({ word: `${command}.${argument}.${at}`, about: "a name" }));
const words = async (...typed: string[]) => {
  const offered = await offers(program, typed, known);
  return offered === files ? files : offered.map(({ word }) => word);
};

test("commands, with what each does; those that nobody types are left out", async () => {
  const shown = commandTable.filter(({ hidden }) => hidden !== true).map(({ usage }) => usage.split(" ")[0]);
  expect(await words("")).toEqual(expect.arrayContaining([...shown, "help"]));
  expect(await words("")).not.toContain("complete");
  expect(await offers(program, ["doc"], known)).toEqual([
    { word: "doctor", about: expect.stringContaining("what this machine can do") },
  ]);
  expect(await words("help", "bui")).toEqual(["build"]);
  expect(await words("--v")).toEqual(["--version"]);
});

test("options of a command that were not given yet", async () => {
  expect(await words("build", "--")).toEqual(["--json", "--twice", "--help"]);
  expect(await words("build", "--json", "--")).toEqual(["--twice", "--help"]);
});

test("an option's values, in either spelling", async () => {
  expect(await words("run", "--keep", "a")).toEqual(["always"]);
  expect(await words("run", "--keep", "=", "a")).toEqual(["always"]);
  expect(await words("run", "--with", "")).toEqual([]);
  expect(await words("merge", "a.json", "--out", "")).toBe(files);
});

test("names of what an argument means; of several, those that were not given", async () => {
  expect(await words("build", "build.r")).toEqual(["build.recipe.1", "build.recipe.2"]);
  expect(await words("build", "build.recipe.1", "")).toEqual(["build.recipe.2"]);
  expect(await words("run", "--keep", "always", "--json", "")).toEqual(["run.pattern.1", "run.pattern.2"]);
  expect(await words("why", "build.recipe.1", "")).toEqual([]);
  expect(await words("merge", "")).toBe(files);
});

test("after -- everything is another program's", async () => {
  expect(await words("shell", "node", "--", "-")).toEqual([]);
  expect(await words("shell", "node", "--", "shell.c")).toEqual(["shell.command.1", "shell.command.2"]);
});

describe("nothing is offered", () => {
  test.each([[["no-such-command", ""]], [["doctor", ""]], [["build", "zzz"]]])("%j", async (typed) =>
    expect(await words(...typed)).toEqual([]),
  );
});
