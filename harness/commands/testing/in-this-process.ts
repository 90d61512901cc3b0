// Decides how tests ask the command line without a process of its own, of which a start costs a second.
import { commandLine } from "../../cli.ts";
import { verdictOn } from "../ending.ts";

/** Exit code, what was logged, and the words of the error that ended it. One at a time: it has the process's one console. */
export async function inThisProcess(
  words: readonly string[],
): Promise<{ readonly status: number | undefined; readonly out: string; readonly err: string }> {
  const out: string[] = [];
  const { log } = console;
  console.log = (line: string) => void out.push(line);
  let status: number | undefined;
  let err = "";
  try {
    await commandLine((code) => {
      status = code;
    }).parseAsync([process.execPath, "assay", ...words]);
  } catch (thrown) {
    const verdict = verdictOn(thrown, true);
    status = verdict.code;
    err = verdict.words ?? "";
  } finally {
    console.log = log;
  }
  return { status, out: out.join("\n"), err };
}
