// Decides how a difference is taken where that is measured: the command itself, in a process of its own, as a person starts it. Prints what it took
// behind what the command printed.
import { diffCommand } from "../commands/diff.ts";

/** The last line that is printed. */
export interface DiffTaken {
  /** From the start of the process to the last line of the difference. */
  readonly ms: number;
  /** The most memory that the process had, in KiB. */
  readonly memory: number;
}

process.exitCode = await diffCommand(process.argv.slice(2), { json: true });
const taken: DiffTaken = { ms: performance.now(), memory: process.resourceUsage().maxRSS };
console.log(JSON.stringify(taken));
