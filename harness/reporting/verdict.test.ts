// Decides that the last words name what failed, where and how, and always end with the count.
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, sampleRun } from "./sample.ts";
import { verdictLines } from "./verdict.ts";

describe("verdictLines", () => {
  test("the sample run, whole", () => {
    expect(verdictLines(reportOf(sampleRun()), { color: false, where: "reports/runs/k3f9x2/index.html" })).toEqual([
      "",
      'failed specs/docker-soe-bash.spec.ts > the prompt of an interactive shell is exactly "vfx$ "',
      '  an interactive shell prompts "vfx$ "',
      '    expected "vfx$ "',
      '    seen     "bash-5.2# "',
      "    node     docker-soe/soe",
      "    command  script -qc 'bash -i' /dev/null",
      "    tried    21 times over 2.0s",
      "    at       specs/docker-soe-bash.spec.ts:14:9",
      "",
      "errored specs/docker-soe-dns.spec.ts > resolv.conf names the declared servers",
      "  the name registry.example resolves to 192.0.2.7",
      "    reason   observe docker-soe/soe: getent is not in the image; add libc-bin to the recipe",
      "    node     docker-soe/soe",
      "    command  getent ahosts registry.example",
      "    tried    once, 3ms",
      "    code     tool-missing",
      "    at       specs/docker-soe-dns.spec.ts:21:3",
      "",
      "skipped specs/docker-soe-dns.spec.ts > SELinux label: the host has no SELinux",
      "",
      "teardown  5 created, 5 destroyed, 0 leaked",
      "report    reports/runs/k3f9x2/index.html",
      "verdict   Could not ask: 1 test could not ask; 1 failed (14.0s, exit code 3)",
      "2 passed, 2 failed, 1 skipped",
    ]);
  });

  test("colour changes no word, and the last line has none", () => {
    const report = reportOf(sampleRun());
    const colored = verdictLines(report, { color: true });
    expect(colored.map(stripVTControlCharacters)).toEqual(verdictLines(report, { color: false }));
    expect(colored.at(-1)).toBe("2 passed, 2 failed, 1 skipped");
  });

  test("an empty run and a trouble end with the count too; a trouble is no pass", () => {
    expect(verdictLines(reportOf([runStarted(), runEnded()]), { color: false }).at(-1)).toBe(
      "0 passed, 0 failed, 0 skipped",
    );
    const trouble = {
      event: "trouble",
      at: began,
      file: "specs/b.spec.ts",
      outcome: "errored",
      exitCode: 2,
      error: { name: "DeclarationError", message: 'declare: unknown option "imge"', at: "specs/b.spec.ts:3:5" },
    } as const;
    const lines = verdictLines(
      reportOf([runStarted(), ...ranTest("specs/a.spec.ts", "a", "passed"), trouble, runEnded()]),
      {
        color: false,
      },
    );
    expect(lines).toContain('  declare: unknown option "imge"');
    expect(lines).toContain("    at       specs/b.spec.ts:3:5");
    expect(lines.at(-1)).toBe("1 passed, 1 failed, 0 skipped");
  });

  test("a leak is named", () => {
    const lines = verdictLines(reportOf([runStarted(), runEnded({ destroyed: 4, leaked: ["volume assay-v"] })]), {
      color: false,
    });
    expect(lines).toContain("teardown  5 created, 4 destroyed, 1 leaked");
    expect(lines).toContain("          volume assay-v");
  });

  test("text over several lines stays under its label, escapes of others do not reach the terminal", () => {
    const file = "specs/a.spec.ts";
    const events = ranTest(file, "x", "failed", {
      checks: [check(file, "x", { outcome: "failed", expected: "one\ntwo", seen: "\u001b[2Jthree\r\nfour\u0007" })],
    });
    const lines = verdictLines(reportOf([runStarted(), ...events, runEnded()]), { color: false });
    expect(lines.slice(2, 7)).toEqual([
      "  file /etc/passwd has mode 0644",
      "    expected one",
      "             two",
      "    seen     three",
      "             four",
    ]);
  });

  test("where only escapes tell expected from seen, they are shown as pictures", () => {
    const file = "specs/a.spec.ts";
    const events = ranTest(file, "x", "failed", {
      checks: [check(file, "x", { outcome: "failed", expected: "vfx$ ", seen: "\u001b[1mvfx$ " })],
    });
    const lines = verdictLines(reportOf([runStarted(), ...events, runEnded()]), { color: false });
    expect(lines).toContain("    seen     ␛[1mvfx$");
  });
});
