// Decides how the inside of a process is seen: its environment, the files it has open, its limits. All are files of /proc/PID.
// A process that ended in between has none of these: that is told, and is no answer about it.
import { type Probe, type ProbeOutput, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** Subject: a pid. Answer: its environment as it was started with it; what it changed itself since, the kernel does not show. */
export const processEnvironment: Probe<number, ReadonlyMap<string, string>> = {
  name: "/proc/PID/environ",
  script: (pids) => shown(pids, 'cat "/proc/$pid/environ"'),
  parse: (output, pids) =>
    readEach("cat /proc/PID/environ", "cat", output, pids, (bytes) => {
      // The kernel ends each with NUL. Of a process that was started without any, nothing is printed, which is not believed.
      if (bytes.at(-1) !== 0) return undefined;
      const entries = bytes.toString("utf8").split("\0").filter(Boolean);
      return new Map(entries.map((entry) => [entry.replace(/=.*$/s, ""), entry.replace(/^[^=]*=/s, "")]));
    }),
};

/** Subject: a pid. Answer: what its descriptors lead to: paths, `socket:[123]`, `pipe:[123]`; ` (deleted)` is the kernel's word. */
export const openFiles: Probe<number, readonly string[]> = {
  name: "/proc/PID/fd",
  // One `ls` shows them in both kinds of `ls`: each line ends with "NUMBER -> TARGET".
  script: (pids) => shown(pids, 'ls -l "/proc/$pid/fd/"'),
  parse: (output, pids) =>
    readEach("ls -l /proc/PID/fd", "ls", output, pids, (bytes) => {
      const [total = "", ...lines] = bytes.toString("utf8").split("\n").filter(Boolean);
      const targets = lines.map((line) => / \d+ -> (.*)$/.exec(line)?.[1]);
      return total.startsWith("total ") && !targets.includes(undefined) ? (targets as string[]) : undefined;
    }),
};

export interface Limit {
  /** `Infinity` for unlimited. */
  readonly soft: number;
  readonly hard: number;
}

/** The kernel's titles by the names of limits.conf(5). Sizes are bytes, `cpu` is seconds. */
export const limitTitles = {
  cpu: "Max cpu time",
  fsize: "Max file size",
  data: "Max data size",
  stack: "Max stack size",
  core: "Max core file size",
  rss: "Max resident set",
  nproc: "Max processes",
  nofile: "Max open files",
  memlock: "Max locked memory",
  as: "Max address space",
  locks: "Max file locks",
  sigpending: "Max pending signals",
  msgqueue: "Max msgqueue size",
  nice: "Max nice priority",
  rtprio: "Max realtime priority",
} as const;
export type LimitName = keyof typeof limitTitles;

/** Subject: a pid. Answer: its limits, by the kernel's titles. */
export const processLimits: Probe<number, ReadonlyMap<string, Limit>> = {
  name: "/proc/PID/limits",
  script: (pids) => shown(pids, 'cat "/proc/$pid/limits"'),
  parse: (output, pids) =>
    readEach("cat /proc/PID/limits", "cat", output, pids, (bytes) => readLimits(bytes.toString("utf8"))),
};

/** `undefined` for anything else than the kernel's table. */
export function readLimits(text: string): ReadonlyMap<string, Limit> | undefined {
  const number = (word = "") => (word === "unlimited" ? Number.POSITIVE_INFINITY : Number(word));
  const rows = [...text.matchAll(/^(Max [a-z ]+?) {2,}(unlimited|\d+) +(unlimited|\d+)( |$)/gm)];
  if (rows.length === 0 || !text.startsWith("Limit ")) return undefined;
  return new Map(rows.map(([, title = "", soft, hard]) => [title, { soft: number(soft), hard: number(hard) }]));
}

function shown(pids: readonly number[], command: string): string {
  return `export LC_ALL=C
for pid in ${pids.map((pid) => quoteWord(String(pid))).join(" ")}; do ${command} 2>&1; ${endFrame('"$?"')}; done`;
}

function readEach<Answer>(
  probe: string,
  tool: string,
  output: ProbeOutput,
  pids: readonly number[],
  read: (bytes: Buffer) => Answer | undefined,
): readonly (Answer | Error)[] {
  return readFrames(probe, output, pids.length).map(({ bytes, words }: Frame, index) => {
    const pid = pids[index];
    if (words === "127" || words === "126") return missingTool(tool, `what process ${pid} has`);
    if (words === "0")
      return (bytes.length > 0 ? read(bytes) : undefined) ?? unreadable(probe, { ...output, stdout: bytes });
    const said = bytes.toString("utf8").trim();
    if (/permission denied/i.test(said)) return denied(`cannot look into process ${pid}`, said);
    return failedProbe(`cannot look into process ${pid}`, said || `status ${words}`, "it may have ended: ask again");
  });
}
