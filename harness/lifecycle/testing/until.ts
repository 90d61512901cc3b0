// Decides how a test waits for what other processes do in a directory: by its changes, not by the clock.
import { once } from "node:events";
import { watch } from "node:fs";

/** Resolves with the first answer that is neither `undefined` nor `false`; asked anew when something in the directory changes. */
export async function until<Answer>(directory: string, ask: () => Answer | undefined | false): Promise<Answer> {
  const watcher = watch(directory);
  try {
    for (;;) {
      const change = once(watcher, "change");
      const answer = ask();
      if (answer !== undefined && answer !== false) return answer;
      await change;
    }
  } finally {
    watcher.close();
  }
}
