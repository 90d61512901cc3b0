// Decides that a run's report is found by what people call it, shown without being changed, compared, and refused when it is none.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ExitCode } from "../model/errors.ts";
import type { Outcome } from "../model/outcome.ts";
import { reportOf } from "../reporting/report.ts";
import { ranTest, runEnded, runStarted, sampleRun } from "../reporting/sample.ts";
import { differing } from "../reporting/testing/differing.ts";
import { linesForCi } from "./ci.ts";
import { reportCommand } from "./report.ts";

const runs = mkdtempSync(join(tmpdir(), "assay-report-command-"));
afterAll(() => rmSync(runs, { recursive: true, force: true }));
beforeEach(() => vi.stubEnv("ASSAY_REPORTS", runs).stubEnv("NO_COLOR", "1"));
afterEach(() => vi.unstubAllEnvs());

function kept(run: string, outcomes: Readonly<Record<string, Outcome>>, seconds: number): string {
  const directory = join(runs, run);
  mkdirSync(directory, { recursive: true });
  const tests = Object.entries(outcomes).flatMap(([name, outcome]) => ranTest("specs/a.spec.ts", name, outcome));
  writeFileSync(join(directory, "report.json"), JSON.stringify(reportOf([runStarted({ run }), ...tests, runEnded()])));
  utimesSync(join(directory, "report.json"), seconds, seconds);
  return directory;
}

const old = kept("k3aaaa", { one: "passed", two: "failed", three: "passed", gone: "passed" }, 1000);
const young = kept("k3bbbb", { one: "passed", two: "passed", three: "skipped", four: "passed" }, 2000);

/** Exit code and standard output of a command. */
async function printed(words: readonly string[], options = {}): Promise<{ code: number; out: string }> {
  let out = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    const code = await reportCommand(words, options);
    return { code, out };
  } finally {
    write.mockRestore();
  }
}

describe("assay report", () => {
  test.each([
    ["nothing: the newest", [], "k3bbbb"],
    ["its name", ["k3aaaa"], "k3aaaa"],
    ["the beginning of it", ["k3a"], "k3aaaa"],
    ["its directory", [old], "k3aaaa"],
    ["its file", [join(young, "report.json")], "k3bbbb"],
  ])(
    "finds a run by %s, tells its verdict and where the page is, which it writes where there is none",
    async (_, words, run) => {
      const { code, out } = await printed(words);
      expect(code).toBe(ExitCode.met);
      expect(out).toMatch(new RegExp(`report {4}.*${run}/index\\.html`));
      expect(out).toMatch(run === "k3aaaa" ? /verdict {3}Failed/ : /verdict {3}Met/);
      expect(readFileSync(join(runs, run, "index.html"), "utf8")).toContain(`Assay run ${run}`);
    },
  );

  test("leaves a page that is there as it is, unless a comparison is asked for", async () => {
    const page = join(young, "index.html");
    writeFileSync(page, "mine");
    await printed(["k3bbbb"]);
    expect(readFileSync(page, "utf8")).toBe("mine");
    await printed(["k3bbbb"], { against: "k3aaaa" });
    expect(readFileSync(page, "utf8")).toContain("Compared with run k3aaaa");
  });

  test("puts differences of images into the page, printed or written, and a comparison beside them", async () => {
    const diff = join(runs, "diff.json");
    writeFileSync(diff, JSON.stringify(differing()));
    await printed(["k3aaaa"], { diff: [diff], against: "k3bbbb" });
    const page = readFileSync(join(runs, "k3aaaa", "index.html"), "utf8");
    expect(page).toContain("old.tar → new.tar");
    expect(page).toContain("Compared with run k3bbbb");
    expect(
      (await printed(["k3aaaa"], { as: "html", diff: [diff, diff] })).out.match(/class="image-diff"/g),
    ).toHaveLength(2);
    writeFileSync(diff, "{");
    await expect(printed(["k3aaaa"], { diff: [diff] })).rejects.toThrow(/diff\.json is no diff: it ends in the middle/);
    expect(readFileSync(join(runs, "k3aaaa", "index.html"), "utf8")).toBe(page);
  });

  test.each([
    ["junit", /^<\?xml/],
    ["ctrf", /"reportFormat": "CTRF"/],
    ["tap", /^TAP version 13\n/],
    ["sarif", /"version": "2\.1\.0"/],
    ["markdown", /^# ❌ Failed/],
    ["html", /^<!doctype html>/],
    ["github", /^::error file=specs\/a\.spec\.ts,/],
  ])("prints it as %s, and nothing else", async (as, words) => {
    expect((await printed(["k3aaaa"], { as })).out).toMatch(words);
  });

  test("prints it as JSON", async () => {
    expect(JSON.parse((await printed(["k3aaaa"], { json: true })).out).run).toBe("k3aaaa");
  });

  test.each([
    [["k3c"], {}, /there is no run "k3c".*did you mean|there is no run "k3c"/],
    [["k3"], {}, /"k3" begins 2 runs; k3aaaa, k3bbbb/],
    [["k3aaaa", "k3bbbb"], {}, /takes one run/],
    [["k3aaaa"], { as: "toString" }, /there is no format "toString"; say html, junit/],
    [["k3aaaa"], { serve: "x" }, /"x" is no port/],
    [["diff", "k3aaaa"], {}, /takes two runs/],
    [["k3aaaa"], { json: true, diff: ["x"] }, /shown by the page alone/],
    [["k3aaaa"], { as: "junit", against: "k3bbbb" }, /shown by the page alone/],
  ])("%j %j is refused with what to do", async (words, options, said) => {
    await expect(printed(words, options)).rejects.toThrow(said);
  });
});

describe("assay report diff", () => {
  test("tells what broke first, and ends with 1 for it", async () => {
    const { code, out } = await printed(["diff", "k3aaaa", "k3bbbb"]);
    expect(code).toBe(ExitCode.failed);
    expect(out.split("\n").filter((line) => /^(broken|removed|added|fixed)/.test(line))).toEqual([
      "broken   specs/a.spec.ts > three: passed → skipped",
      "removed  specs/a.spec.ts > gone: passed → not there",
      "added    specs/a.spec.ts > four: not there → passed",
      "fixed    specs/a.spec.ts > two: failed → passed",
    ]);
    expect(out).toMatch(/\n1 broken, 1 removed, 1 added, 1 fixed, 1 as before\n$/);
  });

  test("of a run with itself tells nothing and ends with 0; --json is the comparison", async () => {
    const { code, out } = await printed(["diff", old, old], { json: true });
    expect(code).toBe(ExitCode.met);
    expect(JSON.parse(out)).toMatchObject({ tests: [], checks: [], images: [], slower: [], same: 4 });
  });
});

describe("what a CI service is told", () => {
  const report = reportOf(sampleRun());
  const summary = join(runs, "step-summary.md");
  const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: summary };

  test("nothing of it, where none says that it listens", () => {
    expect(linesForCi(report, ["::error::x"], { GITHUB_STEP_SUMMARY: summary })).toEqual(["::error::x"]);
    expect(linesForCi(report, ["x"], { ...env, ASSAY_WITHIN: "k1" })).toEqual(["x"]);
    expect(existsSync(summary)).toBe(false);
  });

  test("GitHub: annotations after the run's words, which are fenced; and the summary on the job's page", () => {
    const lines = linesForCi(report, ["  ::set-output name=x::y"], env);
    expect(lines[0]).toMatch(/^::stop-commands::/);
    expect(lines[1]).toBe("  ::set-output name=x::y");
    expect(lines[2]).toMatch(/^::[0-9a-f-]{36}::$/);
    expect(lines.slice(3).every((line) => line.startsWith("::error "))).toBe(true);
    expect(lines).toHaveLength(5);
    expect(readFileSync(summary, "utf8")).toMatch(/^# ⚠️ Could not ask\n/);
  });

  test("a summary that cannot be written fails no run", () => {
    expect(linesForCi(report, [], { ...env, GITHUB_STEP_SUMMARY: join(runs, "none/x") })[1]).toMatch(
      /could not be written/,
    );
  });
});
