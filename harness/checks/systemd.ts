// Decides which sentences can be said about systemd as a whole: how it came up, what failed, how long it took.

import type { Probe } from "../model/check.ts";
import { type Duration, durationMs, sayMs } from "../model/duration.ts";
import type { Node } from "../model/node.ts";
import { requireDecided } from "./journal.ts";
import { type JournalLine, type JournalLines, type JournalQuery, journalLines } from "./journal-lines.ts";
import { about, verdict } from "./question.ts";
import { readProperties } from "./systemctl.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export interface ManagerFacts {
  /** `running`, `degraded`, `starting`, `maintenance`, `stopping` */
  readonly state: string;
  /** Names of failed units. */
  readonly failed: readonly string[];
  /** Milliseconds from power on to the end of boot; `undefined` while it lasts. */
  readonly bootMs: number | undefined;
  /** The part of it that userspace took, from the first process on. */
  readonly userspaceMs: number | undefined;
}

const properties = [
  ...["SystemState", "NFailedUnits", "FirmwareTimestampMonotonic", "UserspaceTimestampMonotonic"],
  "FinishTimestampMonotonic",
].join(",");

/** Subject: always `system`. Answer: the manager's own account; where systemd does not run, there is none. */
export const managerFacts: Probe<"system", ManagerFacts> = {
  name: "systemctl show (manager)",
  script: () => `export LC_ALL=C SYSTEMD_COLORS=0
command -v systemctl >/dev/null || exit 127
[ -d /run/systemd/system ] || exit 77
systemctl show --no-pager -p ${properties} || exit
printf '\\0'
systemctl list-units --all --state=failed --plain --no-legend --no-pager --full`,
  parse(output, subjects) {
    requireTool(output, "systemctl", "the state of systemd");
    if (output.status === 77) throw failedProbe("cannot ask systemd", "it does not run on this node");
    if (output.status !== 0 && output.stderr !== "") throw failedProbe("cannot ask systemd", output.stderr.trim());
    const [shown = "", listed] = output.stdout.toString("utf8").split("\0");
    const held = readProperties(shown);
    const { SystemState: state, NFailedUnits, FinishTimestampMonotonic: finish } = held;
    if (output.status !== 0 || !state || NFailedUnits === undefined || finish === undefined || listed === undefined)
      throw unreadable("systemctl show", output);
    const failed = listed.split("\n").flatMap((line) => line.split(" ")[0] || []);
    // Two calls: in between a unit may fail, and a tool that lies would not agree with itself.
    if (failed.length !== Number(NFailedUnits))
      throw failedProbe(
        "cannot see failed units",
        `systemd counts ${NFailedUnits} and lists ${failed.length}`,
        "ask again",
      );
    const ms = (name: string) => Number(held[name] ?? 0) / 1000;
    const done = Number(finish) > 0;
    const facts: ManagerFacts = {
      state,
      failed,
      bootMs: done ? ms("FinishTimestampMonotonic") + ms("FirmwareTimestampMonotonic") : undefined,
      userspaceMs: done ? ms("FinishTimestampMonotonic") - ms("UserspaceTimestampMonotonic") : undefined,
    };
    return subjects.map(() => facts);
  },
};

/** systemd tells of broken cycles through the kernel's log, before its own journal runs: those lines have no unit and no pid. */
const ownLines: JournalQuery = { identifier: "systemd" };

/**
 * systemd itself. Rejects on a node where it does not run.
 * @example await expect(soe).toMeet(all(systemd().isRunning(), systemd().hasNoOrderingCycles()), { within: "2m" });
 */
export function systemd() {
  const ask = (command: string) =>
    about<Node, ManagerFacts>({
      subject: "systemd",
      command,
      observe: (node) => node.observe(managerFacts, "system"),
    });
  return {
    /** Boot is over and no unit failed: `running`, not `degraded`. */
    isRunning: () =>
      ask("systemctl is-system-running")("is running", (seen) =>
        verdict(
          seen.state === "running",
          "running",
          seen.failed.length === 0 ? seen.state : `${seen.state}: ${sayFailed(seen)}`,
        ),
      ),
    hasNoFailedUnits: () =>
      ask("systemctl list-units --state=failed")("has no failed units", (seen) =>
        verdict(seen.failed.length === 0, "none", sayFailed(seen)),
      ),
    /** Nothing in this boot's journal says that systemd had to break a cycle by leaving a unit out. */
    hasNoOrderingCycles: () =>
      about<Node, readonly JournalLine[]>({
        subject: "systemd",
        command: "journalctl -b -t systemd -g 'ordering cycle'",
        observe: async (node) => requireOwnLines(await node.observe(journalLines, ownLines)),
      })("has no ordering cycles", (seen) => {
        const cycles = seen.filter(isCycle);
        return verdict(
          cycles.length === 0,
          "none",
          cycles
            .map(({ message }) => message)
            .slice(0, 5)
            .join("; ") || "none",
        );
      }),
    /**
     * From power on to the end of boot it took at most this long, by `systemd-analyze`. While boot lasts, the check is not met.
     * An emulated machine is some ten times slower than a real one: the limit is the spec's to choose.
     */
    bootsWithin(limit: Duration) {
      const limitMs = durationMs(limit);
      return ask("systemd-analyze time")(`boots within ${limit}`, (seen) =>
        verdict(
          seen.bootMs !== undefined && seen.bootMs <= limitMs,
          `at most ${sayMs(limitMs)}`,
          seen.bootMs === undefined
            ? `boot is not over: ${seen.state}`
            : `${sayMs(seen.bootMs)}, ${sayMs(seen.userspaceMs ?? 0)} of them in userspace`,
        ),
      );
    },
  };
}

/** systemd's lines of this boot from its beginning, where cycles are told; else, and where there is none, an `ObservationError`. */
export function requireOwnLines(seen: JournalLines): readonly JournalLine[] {
  if (seen.lines.length === 0)
    throw failedProbe("cannot see ordering cycles", "this boot's journal has no line of systemd's own");
  return requireDecided(seen, (lines) => lines.some(isCycle)).lines;
}

function isCycle({ message }: JournalLine): boolean {
  return /ordering cycle/i.test(message);
}

function sayFailed({ failed }: ManagerFacts): string {
  return failed.length === 0 ? "none" : `${failed.join(", ")} failed`;
}
