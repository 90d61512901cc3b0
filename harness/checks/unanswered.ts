// Decides how a probe says that it could not ask. None of these is ever turned into a "no".
import type { ProbeOutput } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import { sayWord } from "./question.ts";

/** The node lacks the program that a probe needs (code `probe-missing`). */
export function missingTool(tool: string, purpose: string): ObservationError {
  return new ObservationError({
    code: "probe-missing",
    phase: "observe",
    seen: `${tool} is not there or cannot be run, so ${purpose} cannot be seen`,
    hint: `add ${tool} to the image, or ask for something that can be seen without it`,
  });
}

/** The node said no to the question itself (code `probe-denied`). */
export function denied(what: string, reason: string): ObservationError {
  return new ObservationError({
    code: "probe-denied",
    phase: "observe",
    seen: `${what}: ${reason}`,
    hint: "ask as a user who may look: checks on a node without .as(…) are asked as its administrator",
  });
}

/** A reason other than absence or permission (code `probe-failed`). */
export function failedProbe(what: string, reason: string, hint?: string): ObservationError {
  return new ObservationError({
    code: "probe-failed",
    phase: "observe",
    seen: `${what}: ${reason}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** An answer that is not what the probe's tool prints (code `probe-unreadable`). */
export function unreadable(probe: string, output: ProbeOutput): ObservationError {
  const say = (text: string) => (text === "" ? "nothing" : JSON.stringify(text.slice(0, 300)));
  return new ObservationError({
    code: "probe-unreadable",
    phase: "observe",
    seen: `the answer to "${probe}" cannot be read: status ${output.status}, standard error ${say(output.stderr.trim())}, standard output ${say(output.stdout.toString("utf8", 0, 300))}`,
    hint: "another program may go by that name on the node",
  });
}

/** Throws `missingTool` where the shell reported that its last program could not be found or run. */
export function requireTool(output: ProbeOutput, tool: string, purpose: string): void {
  if (output.status === 127 || output.status === 126) throw missingTool(tool, purpose);
}

/** Shell text that ends with status 77 where one of these directories (a shell's words) is there and may not be looked into: it would seem to be empty. */
export function requireOpen(directories: string): string {
  return `for place in ${directories}; do
  [ ! -d "$place" ] || { [ -r "$place" ] && [ -x "$place" ]; } || { echo "$place: Permission denied" >&2; exit 77; }
done`;
}

/**
 * What the operating system's words for a failed look at a path mean: `undefined` is "it does not exist", an error is
 * "it could not be seen". Shells shorten some of the words, in English because probes run with LC_ALL=C.
 */
export function pathFailure(path: string, reason: string): ObservationError | undefined {
  if (/no such file|not a directory|nonexistent|not found/i.test(reason)) return undefined;
  if (/permission denied|operation not permitted/i.test(reason))
    return denied(`cannot look at ${sayWord(path)}`, reason);
  return failedProbe(`cannot look at ${sayWord(path)}`, reason);
}
