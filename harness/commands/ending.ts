// Decides which exit code and which words an error becomes that ends a process.
import { CommanderError } from "commander";
import { DeclarationError, ExitCode, HarnessError, messageOf, TeardownError } from "../model/errors.ts";

/** The exit code for what a command threw, and the words for it; commander's own errors have been printed by it. */
export function verdictOn(thrown: unknown, debug: boolean): { readonly code: number; readonly words?: string } {
  if (thrown instanceof CommanderError)
    return { code: /^commander\.(helpDisplayed|version)$/.test(thrown.code) ? ExitCode.met : ExitCode.usage };
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  // An error that is none of ours is a fault of Assay: its stack is what a report of it needs.
  const plain = thrown instanceof HarnessError && !debug;
  return { code: codeOf(thrown), words: `assay: ${plain ? messageOf(thrown) : (stack ?? messageOf(thrown))}` };
}

function codeOf(thrown: unknown): number {
  if (thrown instanceof DeclarationError) return ExitCode.usage;
  // Where nobody could be asked it is not known whether anything is left.
  return thrown instanceof TeardownError && thrown.code !== "no-inventory" ? ExitCode.leak : ExitCode.couldNotAsk;
}

/** For what is thrown where nobody waits for it: Node would end with 1, and that blames the image. What stands is the reaper's. */
export function endOnFaults(debug: boolean): void {
  process.on("uncaughtException", (thrown) => {
    const { code, words } = verdictOn(thrown, debug);
    console.error(words);
    process.exit(code);
  });
}
