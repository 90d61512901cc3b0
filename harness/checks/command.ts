// Decides which sentences can be said about a command's answer. Each check runs the command once each time it is tried.
import type { Check } from "../model/check.ts";
import { type Command, type ExecOptions, type ExecResult, sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import { readAs, sentencesAbout } from "./data.ts";
import { about, verdict } from "./question.ts";
import { compareSemantic, versionIn } from "./semantic-version.ts";
import { isInRange, versionRange } from "./version-range.ts";
import { excerpt, occurs, sayFound, sayWanted, type Wanted } from "./wanted.ts";

/**
 * A command run on the node, as the user that the node's commands run as. For commands that only look: with `within` it is run
 * again and again. Its status, 127 for "not found" among them, is an answer; write the status you expect rather than `.not.exits(0)`.
 *
 * @example await expect(soe).toMeet(command(["hython", "--version"]).prints(/19\.5/));
 */
export function command(words: Command, options: ExecOptions = {}) {
  const said = sayCommand(words);
  const ask = about<Node, ExecResult>({
    subject: `command ${excerptLine(said)}`,
    command: said,
    observe: (node) => node.exec(words, options),
  });
  const prints = (stream: "stdout" | "stderr", predicate: string, wanted: Wanted): Check<Node, ExecResult> =>
    ask(`${predicate} ${sayWanted(wanted)}`, (seen) =>
      verdict(
        occurs(wanted, seen[stream]),
        sayWanted(wanted),
        occurs(wanted, seen[stream]) ? sayFound(wanted, seen[stream]) : `${excerpt(seen[stream])} (${sayEnd(seen)})`,
      ),
    );
  return {
    /** Ends with this status; 128 + n for one that died of signal n. */
    exits: (status: number) =>
      ask(`exits ${status}`, (seen) => verdict(seen.status === status, `status ${status}`, sayEnd(seen))),
    /** Text or pattern occurs in its standard output, whatever the status. */
    prints: (wanted: Wanted) => prints("stdout", "prints", wanted),
    /** Text or pattern occurs in its standard error, whatever the status. */
    printsError: (wanted: Wanted) => prints("stderr", "prints the error", wanted),
    /**
     * The first version that it prints is in a range, in semver's order: comparisons that all have to hold, or lists of them with `||`.
     * @example command(["python3", "--version"]).printsVersionIn(">=3.11 <4")
     */
    printsVersionIn(range: string): Check<Node, ExecResult> {
      const wanted = versionRange(range);
      return ask(`prints a version in ${range}`, (seen) => {
        const version = versionIn(seen.stdout);
        const met = version !== undefined && isInRange(version, wanted, compareSemantic);
        return verdict(met, range, version ?? `no version in ${excerpt(seen.stdout)} (${sayEnd(seen)})`);
      });
    },
    /**
     * A value in JSON on its standard output, whatever the status, by the path of `file(…).json`.
     * @example command(["ip", "-j", "route"]).json("[0].dst").is("default")
     */
    json: (path?: string) =>
      sentencesAbout<Node>(
        {
          subject: (place) => `${place("JSON")} that command ${excerptLine(said)} prints`,
          command: said,
          async observe(node) {
            const seen = await node.exec(words, options);
            const read = await readAs("JSON", Buffer.from(seen.stdout));
            return "flaw" in read ? { flaw: `${read.flaw} (${sayEnd(seen)})` } : read;
          },
        },
        "JSON",
        path,
      ),
  };
}

function excerptLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function sayEnd({ status, signal, stderr }: ExecResult): string {
  const end = signal === undefined ? `status ${status}` : `status ${status}, ${signal}`;
  return stderr === "" ? end : `${end}, standard error ${excerpt(stderr.trimEnd(), 300)}`;
}
