// Timings as numbers, and numbers as a table: all of it pure.
import { describe, expect, test } from "vitest";
import { chartOf } from "./chart.ts";
import { pageOf, withPart } from "./page.ts";
import { ratioOf, sampleOf } from "./sample.ts";
import { markdownPart, plainTable, type Row, verdictOf } from "./table.ts";

describe("a sample", () => {
  test("is median and quartiles, in whatever order the timings came", () => {
    expect(sampleOf([5, 1, 4, 2, 3])).toEqual({ rounds: 5, median: 3, lower: 2, upper: 4 });
  });

  test("lies between two timings where their number is even", () => {
    expect(sampleOf([1, 2, 3, 4])).toEqual({ rounds: 4, median: 2.5, lower: 1.75, upper: 3.25 });
  });

  test("of one timing is that timing", () => {
    expect(sampleOf([7])).toEqual({ rounds: 1, median: 7, lower: 7, upper: 7 });
  });

  test("one interrupted round does not move it", () => {
    expect(sampleOf([10, 11, 12, 13, 9000]).median).toBe(12);
  });

  test("of nothing is refused", () => {
    expect(() => sampleOf([])).toThrow(RangeError);
    expect(() => sampleOf([5, Number.NaN])).toThrow("no timing is NaN");
  });

  test("a ratio is of medians, and a peer that took no time is refused", () => {
    expect(ratioOf(sampleOf([30]), sampleOf([60]))).toBe(0.5);
    expect(() => ratioOf(sampleOf([30]), sampleOf([0]))).toThrow("cannot take 0 ms");
  });
});

describe("a table", () => {
  const row = (ours: number, target?: number): Row => ({
    work: "some work",
    ours: { by: "all()", sample: sampleOf([ours]) },
    peer: { by: "a shell", sample: sampleOf([100]) },
    ...(target === undefined ? {} : { target }),
  });
  const missing: Row = { ...row(50, 1), peer: { by: "a shell", missing: "there is no shell" } };

  test("a target is met up to and including itself", () => {
    expect([row(100, 1), row(101, 1), row(5), missing].map(verdictOf)).toEqual([
      "met",
      "not met",
      "for information",
      "peer missing",
    ]);
  });

  test("for a terminal, columns begin below each other", () => {
    expect(plainTable([row(50, 1), row(200, 2.5)])).toBe(
      [
        "Work       Assay             Peer           Ratio  Target  Verdict",
        "some work  50.0 (50.0–50.0)  100 (100–100)  0.50   ≤ 1.0   met",
        "some work  200 (200–200)     100 (100–100)  2.00   ≤ 2.5   met",
      ].join("\n"),
    );
  });

  test("the page tells why a peer is missing, and what was measured with", () => {
    const page = markdownPart([missing], { cpus: 2, memoryBytes: 4 * 2 ** 30, versions: { node: "v24.0.0" } });
    expect(page).toContain("| some work | 50.0 (50.0–50.0) | missing | – | ≤ 1.0 | peer missing |");
    expect(page).toContain("missing: there is no shell");
    expect(page).toContain("2 cores, 4 GiB. With node v24.0.0.");
  });

  test("a limit is of ours alone, in its unit, and needs no peer", () => {
    const memory = (value: number): Row => ({
      work: "memory",
      ours: { by: "grows by", sample: sampleOf([value]) },
      limit: 10,
      unit: "MiB",
      load: [0.5, 7],
    });
    const unmade: Row = { work: "warm start", ours: { by: "from the store", missing: "not built" }, target: 0.4 };
    expect([memory(10), memory(10.1), unmade].map(verdictOf)).toEqual(["met", "not met", "not measured"]);
    const page = markdownPart([memory(9), unmade], { cpus: 2, memoryBytes: 2 ** 30, versions: {} });
    expect(page).toContain("| memory | 9.0 (9.0–9.0) MiB | – | – | ≤ 10 MiB | met |");
    expect(page).toContain("- memory (load average 0.5 to 7.0)");
    expect(page).toContain("  - Assay: from the store; missing: not built");
  });
});

describe("the page and its chart", () => {
  const row = (work: string, ours: number, more: Partial<Row> = {}): Row => ({
    work,
    ours: { by: "all()", sample: sampleOf([ours]) },
    peer: { by: "a shell", sample: sampleOf([100]) },
    ...more,
  });
  const machine = { cpus: 2, memoryBytes: 2 ** 30, versions: { node: "v24.0.0" } };

  test("a part that is measured anew leaves the others", () => {
    const first = withPart({}, "Machines", { rows: [row("boots", 50)], machine });
    const both = withPart(first, "Containers", { rows: [row("runs", 50)], machine });
    expect(Object.keys(both)).toEqual(["Containers", "Machines"]);
    const page = pageOf(both);
    expect(page).toMatch(/^## Containers\n\n[^#]*\| runs [^#]*^## Machines\n\n[^#]*\| boots /m);
    const again = pageOf(withPart(both, "Machines", { rows: [row("resets", 50)], machine }));
    expect(again).toBe(page.replaceAll("boots", "resets"));
  });

  test("what has no ratio is not drawn; what comes from outside is escaped; a line begins or ends at the peer", () => {
    const missing = row("no peer", 1, { peer: { by: "a shell", missing: "there is none" } });
    const chart = chartOf([row("a <b>", 10, { target: 0.5 }), missing, row("slow", 400, { target: 2 })]);
    expect(chart).not.toContain("no peer");
    expect(chart).toContain("a &lt;b&gt;");
    const bars = [...chart.matchAll(/<rect x="(\d+)" y="\d+" width="(\d+)".*fill="(#\w+)"/g)].map(
      ([, x, width, fill]) => ({ x: Number(x), end: Number(x) + Number(width), fill }),
    );
    expect(bars).toHaveLength(2);
    const one = Number(/class="one" x1="(\d+)"/.exec(chart)?.[1]);
    expect(bars[0]?.end).toBe(one);
    expect(bars[1]?.x).toBe(one);
    expect(bars[0]?.fill).not.toBe(bars[1]?.fill);
    // A tenth of the peer, and four times it, on one scale.
    expect((bars[1]?.end ?? 0) - one).toBeCloseTo((one - (bars[0]?.x ?? 0)) * Math.log10(4), -1);
  });
});
