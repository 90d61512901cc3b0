// Decides how a run goes in a project that another process laid out: told what to run as its one argument, it answers with what came of it
// by the channel to its parent. When that closes, it is cancelled and takes down what stands.
import { imageDifference } from "../capsule/differences.ts";
import type { CapsuleImage } from "../capsule/manifest.ts";
import { oneLine } from "../reporting/escape.ts";
import type { Report } from "../reporting/report.ts";
import { endOnFaults, verdictOn } from "./ending.ts";
import { type RunOptions, runCommand } from "./run.ts";

/** What is run. */
export interface ScratchRun extends Pick<RunOptions, "projects" | "only" | "seed" | "keep" | "keepMs" | "with"> {
  /** Spec files by their paths in the project. */
  readonly files: readonly string[];
  /** What the images are expected to be: what differs is said as soon as it is known. */
  readonly images?: readonly CapsuleImage[];
}

/** What came of it. Without a report where it could not be begun. */
export interface ScratchRan {
  readonly exitCode: number;
  readonly report?: Report;
}

if (import.meta.main) {
  const { files, images = [], ...options } = JSON.parse(process.argv[2] ?? "") as ScratchRun;
  endOnFaults(false);
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
  let report: Report | undefined;
  let exitCode: number;
  try {
    exitCode = await runCommand(files, {
      ...options,
      aside: true,
      capsule: false,
      remembered: false,
      heard(event) {
        if (event.event !== "image") return;
        const then = images.find(({ tag }) => tag === event.tag);
        const said = then === undefined ? undefined : imageDifference(then, event);
        if (said !== undefined) process.stderr.write(`${oneLine(`image ${event.tag}: ${said}`)}\n`);
      },
      concluded: (concluded) => {
        report = concluded;
      },
    });
  } catch (thrown) {
    const verdict = verdictOn(thrown, false);
    exitCode = verdict.code;
    if (verdict.words !== undefined) process.stderr.write(`${verdict.words}\n`);
  }
  const ran: ScratchRan = { exitCode, ...(report === undefined ? {} : { report }) };
  process.send?.(ran, () => process.exit(exitCode));
}
