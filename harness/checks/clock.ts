// Decides which sentences can be said about a node's clock: whether something keeps it right, how far off it is, its time zone.

import type { Probe } from "../model/check.ts";
import { type Duration, durationMs, sayMs } from "../model/duration.ts";
import type { Node } from "../model/node.ts";
import { fileSha256 } from "./file-bytes.ts";
import { type FileStat, fileStat } from "./file-stat.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, missingTool, requireTool, unreadable } from "./unanswered.ts";

export interface Synchronisation {
  readonly synchronised: boolean;
  /** Who says so: `chronyd`, `systemd-timedated`. */
  readonly by: string;
  /** `leap status Not synchronised` */
  readonly said: string;
}

/** Subject: always `clock`. Answer: what chronyd says of it, where it runs; else systemd, by the kernel's own mark. */
export const synchronisation: Probe<"clock", Synchronisation> = {
  name: "chronyc tracking",
  script: () => `export LC_ALL=C
said= status=127
if command -v chronyc >/dev/null; then said=$(chronyc -n -c tracking 2>&1); status=$?; fi
case "$status $said" in 127*|"1 506"*)
  if command -v timedatectl >/dev/null; then printf 'systemd-timedated\\0'; timedatectl show -p NTPSynchronized; exit; fi
esac
[ $status = 127 ] && exit 127
printf 'chronyd\\0%s' "$said"; exit $status`,
  parse(output, subjects) {
    requireTool(output, "chronyc or timedatectl", "whether the clock is synchronised");
    const [by = "", said = ""] = output.stdout.toString("utf8").split("\0");
    if (output.status !== 0 && output.stderr !== "")
      throw failedProbe("cannot ask about the clock", output.stderr.trim());
    if (/^50\d /.test(said))
      throw failedProbe("cannot ask chronyd about the clock", said.trim(), "see whether it runs");
    const answer = by === "chronyd" ? readTracking(said) : readTimedate(said);
    if (output.status !== 0 || answer === undefined) throw unreadable("chronyc tracking", output);
    return subjects.map(() => ({ ...answer, by }));
  },
};

/** Subject: always `now`. Answer: the node's clock, milliseconds since the epoch. Needs GNU date. */
export const nodeTime: Probe<"now", number> = {
  name: "date",
  script: () => "LC_ALL=C date +%s.%N",
  parse(output, subjects) {
    requireTool(output, "date", "the node's clock");
    const said = output.stdout.toString("utf8").trim();
    if (output.status === 0 && /^\d+\.(%?N)?$/.test(said))
      throw missingTool("GNU date (coreutils)", "the node's clock");
    if (output.status !== 0 || !/^\d+\.\d{9}$/.test(said)) throw unreadable("date +%s.%N", output);
    return subjects.map(() => Number(said) * 1000);
  },
};

/** How far the node's clock is ahead of ours: somewhere between the two, in milliseconds. The road there and back is why it is two. */
export interface ClockOffset {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** Its SHA-256. */
const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

interface LocalTime {
  /** What /etc/localtime is. */
  readonly file: FileStat | undefined;
  /** Whether the zone that is asked for has a file, and not an empty one. */
  readonly isThere: boolean;
  /** Whether its bytes are those of that file. */
  readonly isCopy: boolean;
}

/** @example await expect(soe).toMeet(all(clock().isWithin("2s"), clock().hasTimeZone("Etc/UTC"))); */
export function clock() {
  return {
    /**
     * A source of time keeps it right, as chronyd says, or systemd. A guest without a network has none: that is an honest no,
     * and `unit("chrony.service").isActive()` what can be asked of it.
     */
    isSynchronised: () =>
      about<Node, Synchronisation>({
        subject: "clock",
        command: "chronyc tracking",
        observe: (node) => node.observe(synchronisation, "clock"),
      })("is synchronised", (seen) => verdict(seen.synchronised, "synchronised", `${seen.said}, says ${seen.by}`)),

    /** At most so far from the clock of the machine that asks. Rejects where the answer took so long that it cannot be told. */
    isWithin(limit: Duration) {
      const limitMs = durationMs(limit);
      return about<Node, ClockOffset>({
        subject: "clock",
        command: "date +%s.%N",
        async observe(node) {
          const before = Date.now();
          const theirs = await node.observe(nodeTime, "now");
          // Our clock is read in whole milliseconds, cut off.
          return requireClear({ leastMs: theirs - Date.now() - 1, mostMs: theirs - before }, limitMs);
        },
      })(`is within ${limit} of ours`, (seen) =>
        verdict(seen.leastMs >= -limitMs && seen.mostMs <= limitMs, `at most ${sayMs(limitMs)} off`, sayOffset(seen)),
      );
    },

    /**
     * `/etc/localtime` is a link to this zone, or a copy of its file in /usr/share/zoneinfo; without it, the zone is `Etc/UTC`. A link to
     * a zone that has no file there leads to `Etc/UTC`, too, whatever it is called.
     * What a program is given in `TZ` is not looked at: ask for it with `process(…).hasEnv`.
     */
    hasTimeZone(zone: string) {
      requireSubject(/^[A-Z][\w+/-]+$/.test(zone), `"${zone}" is not a time zone`, 'write it as in "Europe/Berlin"');
      return about<Node, LocalTime>({
        subject: "clock",
        command: "readlink /etc/localtime",
        async observe(node) {
          const [file, ...digests] = await Promise.all([
            node.observe(fileStat, "/etc/localtime"),
            node.observe(fileSha256, "/etc/localtime"),
            node.observe(fileSha256, `/usr/share/zoneinfo/${zone}`),
          ]);
          const isThere = typeof digests[1] === "string" && digests[1] !== ofNothing;
          return { file, isThere, isCopy: isThere && digests[0] === digests[1] };
        },
      })(`has time zone ${zone}`, ({ file, isThere, isCopy }) => {
        if (file?.type === "file")
          return verdict(isCopy, zone, isCopy ? zone : `/etc/localtime is a file, and not a copy of ${zone}`);
        const found = file === undefined ? "Etc/UTC" : /\/zoneinfo\/(.+)$/.exec(file.target ?? "")?.[1];
        if (found === zone && !isThere && zone !== "Etc/UTC")
          return verdict(false, zone, `/etc/localtime leads to ${zone}, whose file is not there or empty: it is UTC`);
        return verdict(found === zone, zone, found ?? `/etc/localtime is a ${file?.type}, and no zone is named by it`);
      });
    },
  };
}

/** The offset, where it is on one side of the limit for sure. */
export function requireClear(offset: ClockOffset, limitMs: number): ClockOffset {
  const { leastMs, mostMs } = offset;
  const inside = leastMs >= -limitMs && mostMs <= limitMs;
  const outside = leastMs > limitMs || mostMs < -limitMs;
  if (inside || outside) return offset;
  throw failedProbe(
    `cannot tell whether the clock is within ${sayMs(limitMs)}`,
    `it is ${sayOffset(offset)}`,
    "the answer took too long on its way; allow more, or ask again",
  );
}

function sayOffset({ leastMs, mostMs }: ClockOffset): string {
  const middle = (leastMs + mostMs) / 2;
  const side = middle < 0 ? "behind" : "ahead";
  return `${sayMs(Math.abs(middle))} ${side}, give or take ${sayMs((mostMs - leastMs) / 2)}`;
}

/** `chronyc -c tracking`: fourteen fields, the last of them the leap status. */
function readTracking(said: string): Omit<Synchronisation, "by"> | undefined {
  const fields = said.trim().split(",");
  const leap = fields[13];
  if (fields.length !== 14 || leap === undefined || !/^\d+$/.test(fields[2] ?? "")) return undefined;
  return { synchronised: leap !== "Not synchronised", said: `leap status ${leap}, stratum ${fields[2]}` };
}

function readTimedate(said: string): Omit<Synchronisation, "by"> | undefined {
  const word = /^NTPSynchronized=(yes|no)$/m.exec(said)?.[1];
  return word === undefined ? undefined : { synchronised: word === "yes", said: `NTPSynchronized=${word}` };
}
