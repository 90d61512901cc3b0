// Decides that one setup works on a machine at a time. The kernel lets go of the lock when this process ends, however it ends.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { ProvisionError } from "../model/errors.ts";

/**
 * Waits for the lock on `file` and holds it until disposed of. `waiting` is called when another process has it. Rejects
 * with a `ProvisionError` (code `lock`) when the file cannot be made or locked.
 */
export async function holdLock(file: string, waiting: () => void): Promise<Disposable> {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (cause) {
    throw cannot(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
  // flock(1) says "held" through the shell, which lives, and holds, for as long as its standard input is open: our lifetime.
  const script = "flock --nonblock 9 || { echo waiting; flock 9; } && echo held && exec cat >/dev/null";
  const child = spawn("sh", ["-c", `exec 9>>"$1" && ${script}`, "sh", file], { stdio: ["pipe", "pipe", "pipe"] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = "";
  child.on("error", (error) => reject(cannot(file, error.message, error)));
  child.on("close", () => reject(cannot(file, said.trim())));
  child.stdin.on("error", () => undefined);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (text.includes("waiting")) waiting();
    if (text.includes("held")) resolve();
  });
  await promise;
  return { [Symbol.dispose]: () => child.stdin.end() };
}

function cannot(file: string, seen: string, cause?: unknown): ProvisionError {
  return new ProvisionError({
    code: "lock",
    phase: "setup",
    seen: `${file} could not be locked: ${seen}`,
    hint: "set ASSAY_STATE to a directory that this user may write to",
    cause,
  });
}
