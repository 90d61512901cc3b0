// Decides whether what is mounted answers, as against letting everybody wait who asks: `stat -f` goes to a network's server each time. It is
// killed when it is late, which a process that waits for NFS can be.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** `late`: not within the time. Else the operating system's words for why it cannot be used: `Stale file handle`. */
export type MountAnswer =
  | { readonly answers: true }
  | { readonly answers: false; readonly late?: true; readonly said: string };

export interface MountQuestion {
  readonly target: string;
  /** Whole seconds. */
  readonly within: number;
}

/** Words for what is mounted there and of no use: its server lost it, refused it, or a soft mount has given up. */
const useless =
  /(Stale file handle|Input\/output error|Connection timed out|Host is down|Transport endpoint is not connected|No such device)$/;

/** Subject: a mount point, and for how long it is asked. What is no mount point is asked for the file system that it lies on. */
export const mountAnswer: Probe<MountQuestion, MountAnswer> = {
  name: "stat -f",
  script: (asked) => `export LC_ALL=C
command -v timeout >/dev/null || exit 127
${asked
  .map(
    ({ target, within }) =>
      `timeout -s KILL ${Number(within)} stat -f -c 'type %T' -- ${quoteWord(target)} 2>&1; ${endFrame('"$?"')}`,
  )
  .join("\n")}`,
  parse(output, asked) {
    if (output.status === 127) throw missingTool("timeout", "whether a mount answers");
    return readFrames("stat -f", output, asked.length).map(({ bytes, words }, index) => {
      const { target, within } = asked[index] as MountQuestion;
      const said = bytes.toString("utf8").trim();
      if (words === "0" && /^type \S+$/.test(said)) return { answers: true };
      // Killed, as it says itself or as the shell saw it.
      if (words === "124" || words === "137")
        return { answers: false, late: true, said: `no answer within ${within} s` };
      if (words === "127" || words === "126") return missingTool("stat", "whether a mount answers");
      if (useless.test(said)) return { answers: false, said: said.split(": ").at(-1) ?? said };
      if (/: (Permission denied|Operation not permitted)$/.test(said)) return denied(`cannot ask ${target}`, said);
      if (words === "0" || said === "") return unreadable("stat -f", output);
      return failedProbe(`cannot ask ${target}`, said);
    });
  },
};
