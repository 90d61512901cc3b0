// Decides how a kernel's log is read on from where the same shell read it last: records of /dev/kmsg, until the kernel says that there is
// none behind them. That is complete, and costs what is new. Refuses shells that do not keep the log open, and readers that cannot tell its end.
import type { Probe } from "../model/check.ts";
import { readLogOn } from "../model/kept-log.ts";
import { type KernelLine, troubleIn } from "./kernel-log.ts";
import { failedProbe, unreadable } from "./unanswered.ts";

/** What came since the shell was asked last; all that the buffer has, the first time. */
export interface KernelNews {
  /** The kernel's numbers of the first and the last record; absent where nothing came. */
  readonly records?: { readonly from: number; readonly to: number };
  /** Broken things that the kernel itself tells of. What programs write into its log is left out. */
  readonly lines: readonly KernelLine[];
  /** Records were overwritten before they were read. What is behind them was not read yet: ask again. */
  readonly overwritten: boolean;
  /** Some are missing between those that were read. */
  readonly missing: boolean;
}

/** Subject: always `log`. Each answer is given once: of two who ask one after the other, the second is told what is new. */
export const kernelNews: Probe<"log", KernelNews> = {
  name: "/dev/kmsg",
  script: () => readLogOn,
  parse(output, subjects) {
    const said = output.stderr.trim();
    const overwritten = /: Broken pipe\b/.test(said);
    if (output.status !== 0 || !(overwritten || /: Resource temporarily unavailable\b/.test(said)))
      throw failedProbe("cannot read on in the kernel's log", said || `nobody says that it ended: ${output.status}`);
    const records = recordsOf(output.stdout.toString("utf8"));
    if (records === undefined) throw unreadable("/dev/kmsg", output);
    const [first, last] = [records[0], records.at(-1)];
    const answer: KernelNews = {
      ...(first === undefined || last === undefined ? {} : { records: { from: first.number, to: last.number } }),
      lines: records.flatMap(({ facility, at, text }) => {
        const kind = facility === 0 ? troubleIn(text) : undefined;
        return kind === undefined ? [] : [{ kind, at, text }];
      }),
      overwritten,
      missing: records.some(({ number }, index) => number !== (first?.number ?? 0) + index),
    };
    return subjects.map(() => answer);
  },
};

interface KernelRecord {
  /** 0: the kernel. */
  readonly facility: number;
  readonly number: number;
  /** Seconds since boot, as `dmesg` prints them. */
  readonly at: string;
  /** Its first line. */
  readonly text: string;
}

/** `priority,number,microseconds,flags;text`, then lines that begin with a blank: Documentation/ABI/testing/dev-kmsg. */
function recordsOf(text: string): readonly KernelRecord[] | undefined {
  const records: KernelRecord[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(" ")) continue;
    const [, priority, number, time, said = ""] = /^(\d+),(\d+),(\d+),[^;]*;(.*)$/.exec(line) ?? [];
    if (time === undefined) return undefined;
    records.push({
      facility: Number(priority) >> 3,
      number: Number(number),
      at: `${Math.floor(Number(time) / 1e6)}.${String(Number(time) % 1e6).padStart(6, "0")}`,
      text: unescaped(said).split("\n")[0] ?? "",
    });
  }
  return records;
}

/** Bytes that are no plain characters are written `\x0a`. */
function unescaped(text: string): string {
  if (!text.includes("\\x")) return text;
  const bytes = text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
