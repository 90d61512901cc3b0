// Decides which NFS mounts of a node hang, for what is told of it when it is taken down. Touches none of them, so that nothing hangs with
// them: the kernel tells which processes wait for a server, and how many answers came from each.
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Probe } from "../model/check.ts";
import { sayMs } from "../model/duration.ts";
import { messageOf, ObservationError } from "../model/errors.ts";
import { unescapeOctal } from "../model/escaped-name.ts";
import type { Transport } from "../transports/transport.ts";
import type { EvidenceFile } from "./driver.ts";

export interface NfsMount {
  readonly target: string;
  /** `server:/export` */
  readonly source: string;
  /** `nfs4`, `nfs` */
  readonly type: string;
  /** Answers that came from the server since it was mounted. */
  readonly received: number;
}

/** A process of which a thread is in the kernel, and not to be woken (state D), for the sake of NFS. */
export interface Waiting {
  readonly pid: number;
  /** The thread's, as the kernel has it: at most 15 characters. */
  readonly name: string;
  /** Its working directory, and the files that it has open. */
  readonly paths: readonly string[];
  /** What it sees of NFS. */
  readonly mounts: readonly NfsMount[];
}

/** How often, and after how long, a server that is only slow is given the chance to answer. */
const chances = 2;
const chanceMs = 2_000;
/** For all of it, on a guest that may be busy. */
const patienceMs = 30_000;

const withoutNfs = "the kernel knows no NFS";

/**
 * Subject: always `processes`. Answer: who waits for NFS just now. Reads neither command lines nor files: either may be where the process
 * hangs. The links of /proc are read and not followed. A kernel that knows no NFS has nobody who waits for it; that is seen without starting
 * a process.
 */
export const waitingForNfs: Probe<"processes", readonly Waiting[]> = {
  name: "processes that wait for NFS",
  script: () => `export LC_ALL=C
proc= nfs=
{ while read -r flags type; do case $type in proc) proc=known ;; nfs | nfs4) nfs=known ;; esac; done </proc/filesystems; } 2>/dev/null
[ -z "$proc" ] || [ -n "$nfs" ] || { echo '${withoutNfs}'; exit 0; }
for tool in cat ls grep; do command -v $tool >/dev/null || exit 127; done
grep -H '^State:' /proc/self/status
for status in $(grep -slE '^State:[[:space:]]*D' /proc/[0-9]*/task/[0-9]*/status); do
  thread=\${status%/status} process=\${status%/task/*}
  { cat "$thread/wchan"; echo; cat "$thread/stack"; } 2>/dev/null | grep -qE '(^|[^a-z_])_*(nfs[34]?|rpc)_' || continue
  echo "process \${process#/proc/}"
  grep -s '^Name:' "$status"
  ls -l "$thread/cwd" "$process/fd/" 2>/dev/null | grep -o ' -> /.*'
  grep -sE '^device .* with fstype nfs4? |^[[:space:]]*xprt:' "$process/mountstats"
done
echo end`,
  parse({ status, stdout, stderr }, subjects) {
    const said = stdout.toString("utf8");
    if (status === 0 && said === `${withoutNfs}\n`) return subjects.map(() => []);
    const [first = "", ...lines] = said.split("\n");
    if (status !== 0 || !/^\/proc\/self\/status:State:\s/.test(first) || lines.splice(-2).join() !== "end,")
      throw new ObservationError({
        code: "probe-unreadable",
        phase: "observe",
        seen: `who waits for NFS cannot be seen: status ${status}, ${stderr.trim() || first.slice(0, 100) || "nothing was said"}`,
      });
    const processes = new Map<number, Waiting>();
    for (const about of split(lines, /^process \d+$/)) {
      const waiting = readWaiting(about);
      // Of several threads the first.
      if (!processes.has(waiting.pid)) processes.set(waiting.pid, waiting);
    }
    return subjects.map(() => [...processes.values()]);
  },
};

/** Each part begins with a line that matches; what comes before the first is dropped. */
function split(lines: readonly string[], begins: RegExp): readonly (readonly string[])[] {
  const parts: string[][] = [];
  for (const line of lines) {
    if (begins.test(line)) parts.push([line]);
    else parts.at(-1)?.push(line);
  }
  return parts;
}

function readWaiting([heading = "", ...lines]: readonly string[]): Waiting {
  const after = (word: string) => lines.flatMap((line) => (line.startsWith(word) ? [line.slice(word.length)] : []));
  return {
    pid: Number(heading.slice("process ".length)),
    name: after("Name:")[0]?.trim() ?? "?",
    paths: after(" -> "),
    mounts: split(lines, /^device /).flatMap(readMount),
  };
}

/** `device SOURCE mounted on TARGET with fstype nfs4 statvers=1.1`, and a line for each of its connections. */
function readMount([device = "", ...connections]: readonly string[]): readonly NfsMount[] {
  const [, source, target, type] = /^device (\S+) mounted on (\S+) with fstype (nfs4?) /.exec(device) ?? [];
  if (source === undefined || target === undefined || type === undefined) return [];
  const received = connections.map((line) => {
    const [, protocol, ...counts] = line.trim().split(/\s+/);
    // After the port: how often bound; for what has connections how often connected, for how long, idle since; sent; received.
    return Number(counts[protocol === "udp" ? 3 : 6] ?? 0);
  });
  return [
    {
      source: unescapeOctal(source),
      target: unescapeOctal(target),
      type,
      received: received.reduce((sum, each) => sum + each, 0),
    },
  ];
}

/**
 * A sentence for each mount that hangs: who waits for it waited before, and not one answer came in between. Where nothing tells which of
 * several it is, all are named.
 */
export function hungBetween(before: readonly Waiting[], now: readonly Waiting[]): readonly string[] {
  const hung = new Map<string, string[]>();
  for (const { pid, name, paths, mounts } of now) {
    const former = before.find((each) => each.pid === pid && each.name === name);
    const silent = mounts.filter(({ target, source, received }) =>
      former?.mounts.some((each) => each.target === target && each.source === source && each.received === received),
    );
    const on = new Set(paths.map((path) => mountOf(path, mounts)));
    const meant = silent.filter((mount) => on.has(mount));
    const title = (meant.length > 0 ? meant : silent).map(sayMount).join(" or ");
    if (title !== "") hung.set(title, [...(hung.get(title) ?? []), `${name} (pid ${pid})`]);
  }
  return [...hung].map(([title, processes]) => {
    const [more, those] = [processes.length - 5, processes.slice(0, 5).join(", ")];
    return `mount ${title} hangs: its server answers nothing, and ${those}${more > 0 ? ` and ${more} more` : ""} ${processes.length === 1 ? "waits" : "wait"} for it`;
  });
}

/** The one that a path lies on: the longest of those above it. */
function mountOf(path: string, mounts: readonly NfsMount[]): NfsMount | undefined {
  return mounts
    .filter(({ target }) => path === target || path.startsWith(target.replace(/\/?$/, "/")))
    .reduce<NfsMount | undefined>(
      (best, each) => ((best?.target.length ?? -1) > each.target.length ? best : each),
      undefined,
    );
}

function sayMount({ target, type, source }: NfsMount): string {
  return `${target} (${type} from ${source})`;
}

/** Whether a process of this machine's sees anything of NFS; of one that may not be looked into, no. */
export async function seesNfs(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "");
  return / - nfs4? /.test(text);
}

/**
 * What there is to tell of a node's mounts: nothing where none hangs. Within half a minute, also of a node that does not answer: that it
 * could not be asked is told in the file. Never rejects.
 */
export async function hungMountsOf(transport: Pick<Transport, "observe">): Promise<readonly EvidenceFile[]> {
  const over = new AbortController();
  const late = pause(patienceMs, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new Error(`no answer within ${sayMs(patienceMs)}`);
  });
  late.catch(() => undefined);
  try {
    const hung = await Promise.race([look(transport), late]);
    if (hung.length === 0) return [];
    return [
      { title: "hung mounts", name: "hung-mounts.txt", content: `${hung.join("\n")}\n`, remark: hung.join("; ") },
    ];
  } catch (error) {
    return [{ title: "hung mounts", name: "hung-mounts.txt", content: `could not be had: ${messageOf(error)}\n` }];
  } finally {
    over.abort();
  }
}

async function look(transport: Pick<Transport, "observe">): Promise<readonly string[]> {
  const first = await transport.observe(waitingForNfs, "processes");
  if (first.length === 0) return [];
  for (let left = chances; ; left -= 1) {
    await pause(chanceMs);
    const hung = hungBetween(first, await transport.observe(waitingForNfs, "processes"));
    if (hung.length === 0 || left === 1) return hung;
  }
}
