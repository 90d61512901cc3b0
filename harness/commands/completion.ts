// Decides what a shell offers at the tab key: commands, options and names that there are, read off commander's own tree, so that it is never
// older than the command line. The shells' scripts only ask. Refuses to print an error: there is a prompt on that line.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { readConfig } from "../config.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { DeclarationError, ExitCode } from "../model/errors.ts";
import { completionScripts } from "./completion-scripts.ts";
import { exportFormats } from "./inventory.ts";
import { standingRuns } from "./kept-runs.ts";
import { findEnvironments, findParities, findRecipes } from "./recipes.ts";

/** `assay completion <shell>` prints what that shell is to read. A `DeclarationError` (code `unknown-shell`) for another. */
export function completionCommand(shell: string): number {
  const script = completionScripts[shell];
  if (script === undefined)
    throw new DeclarationError({
      code: "unknown-shell",
      seen: `there is no completion for "${shell}"`,
      hint: `there is one for ${Object.keys(completionScripts).join(", ")}`,
    });
  process.stdout.write(script);
  return ExitCode.met;
}

/** One word that fits, and what it is. */
export interface Offer {
  readonly word: string;
  readonly about: string;
}

/** Where the shell offers paths instead. */
export const files = "files";

/** `assay complete -- <words…>`: a line `word<tab>what it is` each, or `:files`. The last word is the one that is being typed. */
export async function completeCommand(program: Command, words: readonly string[]): Promise<number> {
  const offered = await offers(program, words, names).catch(() => []);
  const lines =
    offered === files ? [":files"] : offered.map(({ word, about }) => `${word}\t${about.replace(/\s+/g, " ")}`);
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  return ExitCode.met;
}

/** What fits at the place of the last of these words, which may be empty. `known` gives the names that an argument may be. */
export async function offers(
  program: Command,
  words: readonly string[],
  known: (command: string, argument: string) => Promise<readonly Offer[] | typeof files>,
): Promise<readonly Offer[] | typeof files> {
  // bash makes three words of --keep=always.
  const typed = words.filter((word) => word !== "=");
  const current = typed.at(-1) ?? "";
  const before = typed.slice(0, -1);
  const fitting = (all: readonly Offer[]) => all.filter(({ word }) => word.startsWith(current));
  const help = program.createHelp();
  const at = before.findIndex((word) => !word.startsWith("-"));
  const command = program.commands.find((each) => each.name() === before[at]);
  const options = (of: Command) =>
    help.visibleOptions(of).map(({ long, short, description }) => ({ word: long ?? short ?? "", about: description }));
  if (command === undefined) {
    if (at !== -1 && before[at] !== "help") return [];
    const commands = help.visibleCommands(program).map((each) => ({ word: each.name(), about: each.description() }));
    return fitting(current.startsWith("-") ? options(program) : commands);
  }
  const after = before.slice(at + 1);
  // What follows the node of `assay shell` is another program's.
  const open = after.includes("--");
  const option = optionOf(command, after.at(-1));
  if (!open && option !== undefined && (option.required || option.optional)) {
    const values = choices[option.long ?? ""];
    if (values !== undefined && !current.startsWith("-"))
      return fitting(values.map((word) => ({ word, about: option.description })));
    if (option.required) return paths.has(option.long ?? "") ? files : [];
  }
  if (!open && current.startsWith("-")) return fitting(options(command).filter(({ word }) => !after.includes(word)));
  const given = after.filter(
    (word, index) => word !== "--" && !word.startsWith("-") && !isValue(command, after[index - 1]),
  );
  const argument =
    command.registeredArguments[given.length] ?? command.registeredArguments.findLast(({ variadic }) => variadic);
  if (argument === undefined) return [];
  const offered = await known(command.name(), argument.name());
  return offered === files ? files : fitting(offered.filter(({ word }) => !given.includes(word)));
}

const choices: Readonly<Record<string, readonly string[]>> = {
  "--keep": ["on-failure", "always"],
  "--project": ["specs", "unit", "contract", "twins", "long-specs", "long-twins", "crash", "bench"],
  "--part": ["containers", "peers", "images", "diff", "machines", "studio", "all"],
};
const paths = new Set(["--out"]);

function optionOf(command: Command, word: string | undefined) {
  return word === undefined ? undefined : command.options.find(({ long, short }) => long === word || short === word);
}

/** Whether a word after this one is an option's value, and no argument. */
function isValue(command: Command, before: string | undefined): boolean {
  const option = optionOf(command, before);
  return option?.required === true || (option?.optional === true && choices[option.long ?? ""] !== undefined);
}

/** Names of what there is: declarations of the project, nodes and runs of the ledger. */
async function names(command: string, argument: string): Promise<readonly Offer[] | typeof files> {
  const config = readConfig();
  const offer = (words: Iterable<string>, about: string) => [...words].map((word) => ({ word, about }));
  const environments = async () => offer((await findEnvironments(config.project)).keys(), "environment");
  const kept = () => {
    using ledger = Ledger.open(config.ledger);
    return standingRuns(ledger);
  };
  switch (`${command} ${argument}`) {
    case "diff old":
    case "diff new":
    case "build recipe":
    case "why recipe":
      return offer((await findRecipes(config.project)).keys(), "recipe");
    case "parity name":
      return offer((await findParities(config.project)).keys(), "parity");
    case "prove pattern":
    case "run pattern":
    case "start pattern":
    case "watch pattern":
      return offer(specNames(config.project), "spec");
    case "up environment":
      return environments();
    case "down what":
      return [
        ...(await environments()),
        ...offer(
          kept().map(({ run }) => run),
          "run that is kept",
        ),
      ];
    case "export format":
      return offer(exportFormats, "format");
    case "export what":
      return kept().flatMap(({ run, lease }) => [
        ...offer(
          lease.stands.map(({ environment }) => environment),
          "environment that is kept",
        ),
        ...offer([run], "run that is kept"),
      ]);
    case "ssh node":
      return kept().flatMap(({ command: typed, run, lease }) =>
        lease.stands.flatMap(({ environment, nodes }) =>
          nodes.flatMap(({ node, kind }) =>
            kind === "vm" ? [{ word: `${run}/${node}`, about: `${environment}/${node} of ${typed}` }] : [],
          ),
        ),
      );
    case "shell node":
      return kept().flatMap(({ run, command: typed, lease }) =>
        lease.stands.flatMap(({ environment, nodes }) =>
          nodes.map(({ node }) => ({ word: `${run}/${node}`, about: `${environment}/${node} of ${typed}` })),
        ),
      );
    case "completion shell":
      return offer(Object.keys(completionScripts), "shell");
    case "draft image": {
      const recipes = [...(await findRecipes(config.project)).values()].filter(({ disk }) => disk === undefined);
      return recipes.length === 0
        ? files
        : offer(
            recipes.map(({ name }) => name),
            "recipe",
          );
    }
    case "merge report":
    case "report words":
    case "shell command":
    case "ssh command":
      return files;
    default:
      return [];
  }
}

function specNames(project: string): string[] {
  return readdirSync(join(project, "specs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".spec.ts"))
    .map((name) => name.replace(/\.spec\.ts$/, ""))
    .sort();
}
