// Decides which lines of a kernel's log tell of something broken, and how they are read: from its buffer, or off a console. Whether one is
// anybody's fault is not decided here. Lines about a busy host (soft lockups, stalls) are none: an emulated guest has those of its own accord.
import { type Probe, quoteWord } from "../model/check.ts";
import type { FindingKind } from "../model/health.ts";
import { denied, failedProbe, requireTool, unreadable } from "./unanswered.ts";

/** A line of the kernel's that tells of something broken. */
export interface KernelLine {
  readonly kind: FindingKind;
  /** Seconds since boot, as the kernel wrote them. */
  readonly at: string;
  readonly text: string;
}

export interface KernelTrouble {
  /** Seconds since boot of the oldest line that the buffer still has: what came before is not known. */
  readonly from: number;
  /** Of the newest one. */
  readonly to: number;
  /** The newest one itself, raw, to ask what came behind it; `undefined` where it has no time of its own. */
  readonly newest: string | undefined;
  readonly lines: readonly KernelLine[];
}

/** `behind`: the newest line of an earlier answer of the same boot. */
export interface KernelQuestion {
  readonly behind?: string | undefined;
}

/** What the kernel's sources print, by the beginning of a line. */
const words: readonly (readonly [RegExp, FindingKind])[] = [
  [/^Kernel panic - not syncing\b/, "kernel-panic"],
  [/^(?:BUG: (?!workqueue lockup)|Oops\b|kernel BUG at |Unable to handle kernel |Internal error: )/, "kernel-oops"],
  [/^(?:general protection fault|divide error|invalid opcode|stack segment)[:,] .*\[#\d+\]/, "kernel-oops"],
  [/^(?:Memory cgroup out of memory|Out of memory)(?: \([^)]*\))?: Kill(?:ed)? process \d+/, "oom-kill"],
  [/^.{1,16}\[\d+\]: segfault at /, "segfault"],
  [/^traps: .{1,16}\[\d+\] general protection(?: fault)? ip:/, "segfault"],
  [/^traps: .{1,16}\[\d+\] trap /, "core-dump"],
  [/^EXT[234]-fs error\b|^EXT[234]-fs \([^)]*\): (?:error|Remounting filesystem read-only)/, "filesystem-error"],
  [
    /^XFS \([^)]*\): (?:Corruption|Metadata|Internal error|Filesystem has been shut down|log I\/O error|xfs_do_force)/,
    "filesystem-error",
  ],
  [/^BTRFS (?:error|critical)\b|^SQUASHFS error\b|^JBD2: Detected IO errors/, "filesystem-error"],
  // A floppy or an empty drive that somebody looked into is no disk that breaks.
  [
    /^(?:Buffer I\/O error on dev|(?:blk_update_request: )?(?:critical \w+ error|I\/O error), dev) (?!fd\d|sr\d)/,
    "filesystem-error",
  ],
  [/^audit: type=1400 .*\bavc: +denied\b/, "avc-denial"],
];

/** What lets no line through that `words` would miss, for a guest's `sed`: most of a log stays where it is. */
const sieve =
  "Kernel panic|BUG|Oops|Unable to handle|Internal error|fault|divide error|invalid opcode|stack segment|ut of memory|traps:|-fs |XFS |BTRFS|SQUASHFS|JBD2|I/O error|critical|avc:";

/**
 * What a line says is broken; `undefined` for every other line.
 * @example troubleIn("perl[1525]: segfault at 10 ip 00007f10910b8ad8 sp 00007ffd3d61c308 error 4 in libc.so.6") // "segfault"
 */
export function troubleIn(text: string): FindingKind | undefined {
  return words.find(([pattern]) => pattern.test(text))?.[1];
}

/** A line with the kernel's time in front, of a console, or as `dmesg -r` prints it; `undefined` for every other, whoever wrote it. */
export function readKernelLine(line: string): { readonly at: string; readonly text: string } | undefined {
  const [, at, text] = /^(?:<\d+>)?\[ *(\d+\.\d{6})\](?:\[ *[TC]\d+\])? (.*)$/.exec(line) ?? [];
  return at === undefined || text === undefined ? undefined : { at, text };
}

/** A console's line, where it is the kernel's and tells of something broken. */
export function kernelLineIn(line: string): KernelLine | undefined {
  const read = readKernelLine(line);
  const kind = read && troubleIn(read.text);
  return read === undefined || kind === undefined ? undefined : { kind, ...read };
}

/**
 * Answer: the broken things that the kernel's buffer tells of, whole, or `unchanged` where nothing came behind a line that is known.
 * Of a container that may read it: its carrier's.
 */
export const kernelTrouble: Probe<KernelQuestion, KernelTrouble | "unchanged"> = {
  name: "dmesg",
  // The shell compares by itself: a guest's sed takes as long as its dmesg.
  script: (subjects) => `export LC_ALL=C
command -v dmesg >/dev/null && command -v sed >/dev/null || exit 127
log=$(dmesg -r) || exit
${unchangedBehind(subjects)}printf '%s\\n' "$log" | sed -n -E -e '1{p;b' -e '}' -e '\${p;b' -e '}' -e '\\#${sieve}#p'`,
  parse(output, subjects) {
    requireTool(output, "dmesg", "the kernel's log");
    const said = output.stderr.trim();
    if (/not permitted|permission denied/i.test(said)) throw denied("cannot read the kernel's log", said);
    if (output.status !== 0) throw failedProbe("cannot read the kernel's log", said || `status ${output.status}`);
    const text = output.stdout.toString("utf8");
    if (text === `\0${unchanged}` && knownLine(subjects) !== undefined) return subjects.map(() => unchanged);
    const raw = text.split("\n").filter(Boolean);
    // Lines that go on from one before have no time of their own.
    const known = raw.flatMap((line) => readKernelLine(line) ?? []);
    const [first, last, newest] = [known[0], known.at(-1), raw.at(-1) ?? ""];
    if (first === undefined || last === undefined) throw unreadable("dmesg -r", output);
    const lines = known.flatMap(({ at, text }) => {
      const kind = troubleIn(text);
      return kind === undefined ? [] : [{ kind, at, text }];
    });
    const answer: KernelTrouble = {
      from: Number(first.at),
      to: Number(last.at),
      newest: readKernelLine(newest) === undefined ? undefined : newest,
      lines,
    };
    return subjects.map(() => answer);
  },
};

/** Printed behind a NUL, which no log in a shell's variable has. */
const unchanged = "unchanged";

/** Where several ask, each about another line, all get everything. */
function knownLine(subjects: readonly KernelQuestion[]): string | undefined {
  return subjects.length === 1 ? subjects[0]?.behind : undefined;
}

function unchangedBehind(subjects: readonly KernelQuestion[]): string {
  const line = knownLine(subjects);
  if (line === undefined) return "";
  return `known=${quoteWord(line)}\ncase $log in *"\n$known") printf '\\0${unchanged}'; exit 0 ;; esac\n`;
}
