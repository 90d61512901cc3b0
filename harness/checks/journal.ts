// Decides which sentences can be said about the journal of this boot, or of its last minutes.
import { type Duration, durationMs } from "../model/duration.ts";
import type { Node } from "../model/node.ts";
import {
  type JournalLine,
  type JournalLines,
  type JournalQuery,
  journalLines,
  type Level,
  levels,
  lineLimit,
  matches,
} from "./journal-lines.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export interface JournalOptions {
  /** Only lines of this unit, and systemd's about it. */
  readonly unit?: string;
  /** Only lines of the last so long, by the node's clock. Default: all of this boot. */
  readonly since?: Duration;
}

export interface ErrorOptions {
  /** This level and worse ones count. Default `err`. */
  readonly above?: Level;
  /** Lines that are known and accepted: a text or pattern that occurs in the message. */
  readonly except?: readonly Wanted[];
}

/**
 * The journal of this boot; 5000 lines of it are read, the newest ones. A journal without a single line rejects: nothing is known then.
 * @example await expect(soe).toMeet(journal().hasNoErrors({ above: "err", except: [/pcspkr/] }));
 * @example await expect(soe).toMeet(journal({ unit: "ssh.service" }).contains("Server listening on"), { within: "30s" });
 */
export function journal(options: JournalOptions = {}) {
  const { unit, since } = options;
  requireSubject(
    unit === undefined || /^[^\s\0-][^\s\0]*$/.test(unit),
    `"${unit}" is not a unit`,
    'write it as in "ssh.service"',
  );
  const query: JournalQuery = {
    ...(unit === undefined ? {} : { unit }),
    ...(since === undefined ? {} : { sinceSeconds: Math.ceil(durationMs(since) / 1000) }),
  };
  const subject = `journal${unit === undefined ? "" : ` of ${unit}`}${since === undefined ? "" : ` of the last ${since}`}`;
  const ask = (asked: JournalQuery, decided: (lines: readonly JournalLine[]) => boolean) =>
    about<Node, JournalLines>({
      subject,
      command: `journalctl -b ${matches(asked)}`.trimEnd(),
      observe: async (node) => requireDecided(await node.observe(journalLines, asked), decided),
    });
  return {
    /**
     * No line of this level or worse, those apart that are accepted. Each that is left is told.
     * @example journal().hasNoErrors({ above: "warning", except: [/^pcspkr/, "Unable to open env file"] })
     */
    hasNoErrors({ above = "err", except = [] }: ErrorOptions = {}) {
      requireSubject(levels.includes(above), `"${above}" is not a level`, `write one of ${levels.join(", ")}`);
      const left = (lines: readonly JournalLine[]) =>
        lines.filter(({ message }) => !except.some((known) => occurs(known, message)));
      const but = except.length === 0 ? "" : ` except ${except.map(sayWanted).join(", ")}`;
      return ask({ ...query, level: above }, (lines) => left(lines).length > 0)(
        `has no lines of level ${above} or worse${but}`,
        ({ lines }) => {
          const errors = left(lines);
          return verdict(errors.length === 0, "none", errors.length === 0 ? "none" : sayLines(errors));
        },
      );
    },
    /** Text or pattern occurs in a line's message. */
    contains: (wanted: Wanted) => {
      const found = (lines: readonly JournalLine[]) => lines.some(({ message }) => occurs(wanted, message));
      return ask(query, found)(`contains ${sayWanted(wanted)}`, ({ lines }) =>
        verdict(found(lines), sayWanted(wanted), found(lines) ? `it has ${sayWanted(wanted)}` : sayLines(lines)),
      );
    },
  };
}

/** Lines that the limit cut off could hold what was looked for: then only what was found decides. */
export function requireDecided(seen: JournalLines, decided: (lines: readonly JournalLine[]) => boolean): JournalLines {
  if (seen.whole || decided(seen.lines)) return seen;
  throw failedProbe(
    `the journal has more than the ${lineLimit} lines that are read`,
    "older ones were not looked at",
    "narrow it with unit or since",
  );
}

/** The newest few of them. */
function sayLines(lines: readonly JournalLine[]): string {
  const most = 10;
  if (lines.length === 0) return "no line";
  const told = lines.slice(-most).map(({ level, from, message }) => `  ${level} ${from}: ${message.slice(0, 200)}`);
  return `${lines.length} lines${lines.length > most ? ", the last of them" : ""}:\n${told.join("\n")}`;
}
