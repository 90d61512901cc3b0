// Decides how the journal's JSON is read, when silence is not an empty journal, and every sentence about it.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { journal, requireDecided } from "./journal.ts";
import { type JournalLine, type JournalLines, journalLines, lineLimit, matches } from "./journal-lines.ts";

const output = (frames: Parameters<typeof framed>[0], stderr = "") => ({ stdout: framed(frames), stderr, status: 0 });

/** Lines that a Debian 12 machine's journal had, from the kernel's log, from systemd and from a session. */
const early =
  '{"__MONOTONIC_TIMESTAMP":"8961507","__CURSOR":"s=fa3a;i=181","MESSAGE":"hen.service: Job egg.service/start deleted to break ordering cycle starting with hen.service/start","PRIORITY":"3","SYSLOG_IDENTIFIER":"systemd","__REALTIME_TIMESTAMP":"1795253670832361"}\n';
const started =
  '{"_SYSTEMD_UNIT":"init.scope","__CURSOR":"s=fa3a;i=201","SYSLOG_IDENTIFIER":"systemd","MESSAGE":"Failed to start broken.service.","PRIORITY":"3","UNIT":"broken.service"}\n';
const session =
  '{"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"pam_env(sshd:session): Unable to open env file: /etc/default/locale: No such file or directory","_SYSTEMD_UNIT":"session-1.scope","PRIORITY":"3","__CURSOR":"s=fa3a;i=241"}\n';
const bytes = '{"__CURSOR":"s=1;i=2","MESSAGE":[104,105,255],"PRIORITY":"6"}\n';

describe("what journalctl printed is read", () => {
  test("each query has its lines, with level, origin and message", () => {
    const said = output([
      [session, "0"],
      [early + started + session, "0"],
      ["", "0"],
      [bytes, "0"],
    ]);
    expect(journalLines.parse(said, [{ level: "err" }, { unit: "nosuch.service" }, {}])).toEqual([
      {
        whole: true,
        lines: [
          { level: "err", from: "systemd", message: expect.stringContaining("ordering cycle") },
          { level: "err", from: "broken.service", message: "Failed to start broken.service." },
          { level: "err", from: "session-1.scope", message: expect.stringContaining("env file") },
        ],
      },
      { whole: true, lines: [] },
      { whole: true, lines: [{ level: "info", from: "kernel", message: "hi\ufffd" }] },
    ]);
  });

  test("more lines than are read are told apart from all lines", () => {
    const said = output([
      [session, "0"],
      [session.repeat(lineLimit + 1), "0"],
    ]);
    const [seen] = journalLines.parse(said, [{}]) as readonly [JournalLines];
    expect(seen).toMatchObject({ whole: false });
    expect(seen.lines).toHaveLength(lineLimit);
  });

  test.each([
    [
      "a journal without any line",
      output([
        ["", "0"],
        ["", "0"],
      ]),
      "probe-failed",
      /no line of this boot/,
    ],
    [
      "one that may not be read",
      output(
        [
          ["", "1"],
          ["", "1"],
        ],
        "No journal files were opened due to insufficient permissions.\n",
      ),
      "probe-denied",
      /insufficient/,
    ],
    [
      "one of which only a part may be read",
      output(
        [
          [session, "0"],
          ["", "0"],
        ],
        "Hint: You are currently not seeing messages from other users and the system.\n      Pass -q to turn off this notice.\n",
      ),
      "probe-denied",
      /not seeing messages/,
    ],
    [
      "one without a line, in journalctl's words",
      output([
        [
          "-- Journal begins at Sat 2026-11-21 10:00:00 UTC, ends at Sat 2026-11-21 18:00:00 UTC. --\n-- No entries --\n",
          "0",
        ],
        ["", "0"],
      ]),
      "probe-failed",
      /no line of this boot/,
    ],
    [
      "no JSON",
      output([
        ["nonsense\n", "0"],
        ["", "0"],
      ]),
      "probe-unreadable",
      /cannot be read/,
    ],
    [
      "another program's JSON",
      output([
        ["{}\n", "0"],
        ["", "0"],
      ]),
      "probe-unreadable",
      /cannot be read/,
    ],
  ])("%s is no answer", (_, said, code, reason) => {
    let error: unknown;
    try {
      journalLines.parse(said, [{}]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ObservationError);
    expect(error).toMatchObject({ code, seen: expect.stringMatching(reason) });
  });

  test("a query that fails alone rejects alone", () => {
    const said = output(
      [
        [session, "0"],
        [session, "0"],
        ["", "1"],
      ],
      "Failed to add match: Invalid argument\n",
    );
    const [first, second] = journalLines.parse(said, [{}, { unit: "x" }]);
    expect(first).toMatchObject({ whole: true });
    expect(second).toBeInstanceOf(ObservationError);
  });
});

probeContract(hostNode, { probe: journalLines, subject: {}, tools: ["journalctl"], elsewhere: "a journal" });

test("a query is journalctl's arguments, quoted", () => {
  expect(matches({})).toBe("");
  expect(matches({ unit: "ssh.service", level: "err" })).toBe("-u 'ssh.service' -p 'err'");
  expect(matches({ identifier: "systemd", sinceSeconds: 90 })).toBe("-t 'systemd' '--since=-90s'");
});

const line = (message: string, level: JournalLine["level"] = "err"): JournalLine => ({
  level,
  from: "a.service",
  message,
});
const all = (...lines: readonly JournalLine[]): JournalLines => ({ lines, whole: true });

test("judges", () => {
  const none = journal().hasNoErrors();
  expect(none.title).toBe("journal has no lines of level err or worse");
  expect(none.judge(all())).toMatchObject({ met: true, seen: "none" });
  expect(none.judge(all(line("boom")))).toMatchObject({ met: false, seen: "1 lines:\n  err a.service: boom" });
  const but = journal({ unit: "a.service" }).hasNoErrors({ above: "warning", except: [/^bo+m$/g, "known"] });
  expect(but.title).toBe('journal of a.service has no lines of level warning or worse except /^bo+m$/g, "known"');
  expect(but.judge(all(line("boom"), line("boom"), line("a known one")))).toMatchObject({ met: true });
  expect(but.judge(all(line("boom"), line("new")))).toMatchObject({
    met: false,
    seen: expect.not.stringContaining("boom"),
  });
  const has = journal({ since: "90s" }).contains(/listening/);
  expect(has.title).toBe("journal of the last 90s contains /listening/");
  expect(has.judge(all(line("Server listening")))).toMatchObject({ met: true });
  expect(has.judge(all(line("x")))).toMatchObject({ met: false });
  expect(has.judge(all())).toMatchObject({ met: false, seen: "no line" });
});

test("what was cut off could hold it: not found among the newest lines is no answer", () => {
  const cut: JournalLines = { lines: [line("boom")], whole: false };
  expect(requireDecided(cut, (lines) => lines.length === 1)).toBe(cut);
  expect(() => requireDecided(cut, () => false)).toThrow(ObservationError);
  expect(requireDecided({ ...cut, whole: true }, () => false)).toMatchObject({ whole: true });
});

test("a level or a unit that is none is refused", () => {
  expect(() => journal().hasNoErrors({ above: "error" as "err" })).toThrow(DeclarationError);
  expect(() => journal({ unit: "-p" })).toThrow(DeclarationError);
});
