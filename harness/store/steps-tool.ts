// Decides how a program runs during a build: from an argument array, in namespaces that die with it, its output in the log.
import { accessSync, constants, statfsSync } from "node:fs";
import { join } from "node:path";
import { type ErrorFacts, ProvisionError } from "../model/errors.ts";
import { sayCommand } from "../model/exec.ts";
import type { BuildLog } from "./build-log.ts";

/** What one build's steps share. */
export interface Workplace {
  /** The recipe's name, for messages. */
  readonly recipe: string;
  /** The tree that is being made. */
  readonly tree: string;
  /** Directory of this build, mode 0700, on the same file system; gone after it. */
  readonly scratch: string;
  /** Where the context's counted files were copied. */
  readonly context: string;
  readonly log: BuildLog;
  readonly signal: AbortSignal | undefined;
  /** Variables that programs get beside the fixed ones: a proxy, for example. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Where programs are looked for. */
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Times that programs write into files themselves; the layer's own epoch is another matter. */
const sourceDateEpoch = "1700000000";

/** Absolute path of a program, or a `ProvisionError` (code `tool-missing`) that says what brings it. */
export function findTool(name: string, recipe: string, hint = '"assay setup" installs it'): string {
  for (const directory of searchPath.split(":")) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  throw new ProvisionError({
    code: "tool-missing",
    phase: "build",
    node: recipe,
    seen: `${name} is not installed`,
    hint,
  });
}

/**
 * Runs a program in its own mount and pid namespace and resolves with its exit status. When this process dies or `signal`
 * aborts, the kernel kills everything the program started, and its mounts vanish.
 * Aborting rejects with a `ProvisionError` (code `cancelled`).
 */
export async function runTool(
  place: Workplace,
  command: readonly [string, ...string[]],
  options: { readonly environment?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<number> {
  place.log.line(`$ ${sayCommand(command)}`);
  const { $ } = await import("zx");
  const aborted = () => place.signal?.aborted === true;
  if (aborted()) throw cancelled(place);
  const isolated = [
    ...[findTool("setpriv", place.recipe), "--pdeathsig", "KILL"],
    ...[findTool("unshare", place.recipe), "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=SIGKILL"],
    ...command,
  ];
  const running = $({
    detached: true,
    nothrow: true,
    quiet: true,
    cwd: options.cwd ?? place.scratch,
    env: {
      PATH: searchPath,
      HOME: "/root",
      LANG: "C.UTF-8",
      LC_ALL: "C.UTF-8",
      DEBIAN_FRONTEND: "noninteractive",
      PYTHONDONTWRITEBYTECODE: "1",
      SOURCE_DATE_EPOCH: sourceDateEpoch,
      ...place.environment,
      ...options.environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // The shell replaces itself: setpriv's parent is then this process, whose death it is to share.
  })`exec ${isolated}`;
  for (const stream of [running.stdout, running.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => place.log.write(chunk));
  }
  const stop = () => {
    // Its group holds unshare alone; unshare's death ends the namespace, and with it everything else.
    try {
      if (running.pid !== undefined) process.kill(-running.pid, "SIGKILL");
    } catch {
      // It has just ended. What a listener throws would end this process.
    }
  };
  place.signal?.addEventListener("abort", stop, { once: true });
  try {
    const { exitCode, signal } = await running;
    if (aborted()) throw cancelled(place);
    if (exitCode === null) place.log.line(`${command[0]} was ended by ${signal}`);
    return exitCode ?? 128;
  } finally {
    place.signal?.removeEventListener("abort", stop);
  }
}

/** So little is left of a disk that what just failed for want of space failed there, MiB. */
const fullBelow = 64;

/** A step's failure, with the log as the next thing to read. One for want of space on the store's disk becomes `disk-full`. */
export function stepFailed(place: Workplace, facts: Pick<ErrorFacts, "code" | "seen" | "hint">): ProvisionError {
  const { bavail, bsize } = statfsSync(place.scratch);
  const full =
    (bavail * bsize) / 1024 ** 2 < fullBelow &&
    place.log.lines.some((line) => /No space left on device|ENOSPC/.test(line));
  return new ProvisionError({
    phase: "build",
    node: place.recipe,
    ...(full ? { code: "disk-full", seen: `no space left on the disk of ${place.scratch}` } : facts),
    hint: full
      ? "free some, then build again"
      : [...(facts.hint === undefined ? [] : [facts.hint]), `whole log in ${place.log.path}`].join("; "),
  });
}

function cancelled(place: Workplace): ProvisionError {
  return new ProvisionError({ code: "cancelled", phase: "build", node: place.recipe, seen: "cancelled" });
}
