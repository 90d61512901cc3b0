// Decides how a command line is read. Refuses to know what commands do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { endOnFaults, verdictOn } from "./commands/ending.ts";
import { type CommandEntry, commandTable, exitMeanings } from "./commands/table.ts";
import { ExitCode } from "./model/errors.ts";
import { home } from "./place.ts";

/** The `assay` command line; `ended` is told the exit code of the command that was run. */
export function commandLine(ended: (code: number) => void): Command {
  const program = new Command("assay")
    .description("Proves that golden images are what they claim to be: build, stand up, check, tear down, report.")
    .version(version(), "-V, --version")
    .helpCommand("help [command]", "teach a command")
    .addHelpText("after", `\n${exitLines([0, 1, 2, 3, 4, 130, 143])}\n\nBegin with: assay doctor, then assay start.`);
  program.exitOverride();
  for (const entry of commandTable) add(program, entry, ended);
  return program;
}

function add(program: Command, entry: CommandEntry, ended: (code: number) => void): void {
  const command = program
    .command(entry.usage, { hidden: entry.hidden === true })
    .description(entry.does)
    .exitOverride();
  for (const [flags, text] of entry.options ?? []) command.option(flags, text);
  command.addHelpText("after", `\n${lesson(entry)}`);
  const { length } = command.registeredArguments;
  command.action(async (...given: unknown[]) => {
    // commander hands over one value an argument, a list for a variadic one, then the options.
    const words = given
      .slice(0, length)
      .flat()
      .filter((word) => word !== undefined) as string[];
    ended(await entry.act(words, command.opts(), program));
  });
}

function lesson({ teaches, examples = [], exits }: CommandEntry): string {
  const width = Math.max(0, ...examples.map(([line]) => line.length));
  const lines = examples.map(([line, why]) => `  ${line.padEnd(width)}  ${why}`);
  const shown = lines.length === 0 ? [] : [`Examples:\n${lines.join("\n")}`];
  return [...(teaches === undefined ? [] : [teaches]), ...shown, exitLines(exits)].join("\n\n");
}

function exitLines(exits: CommandEntry["exits"]): string {
  return `Exit codes:\n${exits.map((code) => `  ${String(code).padEnd(3)}  ${exitMeanings[code]}`).join("\n")}`;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  return String(version);
}

async function main(): Promise<never> {
  let code: number = ExitCode.met;
  const debug = (process.env["ASSAY_DEBUG"] ?? "") !== "";
  endOnFaults(debug);
  // A reader that went away (`assay list | head`), or a terminal, is no reason to end before what was begun is torn down.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    });
  try {
    await commandLine((ended) => {
      code = ended;
    }).parseAsync(process.argv);
  } catch (thrown) {
    const verdict = verdictOn(thrown, debug);
    code = verdict.code;
    if (verdict.words !== undefined) console.error(verdict.words);
  }
  process.exit(code);
}

if (import.meta.main) await main();
