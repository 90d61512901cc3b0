// Decides that no foreign text, whatever it holds, changes the shape of what is written, and that files are whole.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ReportError } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { secret } from "../model/secret.ts";
import { redactMarkup } from "./escape.ts";
import { htmlOf } from "./html.ts";
import { script } from "./html-script.ts";
import { junitOf } from "./junit.ts";
import { remarksOf } from "./remarks.ts";
import { reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, sampleRun } from "./sample.ts";
import { summaryOf } from "./summary.ts";
import { hostile, saying } from "./testing/hostile.ts";
import { writeReport } from "./write.ts";

const directory = mkdtempSync(join(tmpdir(), "assay-report-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Element names in order with their attributes' names, as Python's expat reads the document; throws where it cannot. Needs python3, as Ansible does. */
function xmlShape(xml: string): string {
  const program =
    "import sys,xml.etree.ElementTree as e\nfor n in e.parse(sys.stdin.buffer).iter(): print(n.tag, sorted(n.attrib))";
  return execFileSync("python3", ["-c", program], { input: xml, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

/** Tags in order without their attributes' values. Sound because no text may hold `<` or a quote unescaped. */
function htmlShape(html: string): string[] {
  return [...html.matchAll(/<[^>]*>?/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '""'));
}

describe("hostile text", () => {
  const harmless = reportOf(saying("harmless"));
  const harmlessXml = xmlShape(junitOf(harmless));

  test.each(Object.entries(hostile))("%s cannot change a document's shape", (_, text) => {
    const report = reportOf(saying(text));
    expect(xmlShape(junitOf(report))).toBe(harmlessXml);
    const html = htmlOf(report);
    expect(htmlShape(html)).toEqual(htmlShape(htmlOf(harmless)));
    for (const [, target] of html.matchAll(/href="([^"]*)"/g)) {
      expect(target).toMatch(
        /^(#|evidence\/|(report\.json|junit\.xml|summary\.md|ctrf\.json|results\.tap|results\.sarif)$)/,
      );
    }
    for (const out of [html, junitOf(report), summaryOf(report)]) {
      expect(out).not.toMatch(/[^\P{Cc}\t\n]/u);
      expect(out.isWellFormed()).toBe(true);
    }
    // What Markdown does not show as code.
    const prose = summaryOf(report).replace(/(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)/g, "");
    expect(prose).not.toMatch(/<|^# h|^```|(?<!\\)[[\]`]|https?:/m);
  });

  test("a megabyte in every field leaves documents that can be opened", () => {
    const report = reportOf(saying(hostile.megabyte));
    expect(JSON.stringify(report).length).toBeLessThan(4_000_000);
    expect(htmlOf(report).length).toBeLessThan(4_000_000);
    expect(summaryOf(report).length).toBeLessThan(1_048_576);
  });

  test("the page fetches nothing, and its policy knows its style and its script by their digests", () => {
    const html = htmlOf(reportOf(sampleRun()));
    const digest = (tag: string) => {
      const [, text = ""] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html) ?? [];
      return `${tag}-src 'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    };
    const policy = `default-src 'none'; ${digest("style")}; ${digest("script")}; base-uri 'none'; form-action 'none'`;
    expect(html).toContain(`<meta http-equiv="Content-Security-Policy" content="${policy}">`);
    expect(html).not.toMatch(/<(link|img|iframe|object|embed)\b|url\(|@import|https?:| style=| on[a-z]+=|<script[^>]/i);
    expect(html.match(/<script|<style/g)).toHaveLength(2);
  });

  test("a secret that is a word of the page's script breaks neither it nor its digest", () => {
    const name = secret("word-of-script", "outcomes");
    expect(name).toBeDefined();
    const html = redactMarkup(htmlOf(reportOf(saying("the outcomes are known"))));
    expect(/<script>([\s\S]*?)<\/script>/.exec(html)?.[1]).toBe(script);
    expect(html.replace(/<(script|style)>[\s\S]*?<\/\1>/g, "")).not.toMatch(/>[^<]*the outcomes are/);
  });
});

describe("junit", () => {
  test("counts what it lists, and blames the image only for failures", () => {
    const xml = junitOf(reportOf(sampleRun()));
    expect(xml).toContain('<testsuites name="assay" tests="5" failures="1" errors="1" time="14.000">');
    expect(xml.match(/<testcase /g)).toHaveLength(5);
    expect(xml.match(/<failure /g)).toHaveLength(1);
    expect(xml).toContain('<error type="tool-missing" message="the name registry.example resolves to 192.0.2.7">');
    expect(xml).toContain('<skipped message="the host has no SELinux"/>');
    expect(xml).toContain(`<property name="image.vfx-studio-soe:0.1.0.id" value="sha256:${"c".repeat(64)}"/>`);
  });

  test("a leak and a trouble are errors there too", () => {
    const xml = junitOf(
      reportOf([
        runStarted(),
        ...ranTest("a", "a", "passed"),
        {
          event: "trouble",
          at: began,
          outcome: "errored",
          exitCode: 3,
          error: { name: "Error", message: "vitest died" },
        },
        runEnded({ leaked: ["volume v"] }),
      ]),
    );
    expect(xml).toContain('tests="3" failures="0" errors="2"');
  });
});

describe("who reads one format alone", () => {
  test.each([
    ["whose end nobody said", [runStarted(), ...ranTest("a", "a", "passed")]],
    ["in which all is skipped", [runStarted(), ...ranTest("a", "a", "skipped", { checks: [] }), runEnded()]],
    ["that was cancelled", [runStarted(), ...ranTest("a", "a", "passed"), runEnded({}, { cancelled: "SIGINT" })]],
  ])("of JUnit does not take a run for a good one %s", (_, events) => {
    const report = reportOf(events);
    const xml = junitOf(report);
    expect(report.exitCode).not.toBe(0);
    expect(xml).toContain('tests="2" failures="0" errors="1"');
    expect(xml.match(/<testcase /g)).toHaveLength(2);
    expect(xml).toContain(`<error type="${report.verdict}" message="${report.reason.replaceAll('"', "&quot;")}"`);
  });

  test("finds what was left standing", () => {
    const nodes = [{ node: "soe", kind: "container" as const, name: "assay-k3f9x2-1-soe" }];
    const stands = [{ environment: "docker-soe", scope: "1", nodes, resources: ["container assay-k3f9x2-1-soe"] }];
    const report = reportOf([
      runStarted(),
      ...ranTest("a", "a", "passed"),
      runEnded({ destroyed: 4, kept: { until: began + 3_600_000, stands } }),
    ]);
    for (const text of [summaryOf(report), htmlOf(report)]) {
      expect(text).toContain("2026-11-03T10:30:00.000Z");
      expect(text).toContain("assay down k3f9x2");
      expect(text).toContain("docker-soe/soe");
      expect(text).toContain("assay-k3f9x2-1-soe");
    }
  });
});

describe("what a teardown remarked", () => {
  const phase = { event: "phase", environment: "e", scope: "s", phase: "destroy" } as const;
  const remarked = (node: string, detail: string, at: number): RunEvent[] => [
    { ...phase, node, at: began + at, state: "started", detail },
    { ...phase, node, at: began + at, state: "done" },
  ];
  const report = reportOf([
    runStarted(),
    ...ranTest("a", "a", "passed"),
    ...remarked("dev", "mount /vfx hangs", 2000),
    ...remarked("dev", "evidence could not be kept: <disk> full", 2001),
    { ...phase, at: began + 2100, state: "started" },
    { ...phase, at: began + 2200, state: "failed", detail: "container x could not be removed" },
    runEnded(),
  ]);

  test("is its node's, phase by phase, and ends; what failed is no remark; the verdict is what it was", () => {
    expect(report.environments[0]?.nodes[0]?.phases).toMatchObject([
      { phase: "destroy", state: "done", detail: "mount /vfx hangs" },
      { phase: "destroy", state: "done", detail: "evidence could not be kept: <disk> full" },
    ]);
    expect(remarksOf(report)).toEqual([
      { where: "e/dev", text: "mount /vfx hangs" },
      { where: "e/dev", text: "evidence could not be kept: <disk> full" },
    ]);
    expect(report.verdict).toBe("met");
  });

  test("is told in the summary and on the page, escaped", () => {
    expect(summaryOf(report)).toContain("Remarked on the way:\n\n- `e/dev`: mount /vfx hangs\n");
    expect(summaryOf(report)).toContain("&lt;disk");
    expect(htmlOf(report)).toContain("<b>Remarked on the way</b>");
    expect(htmlOf(report)).toContain("<code>e/dev</code> mount /vfx hangs");
    for (const text of [summaryOf(reportOf(sampleRun())), htmlOf(reportOf(sampleRun()))])
      expect(text).not.toContain("Remarked");
  });
});

describe("writeReport", () => {
  test("writes seven whole files and nothing else, again and again", async () => {
    const target = join(directory, "deep", "run");
    const report = reportOf(sampleRun());
    await Promise.all([writeReport(target, report), writeReport(join(directory, "other"), report)]);
    const paths = await writeReport(target, report);
    expect(readdirSync(target).sort()).toEqual([
      "ctrf.json",
      "index.html",
      "junit.xml",
      "report.json",
      "results.sarif",
      "results.tap",
      "summary.md",
    ]);
    expect(JSON.parse(readFileSync(paths.json, "utf8"))).toEqual(JSON.parse(JSON.stringify(report)));
    expect(readFileSync(paths.html, "utf8")).toMatch(/<\/html>\n$/);
    expect(readFileSync(paths.summary, "utf8")).toMatch(/^# ⚠️ Could not ask\n/);
  });

  test("a report that breaks its schema is not written", async () => {
    const target = join(directory, "bad");
    const bad = { ...reportOf(sampleRun()), ms: -1 };
    await expect(writeReport(target, bad)).rejects.toMatchObject({ code: "bad-report" });
    expect(readdirSync(directory)).not.toContain("bad");
  });

  test("a directory that cannot be written is a ReportError with the next step", async () => {
    const blocked = join(directory, "file");
    writeFileSync(blocked, "");
    const failure = await writeReport(blocked, reportOf(sampleRun())).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ReportError);
    expect(failure).toMatchObject({
      code: "unwritable",
      hint: "free disk space there, or make the directory writable",
    });
  });

  test("two thousand checks", async () => {
    const events = Array.from({ length: 40 }, (_, index) => {
      const file = `specs/${index % 8}.spec.ts`;
      const checks = Array.from({ length: 50 }, (__, nth) =>
        check(file, `test ${index}`, { title: `file /f${nth} exists` }),
      );
      return ranTest(file, `test ${index}`, "passed", { at: index * 100, checks });
    }).flat();
    const start = performance.now();
    const report = reportOf([runStarted(), ...events, runEnded()]);
    const paths = await writeReport(join(directory, "many"), report);
    const took = performance.now() - start;
    const html = readFileSync(paths.html, "utf8");
    console.log(
      `2,000 checks: report made and written in ${took.toFixed(0)} ms; page ${(html.length / 1024).toFixed(0)} KiB`,
    );
    expect(html.match(/file \/f\d+ exists/g)).toHaveLength(2000);
  });
});
