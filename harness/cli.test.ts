import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandLine } from "./cli.ts";
import { verdictOn } from "./commands/ending.ts";
import { commandTable } from "./commands/table.ts";
import { DeclarationError, ProvisionError, TeardownError } from "./model/errors.ts";

/** Runs the command line in this process and gives what it wrote and threw. */
async function read(
  ...words: string[]
): Promise<{ readonly out: string; readonly thrown: unknown; readonly code?: number }> {
  let out = "";
  let code: number | undefined;
  const write = (text: string) => {
    out += text;
  };
  const program = commandLine((ended) => {
    code = ended;
  });
  const quiet = (command: ReturnType<typeof commandLine>) => {
    command.configureOutput({ writeOut: write, writeErr: write });
    for (const each of command.commands) quiet(each);
  };
  quiet(program);
  const thrown = await program.parseAsync(["node", "assay", ...words]).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { out, thrown, ...(code === undefined ? {} : { code }) };
}

describe("help", () => {
  test("lists each command with what it does, and the exit codes at the end", async () => {
    const { out, thrown } = await read("--help");
    expect(verdictOn(thrown, false)).toEqual({ code: 0 });
    for (const { usage, hidden } of commandTable)
      expect(out.includes(`\n  ${usage.split(" ")[0]} `), usage).toBe(hidden !== true);
    expect(out).toMatch(/Exit codes:\n {2}0 [\s\S]*Begin with/);
  });

  test.each(commandTable.map(({ usage }) => usage.split(" ")[0] ?? ""))(
    "%s --help ends with its exit codes",
    async (name) => {
      const { out, thrown } = await read(name, "--help");
      expect(verdictOn(thrown, false)).toEqual({ code: 0 });
      expect(out).toMatch(/Exit codes:\n( {2}\d+ .*\n)+$/);
      const entry = commandTable.find(({ usage }) => usage.split(" ")[0] === name);
      for (const [line, why] of entry?.examples ?? []) expect(out.split(`  ${line}  `)[1], line).toContain(why);
    },
  );
});

describe("a wrong command line ends with 2", () => {
  test.each([
    [["doctr"], /unknown command 'doctr'[\s\S]*Did you mean doctor\?/],
    [["doctor", "--jsn"], /unknown option '--jsn'[\s\S]*Did you mean --json\?/],
    [["build"], /missing required argument 'recipe'/],
    [["doctor", "now"], /too many arguments/],
    [[], /Usage: assay/],
  ])("%j", async (words, said) => {
    const { out, thrown } = await read(...words);
    expect(verdictOn(thrown, false)).toEqual({ code: 2 });
    expect(out).toMatch(said);
  });
});

describe("what an error becomes", () => {
  test("a declaration's: 2, in words", () => {
    const error = new DeclarationError({ code: "bad-name", at: "a.ts:1:2", seen: "no", hint: "yes" });
    expect(verdictOn(error, false)).toEqual({ code: 2, words: "assay: declare: a.ts:1:2: no; yes" });
  });

  test("any other of Assay's: 3, in words; with ASSAY_DEBUG its stack", () => {
    const error = new ProvisionError({ code: "engine-down", phase: "setup", seen: "nothing there" });
    expect(verdictOn(error, false)).toEqual({ code: 3, words: "assay: setup: nothing there" });
    expect(verdictOn(error, true).words).toMatch(/ {4}at .*cli\.test\.ts/);
  });

  test("of what could not be removed: 4; 3 where it is not known whether anything is left", () => {
    const error = (code: string) => new TeardownError({ code, phase: "destroy", seen: "run r1", errors: [] });
    expect(verdictOn(error("still-there"), false)).toEqual({ code: 4, words: "assay: destroy: run r1" });
    expect(verdictOn(error("no-inventory"), false).code).toBe(3);
  });

  test.each(["setImmediate(() => { throw new Error('no space'); })", "void Promise.reject(new Error('no space'))"])(
    "thrown where nobody waits for it: 3, and not 1, which blames the image: %s",
    (thrown) => {
      const ending = JSON.stringify(join(import.meta.dirname, "commands/ending.ts"));
      const code = `const { endOnFaults } = await import(${ending}); endOnFaults(false); ${thrown}; setTimeout(() => {}, 60_000);`;
      const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
        encoding: "utf8",
      });
      expect({ status, stderr }).toEqual({
        status: 3,
        stderr: expect.stringMatching(/^assay: Error: no space\n {4}at /),
      });
    },
  );

  test("a fault of Assay itself: 3, with its stack", () => {
    expect(verdictOn(new TypeError("x is not a function"), false)).toEqual({
      code: 3,
      words: expect.stringMatching(/TypeError: x is not a function\n {4}at /),
    });
    expect(verdictOn("thrown text", false)).toEqual({ code: 3, words: "assay: thrown text" });
  });
});

test("as a process: the version, and a reader that goes away", () => {
  const cli = join(import.meta.dirname, "cli.ts");
  const { status, stdout } = spawnSync(process.execPath, [cli, "--version"], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  const piped = spawnSync("sh", ["-c", `"$0" "$1" doctor --json | true`, process.execPath, cli], { encoding: "utf8" });
  expect(piped.stderr).toBe("");
});
