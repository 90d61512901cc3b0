import { describe, expect, test } from "vitest";
import { DeclarationError } from "../model/errors.ts";
import type { RunEvent, Shard } from "../model/event.ts";
import { ctrfOf } from "./ctrf.ts";
import { htmlOf } from "./html.ts";
import { junitOf } from "./junit.ts";
import { mergeReports, type ReportAt } from "./merge.ts";
import { type Report, reportOf, reportSchema } from "./report.ts";
import { began, ranTest, runEnded, runStarted, sampleRun, testEnded } from "./sample.ts";
import { sarifOf } from "./sarif.ts";
import { summaryOf } from "./summary.ts";
import { tapOf } from "./tap.ts";
import { verdictLines } from "./verdict.ts";

function run(name: string, shard: Shard | undefined, events: readonly RunEvent[], end = runEnded()): Report {
  return reportOf([runStarted({ run: name, ...(shard === undefined ? {} : { shard }) }), ...events, end]);
}
const of = (index: number, count = 2): Shard => ({ index, count });
const green = (file: string) => ranTest(file, "is so", "passed");
const merged = (...reports: Report[]) =>
  mergeReports(
    reports.map((report) => ({ report, at: `${report.run}.json` })),
    "merged-1",
  );

describe("shards", () => {
  test("in any order, are one report by the schema, with all that each saw", () => {
    const whole = merged(run("two", of(2), green("b.spec.ts")), run("one", of(1), sampleRun().slice(1, -1)));
    expect(reportSchema.parse(whole)).toEqual(whole);
    expect(whole.mergedFrom?.map(({ run: name }) => name)).toEqual(["one", "two"]);
    expect(whole).toMatchObject({ verdict: "could-not-ask", exitCode: 3 });
    expect(whole.counts.tests).toEqual({ passed: 3, failed: 1, errored: 1, skipped: 1 });
    expect(whole.teardown).toMatchObject({ created: 10, destroyed: 10, inventoried: true });
    expect(whole.environments[0]?.scope).toBe("one/bash");
    expect(whole.evidence[0]?.path).toBe("evidence/one/docker-soe-bash/soe.log");
  });

  test("all met is met; one that fails makes the whole fail; one that was cancelled cancels it", () => {
    const one = run("one", of(1), green("a.spec.ts"));
    expect(merged(one, run("two", of(2), green("b.spec.ts")))).toMatchObject({ verdict: "met", exitCode: 0 });
    const failing = run("two", of(2), ranTest("b.spec.ts", "is so", "failed"));
    expect(merged(one, failing)).toMatchObject({ verdict: "failed", exitCode: 1 });
    const cancelled = run("two", of(2), green("b.spec.ts"), runEnded({}, { cancelled: "SIGTERM" }));
    expect(merged(one, cancelled)).toMatchObject({ verdict: "cancelled", exitCode: 143 });
  });

  test("one of which all is skipped is no failure by itself; a whole of which all is, is one", () => {
    const skipping = (name: string, index: number) =>
      run(name, of(index), [testEnded(`${name}.spec.ts`, "is so", "skipped", { reason: "no KVM here" })]);
    expect(skipping("one", 1)).toMatchObject({ verdict: "met", exitCode: 0 });
    expect(merged(skipping("one", 1), run("two", of(2), green("b.spec.ts")))).toMatchObject({ exitCode: 0 });
    expect(merged(skipping("one", 1), skipping("two", 2))).toMatchObject({ verdict: "usage", exitCode: 2 });
  });

  test("one that is missing means that it could not be asked", () => {
    const part = merged(run("one", of(1, 3), green("a.spec.ts")), run("three", of(3, 3), green("c.spec.ts")));
    expect(part).toMatchObject({ verdict: "could-not-ask", exitCode: 3 });
    expect(part.troubles.map(({ error }) => error.message)).toEqual([
      "shard 2/3 is missing: nothing is known of its specs",
    ]);
  });

  test("a test that two of them ran is told: these are no parts of one whole", () => {
    const twice = merged(run("one", of(1), green("a.spec.ts")), run("two", of(2), green("a.spec.ts")));
    expect(twice.exitCode).toBe(3);
    expect(twice.troubles).toEqual([
      { outcome: "errored", exitCode: 3, file: "a.spec.ts", error: expect.objectContaining({ code: "doubled-test" }) },
    ]);
  });

  test.each([
    ["doubled-report", [run("one", of(1), []), run("one", of(2), [])], "one.json and one.json are both of run one"],
    ["doubled-report", [run("one", of(1), []), run("two", of(1), [])], "are both shard 1/2"],
    ["mixed-shards", [run("one", of(1), []), run("two", of(2, 3), [])], "two.json is shard 2/3"],
    ["mixed-shards", [run("one", of(1), []), run("two", undefined, [])], "two.json is a whole run"],
    ["no-reports", [], "there is no report"],
  ])("%s is refused", (code, reports, said) => {
    const merging = () => merged(...reports);
    expect(merging).toThrow(DeclarationError);
    expect(merging).toThrow(expect.objectContaining({ code, message: expect.stringContaining(said) }));
  });
});

test("whole runs are merged in the order in which they began, and a leak of one is the leak of all", () => {
  const leaking = run("two", undefined, green("b.spec.ts"), runEnded({ leaked: ["container left"] }));
  const whole = merged(leaking, run("one", undefined, green("a.spec.ts")));
  expect(whole).toMatchObject({ verdict: "leaked", exitCode: 4 });
  expect(whole.teardown.leaked).toEqual(["container left"]);
});

test("every format says of which runs it is made", () => {
  const whole = merged(run("one", of(1), green("a.spec.ts")), run("two", of(2), ranTest("b.spec.ts", "b", "failed")));
  const words = ["one, shard 1/2, on builder-7: Met", "two, shard 2/2, on builder-7: Failed"];
  const [html, terminal] = [htmlOf(whole), verdictLines(whole, { color: false }).join("\n")];
  for (const each of words) {
    expect(html).toContain(each);
    expect(terminal).toContain(`merged    ${each}`);
    expect(summaryOf(whole)).toContain(`- ${each}`);
  }
});

test("evidence of a report from elsewhere leads nowhere but below evidence/", () => {
  const report = run("one", undefined, green("a.spec.ts"));
  const evil = { environment: "a", node: "b", title: "log", path: "../../../etc/passwd" };
  expect(merged({ ...report, evidence: [evil] }).evidence[0]?.path).toBe("evidence/one/etc/passwd");
});

describe("shards of different runs", () => {
  const shard = (index: number, pattern: string): ReportAt => {
    const started = runStarted({
      run: `r${index}`,
      shard: { index, count: 2 },
      command: ["assay", "run", "--shard", `${index}/2`, pattern],
    });
    return { report: reportOf([started, ...ranTest(`${index}.spec.ts`, "t", "passed"), runEnded()]), at: `${index}` };
  };
  test("are no whole", () => {
    expect(mergeReports([shard(1, "docker"), shard(2, "docker")], "m").verdict).toBe("met");
    expect(() => mergeReports([shard(1, "docker"), shard(2, "kvm")], "m")).toThrow(
      /shards of different runs: "assay run docker", "assay run kvm"/,
    );
  });
  test("of which one is missing are an error in every format", () => {
    const merged = mergeReports([shard(2, "docker")], "m");
    expect(merged.exitCode).toBe(3);
    expect(junitOf(merged)).toMatch(/<error type="missing-shard" message="shard 1\/2 is missing/);
    expect(tapOf(merged)).toMatch(/not ok \d+ - .*outside any test/);
    expect(JSON.parse(ctrfOf(merged)).results.summary.failed).toBe(1);
    expect(JSON.parse(sarifOf(merged)).runs[0].invocations[0].executionSuccessful).toBe(false);
    expect(htmlOf(merged)).toContain("shard 1/2 is missing");
    expect(summaryOf(merged)).toContain("shard 1/2 is missing");
  });
});

describe("shards on", () => {
  const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
  const image = (tag: string, id: string, recipe = "a"): RunEvent => ({
    event: "image",
    at: began,
    recipe: tag.replace(/:.*/, ""),
    tag,
    recipeDigest: digest(recipe),
    treeDigest: digest("b"),
    imageId: digest(id),
    built: false,
    ms: 1,
  });
  const files = (of: Readonly<Record<string, string>>): RunEvent => ({
    event: "inputs",
    at: began,
    file: "x.spec.ts",
    inputs: Object.entries(of).map(([path, letter]) => ({ path, sha256: letter.repeat(64) })),
  });
  const shard = (index: number, ...events: readonly RunEvent[]) =>
    run(`r${index}`, of(index, 3), [...events, ...green(`${index}.spec.ts`)]);
  const merging =
    (...reports: readonly Report[]) =>
    () =>
      merged(...reports);

  test("another image under one tag are refused, with the image, two of the shards, and why it may be", () => {
    const [one, two] = [shard(1, image("soe:1", "c")), shard(2, image("soe:1", "c"))];
    const wrong = merging(one, two, shard(3, image("soe:1", "d", "e")));
    expect(wrong).toThrow(DeclarationError);
    expect(wrong).toThrow(
      expect.objectContaining({
        code: "mixed-shards",
        message: `declare: they are shards on different images: soe:1 is ${digest("c")} in r1.json, and ${digest("d")} in r3.json; run all shards again on one commit, from the same bases`,
      }),
    );
    expect(merging(one, two, shard(3, image("soe:1", "d")))).toThrow(/recipes are the same, and were built apart/);
  });

  test("another file at one path are refused, also where it changed while one of them ran", () => {
    const [one, two] = [shard(1, files({ "lib.ts": "1", "a.ts": "2" })), shard(2, files({ "lib.ts": "1" }))];
    const other = shard(3, files({ "lib.ts": "3", "b.ts": "2" }));
    expect(merging(one, two, other)).toThrow(
      expect.objectContaining({
        code: "mixed-shards",
        message: expect.stringContaining(
          `on different files: lib.ts is ${"1".repeat(64)} in r1.json, and ${"3".repeat(64)} in r3.json; run all`,
        ),
      }),
    );
    const changing = shard(3, files({ "lib.ts": "1" }), files({ "lib.ts": "3" }));
    expect(merging(one, two, changing)).toThrow(/and 1{64} and 3{64} in r3.json/);
  });

  test("many others are counted, and none of them says anything to a terminal", () => {
    const all = (index: number) => ({
      ...shard(index),
      inputs: ["\u001b[2Ja", "b", "c", "d", "e"].map((path) => ({ path, sha256: `${index}`.repeat(64) })),
    });
    const wrong = merging(all(1), all(2));
    expect(wrong).toThrow(/; and 2 more; run all/);
    expect(wrong).not.toThrow("\u001b");
  });

  test("what only one of them used or read, on any host, are one whole", () => {
    const [base, lib] = [image("soe:1", "c"), files({ "lib.ts": "1" })];
    const [first, second] = [
      shard(1, base, image("web:1", "d"), lib),
      shard(2, image("soe:2", "e"), files({ "b.ts": "2" })),
    ];
    const third = shard(3, { ...base, built: true, ms: 900, recipeDigest: digest("f") } as RunEvent, lib);
    const elsewhere = { ...third, host: { ...third.host, hostname: "builder-8", engines: { podman: "5.4" } } };
    expect(merged(first, second, elsewhere)).toMatchObject({ verdict: "met", exitCode: 0 });
  });

  test("different images are no shards of each other's where they are whole runs", () => {
    const whole = (name: string, id: string) => run(name, undefined, [image("soe:1", id), ...green(`${name}.spec.ts`)]);
    expect(merged(whole("one", "c"), whole("two", "d")).images.map(({ imageId }) => imageId)).toEqual([
      digest("c"),
      digest("d"),
    ]);
  });
});
