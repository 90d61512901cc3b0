// Decides how a run in a scratch project is begun, waited for and cancelled. Its report lies where this project's reports lie.
import { fork } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Config } from "../config.ts";
import { runVariable } from "../lifecycle/processes.ts";
import { ProvisionError } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { roomToStart } from "../vitest/early-worker.ts";
import { moduleFor } from "./scratch-project.ts";
import type { ScratchRan, ScratchRun } from "./scratch-run.ts";
import type { Workplace } from "./workplaces.ts";

export interface There {
  readonly config: Pick<Config, "state" | "runs">;
  readonly place: Pick<Workplace, "share">;
  /** Of the project. */
  readonly directory: string;
  /** Resolves with the signal that cancels it. */
  readonly cancelled: Promise<NodeJS.Signals>;
  /** Into this file goes what it says; without it, to standard error. */
  readonly log?: string;
}

/** Resolves with what came of it. Rejects with a `ProvisionError` (code `run-lost`) where it ended without a word. */
export async function runThere(
  wanted: ScratchRun,
  { config, place, directory, cancelled, log }: There,
): Promise<ScratchRan> {
  const out = log === undefined ? 2 : openSync(log, "a");
  const child = fork(moduleFor(directory, "commands/scratch-run"), [JSON.stringify(wanted)], {
    cwd: directory,
    // A session of its own: a terminal's Ctrl-C comes once, and from here.
    detached: true,
    execArgv: [...roomToStart],
    stdio: ["ignore", out, out, "ipc"],
    env: {
      ...process.env,
      ASSAY_STATE: config.state,
      ASSAY_REPORTS: config.runs,
      ASSAY_SETTINGS: undefined,
      [runVariable]: process.env[runVariable],
    },
  });
  if (out !== 2) closeSync(out);
  if (child.pid !== undefined) place.share(child.pid);
  void cancelled.then((signal) => child.kill(signal));
  let ran: ScratchRan | undefined;
  return new Promise((resolve, reject) => {
    child.on("message", (told) => {
      ran = told as ScratchRan;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (ran !== undefined) return resolve(ran);
      const status = code ?? 128 + constants.signals[signal ?? "SIGKILL"];
      reject(
        new ProvisionError({
          code: "run-lost",
          phase: "start",
          seen: `the run in ${directory} ended with status ${status} and said nothing of it${log === undefined ? "" : `; its last words: ${lastWords(log)}`}`,
        }),
      );
    });
  });
}

function lastWords(log: string): string {
  return redact(readFileSync(log, "utf8").trim().split("\n").slice(-10).join("\n"));
}
