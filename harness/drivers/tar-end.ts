// Decides what came of a tar that copies to or from a node: its own words are the reason where it fails.
import type { spawn } from "node:child_process";
import { once } from "node:events";
import { messageOf, TransportError } from "../model/errors.ts";

/** Waits for both, and lets neither outlive the other's failure; rejects with what failed first. */
export async function bothEnded(tar: ReturnType<typeof spawn>, work: readonly Promise<unknown>[]): Promise<void> {
  try {
    await Promise.all(work);
  } catch (error) {
    tar.kill();
    await Promise.allSettled(work);
    throw error;
  }
}

/** Rejects with tar's own words where it fails. */
export async function tarEnded(tar: ReturnType<typeof spawn>, node: string, what: string): Promise<void> {
  const said: Buffer[] = [];
  tar.stderr?.on("data", (chunk: Buffer) => said.push(chunk));
  const [status] = (await once(tar, "close").catch((error: unknown) => [messageOf(error)])) as [number | string];
  if (status !== 0)
    throw new TransportError({
      code: "copy-failed",
      phase: "exec",
      node,
      seen: `copying ${what} failed: ${Buffer.concat(said).toString("utf8").trim() || status}`,
    });
}
