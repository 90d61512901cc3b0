// Decides how the journal is read: newest lines first to be kept, as JSON, up to a limit. Refuses to call an unreadable journal an empty one.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { denied, failedProbe, requireTool, unreadable } from "./unanswered.ts";

/** syslog(3)'s levels, the worst first. */
export const levels = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] as const;
export type Level = (typeof levels)[number];

export interface JournalQuery {
  /** Lines of a unit's processes, and systemd's about the unit. */
  readonly unit?: string;
  /** Lines that name themselves so: `systemd`, `sshd`. */
  readonly identifier?: string;
  /** Lines of this level and worse. */
  readonly level?: Level;
  /** Lines of the last so many seconds, by the node's clock; without it, since boot. */
  readonly sinceSeconds?: number;
}

export interface JournalLine {
  readonly level: Level;
  /** The unit, else the name that the line gives itself, else `kernel`. */
  readonly from: string;
  readonly message: string;
}

export interface JournalLines {
  /** Oldest first. */
  readonly lines: readonly JournalLine[];
  /** False where there are more, older ones that were not read. */
  readonly whole: boolean;
}

/** Most lines of one query that are read. */
export const lineLimit = 5000;

const call =
  "journalctl -b --no-pager -a -o json --output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,UNIT";

/** Subject: which lines of this boot. Answer: these lines; none is an answer only where the journal has some line at all. */
export const journalLines: Probe<JournalQuery, JournalLines> = {
  name: "journalctl",
  script: (queries) => `export LC_ALL=C
command -v journalctl >/dev/null || exit 127
${call} -n 1; ${endFrame('"$?"')}
${queries.map((query) => `${call} -q -n ${lineLimit + 1} ${matches(query)}; ${endFrame('"$?"')}`).join("\n")}`,
  parse(output, queries) {
    requireTool(output, "journalctl", "the journal");
    const [any, ...frames] = readFrames("journalctl", output, queries.length + 1) as [Frame, ...Frame[]];
    // The first call is not quiet: only so is it told that lines of others are left out.
    if (/insufficient permissions|currently not seeing messages/i.test(output.stderr))
      throw denied("cannot read the journal", firstLine(output.stderr));
    if (any.words !== "0")
      throw failedProbe("cannot read the journal", firstLine(output.stderr) || `status ${any.words}`);
    const newest = readLines(Buffer.from(any.bytes.toString("utf8").replace(/^-- .* --$/gm, "")));
    if (newest === undefined) throw unreadable("journalctl -o json", output);
    if (newest.length === 0)
      throw failedProbe(
        "cannot read the journal",
        "it has no line of this boot",
        "see whether systemd-journald runs, and where it stores",
      );
    return frames.map(({ bytes, words }) => {
      const lines = readLines(bytes);
      if (words !== "0") return failedProbe("cannot read the journal", firstLine(output.stderr) || `status ${words}`);
      if (lines === undefined) return unreadable("journalctl -o json", output);
      return { lines: lines.slice(-lineLimit), whole: lines.length <= lineLimit };
    });
  },
};

/** A query as arguments of journalctl. @example matches({ unit: "ssh.service" }) // "-u 'ssh.service'" */
export function matches({ unit, identifier, level, sinceSeconds }: JournalQuery): string {
  const words = [
    ...(unit === undefined ? [] : ["-u", unit]),
    ...(identifier === undefined ? [] : ["-t", identifier]),
    ...(level === undefined ? [] : ["-p", level]),
    ...(sinceSeconds === undefined ? [] : [`--since=-${sinceSeconds}s`]),
  ];
  return words.map((word) => (word.startsWith("-") && !word.includes("=") ? word : quoteWord(word))).join(" ");
}

/** One JSON object a line; `undefined` for anything else. */
function readLines(bytes: Buffer): readonly JournalLine[] | undefined {
  try {
    return bytes.toString("utf8").split("\n").filter(Boolean).map(readLine);
  } catch {
    return undefined;
  }
}

function readLine(text: string): JournalLine {
  const held = JSON.parse(text) as Readonly<Record<string, unknown>>;
  if (typeof held["__CURSOR"] !== "string") throw new TypeError("not a line of the journal");
  const first = ["UNIT", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER"].map((name) => held[name]);
  return {
    level: levels[Number(held["PRIORITY"] ?? 6)] ?? "info",
    from: String(first.find((name) => typeof name === "string" && name !== "init.scope") ?? "kernel"),
    message: readMessage(held["MESSAGE"]),
  };
}

/** Text that is not UTF-8 comes as an array of bytes, a field that is there twice as an array of texts. */
function readMessage(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === "string" ? value : "";
  return value.every((each) => typeof each === "number") ? Buffer.from(value).toString("utf8") : value.join(" ");
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
