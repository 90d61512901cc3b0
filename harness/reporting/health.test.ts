// Decides what a report tells of nodes' health, in every form, and that foreign words in it do no harm there.
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { htmlOf } from "./html.ts";
import { mergeReports } from "./merge.ts";
import { reportOf, reportSchema } from "./report.ts";
import { sampleRun } from "./sample.ts";
import { summaryOf } from "./summary.ts";

const at = Date.UTC(2026, 10, 3, 9, 30, 4);
const node = { environment: "docker-soe", scope: "bash", node: "soe" } as const;
const evil = "<script>alert(1)</script> \u001b[31m | `x`";
const found: readonly RunEvent[] = [
  { event: "finding", at, ...node, kind: "segfault", lines: [evil], file: "specs/a.spec.ts", test: "it renders" },
  {
    event: "finding",
    at,
    ...node,
    kind: "exited",
    lines: ["the container exited with status 3"],
    allowed: { by: "environment", reason: "its licence ends" },
  },
  {
    event: "watched",
    at,
    ...node,
    watched: ["exited"],
    notWatched: [{ kinds: ["avc-denial"], reason: "its kernel has no SELinux" }],
    optOuts: [
      { kind: "exited", reason: "its licence ends" },
      { kind: "oom-kill", reason: "the test provokes it", test: "it eats" },
    ],
  },
  { event: "overhead", at, of: "ledger", ms: 10 },
  { event: "overhead", at, of: "ledger", ms: 5 },
  { event: "overhead", at, of: "health", ms: 7 },
];
const events = [...sampleRun().slice(0, -1), ...found, ...sampleRun().slice(-1)];

describe("a report with findings", () => {
  const report = reportOf(events);

  test("keeps its schema, and has each, with what was allowed and what was not watched", () => {
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.health?.findings.map(({ kind, test: during, allowed }) => [kind, during, allowed?.reason])).toEqual([
      ["segfault", "it renders", undefined],
      ["exited", undefined, "its licence ends"],
    ]);
    expect(report.health?.nodes).toHaveLength(1);
    expect(report.overhead).toEqual({ ledgerMs: 15, evidenceMs: 0, healthMs: 7 });
  });

  test("the summary tells all of it, unused opt-outs too", () => {
    const text = summaryOf(report);
    expect(text).toContain("## Health");
    expect(text).toContain('segfault during "it renders"');
    expect(text).toMatch(/exited outside of any test; allowed by the environment: its licence ends/);
    expect(text).toContain('oom-kill was allowed by the test "it eats", and not found');
    expect(text).toContain("not watched: avc-denial: its kernel has no SELinux");
    expect(text).not.toContain("<script>");
  });

  test("the page tells it, harmlessly", () => {
    const page = htmlOf(report);
    expect(page).toContain('<section id="health">');
    expect(page).toContain("its licence ends");
    expect(page).toContain("its kernel has no SELinux");
    expect(page).not.toContain("<script>alert");
  });

  test("merged with another it is both", () => {
    const other = reportOf(
      [...sampleRun(), ...found].map((each) => ("run" in each ? { ...each, run: "other1" } : each)),
    );
    const merged = mergeReports(
      [report, other].map((one, index) => ({ report: one, at: String(index) })),
      "merged",
    );
    expect(merged.health?.findings).toHaveLength(4);
    expect(merged.health?.findings[0]?.scope).toBe("k3f9x2/bash");
    expect(merged.overhead?.ledgerMs).toBe(30);
  });
});

test("a run without findings says so of the nodes that it watched, and no more", () => {
  const page = htmlOf(reportOf(sampleRun()));
  expect(page).toContain("Nothing was found of the 0 nodes");
  expect(page).not.toMatch(/is healthy/i);
});
