// Decides how two processes agree who builds a thing. The kernel keeps the lock (flock(2)) and gives it up with its holder,
// however that ends: nothing is polled, no stale lock is ever broken by guessing.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { ProvisionError } from "../model/errors.ts";
import { identityOf } from "../model/identity.ts";

export interface Lock extends AsyncDisposable {
  /** Whether somebody else held it first. */
  readonly waited: boolean;
}

export interface LockOptions {
  /** Told once, when somebody else has it: the identity of that process, as far as it is known. */
  readonly waiting?: (holder: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until this process alone holds the lock on `file`, which is made when missing and never removed: removing it would
 * let two hold two files of one name. Fair enough: the kernel chooses among those waiting. Released when disposed of, or by
 * the kernel when this process dies. Aborting rejects with a `ProvisionError` (code `cancelled`).
 *
 * @example await using lock = await takeLock("/var/lib/assay/store/locks/ab12", { waiting: (who) => say(who) });
 */
export async function takeLock(file: string, options: LockOptions = {}): Promise<Lock> {
  const quick = await hold(file, ["--nonblock"], options.signal);
  if (quick !== undefined) return lockOf(quick, file, false);
  options.waiting?.(holderOf(file));
  const held = await hold(file, [], options.signal);
  if (held === undefined) throw failure(file, "flock gave up");
  return lockOf(held, file, true);
}

/** The lock when nobody has it, else `undefined`: waits for nobody. */
export async function tryLock(file: string): Promise<Lock | undefined> {
  const held = await hold(file, ["--nonblock"]);
  return held === undefined ? undefined : lockOf(held, file, false);
}

/**
 * A child that holds the lock while its standard input is open: it ends with this process. `undefined`: somebody has it.
 */
async function hold(file: string, how: readonly string[], signal?: AbortSignal): Promise<ChildProcess | undefined> {
  const aborted = () => signal?.aborted === true;
  if (aborted()) throw cancelled(file);
  const child = spawn(
    "flock",
    [...how, "--no-fork", "--conflict-exit-code", "75", file, "sh", "-c", "echo held; exec cat"],
    {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    },
  );
  const stop = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  try {
    const [kind, detail] = await Promise.race([
      once(child.stdout, "data").then(() => ["held", undefined] as const),
      once(child, "exit").then(([status]) => ["exit", status as number | null] as const),
    ]);
    if (kind === "held") return child;
    if (aborted()) throw cancelled(file);
    if (detail === 75) return undefined;
    throw failure(file, complaint.trim() || `flock ended with status ${detail}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw failure(file, "flock is not installed (util-linux)");
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function lockOf(child: ChildProcess, file: string, waited: boolean): Lock {
  // For the message of those who wait; the lock itself is the kernel's, also where the disk is full.
  try {
    writeFileSync(file, identityOf());
  } catch {}
  return {
    waited,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.stdin?.end();
      await gone;
    },
  };
}

function holderOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function failure(file: string, seen: string): ProvisionError {
  return new ProvisionError({ code: "lock-failed", phase: "build", seen: `cannot lock ${file}: ${seen}` });
}

function cancelled(file: string): ProvisionError {
  return new ProvisionError({ code: "cancelled", phase: "build", seen: `cancelled while waiting for ${file}` });
}
