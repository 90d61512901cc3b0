// Decides how one waits for other processes to let go of something: woken by a file that the ledger touches, and by a timer for
// what tells nobody, a process that died for instance.
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { freedFile } from "./ledger-file.ts";

/** `next` resolves when something may have gone, after `atLatestMs`, or when the signal is aborted; it never rejects. */
export function changesOf(file: string, atLatestMs: number, signal?: AbortSignal) {
  let wake = () => {};
  const watcher: FSWatcher = watch(dirname(file), (_, changed) => {
    if (changed === null || changed === basename(freedFile(file))) wake();
  });
  // A watch that ends leaves the timer.
  watcher.on("error", () => {});
  const aborted = () => wake();
  signal?.addEventListener("abort", aborted);
  return {
    next: (withinMs = atLatestMs) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    [Symbol.dispose]: () => {
      wake();
      watcher.close();
      signal?.removeEventListener("abort", aborted);
    },
  };
}
