// Decides that two reports are told apart by what differs, and that evidence beside a failure is that of its node and time, from inside the run.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compareReports } from "./compare.ts";
import { compareLines, isWorse } from "./compare-lines.ts";
import { excerptsIn, timed } from "./excerpt.ts";
import { pictureSection } from "./html-picture.ts";
import { type Report, reportOf } from "./report.ts";
import { toReproduce } from "./reproduce.ts";
import { began, check, ranTest, runEnded, runStarted, sampleRun, stoodUp } from "./sample.ts";

const file = "specs/a.spec.ts";
const ran = (...names: readonly string[]) =>
  reportOf([
    runStarted(),
    ...ranTest(file, "t", "passed", { checks: names.map((title) => check(file, "t", { title })) }),
    runEnded(),
  ]);

describe("a comparison", () => {
  test("tells a test that asks less than it did, though it passes", () => {
    const comparison = compareReports(ran("a is so", "b is so"), ran("a is so", "c is so"));
    expect(comparison.checks).toEqual([
      { file, name: "t", gone: ["docker-soe/soe: b is so"], come: ["docker-soe/soe: c is so"] },
    ]);
    expect(compareLines(comparison, { color: false })).toContain("         - docker-soe/soe: b is so");
    expect(isWorse(comparison)).toBe(false);
  });

  test("tells an image under the same tag that is another one, and what takes twice as long", () => {
    const report = reportOf(sampleRun());
    const other: Report = {
      ...report,
      images: report.images.map((image) => ({ ...image, imageId: "sha256:other" })),
      tests: report.tests.map((each) => ({ ...each, ms: each.ms * 3 })),
    };
    const { images, slower, tests } = compareReports(report, other);
    expect(tests).toEqual([]);
    expect(images).toEqual([
      { tag: "vfx-studio-soe:0.1.0", before: `sha256:${"c".repeat(64)}`, after: "sha256:other" },
    ]);
    expect(slower.map(({ before, after }) => [before, after])).toEqual([
      [2100, 6300],
      [900, 2700],
    ]);
  });

  test("keeps tests of one name apart by their order", () => {
    const twice = (second: "passed" | "failed") =>
      reportOf([
        runStarted(),
        { event: "planned", at: began, file, tests: ["t", "t"] },
        ...ranTest(file, "t", "passed").slice(1),
        ...ranTest(file, "t", second).slice(1),
        runEnded(),
      ]);
    expect(compareReports(twice("passed"), twice("failed")).tests).toEqual([
      { file, name: "t", before: "passed", after: "failed", kind: "broken" },
    ]);
  });
});

describe("times in logs", () => {
  test.each([
    ["2026-11-22T12:21:04.343622844Z studio-web", "2026-11-22T12:21:04.343Z"],
    ["2026-11-22 10:40:41.722877+00:00 [info]", "2026-11-22T10:40:41.722Z"],
    ["2026-11-22T10:40:41+0100 host kernel:", "2026-11-22T09:40:41.000Z"],
    ["2026-11-22 10:40:41,5 INFO", "2026-11-22T10:40:41.500Z"],
  ])("%s", (line, at) => {
    expect(new Date(timed(line)[0]?.at ?? 0).toISOString()).toBe(at);
  });
  test.each(["[    0.000000] Linux", "2026-99-99T10:40:41Z x", "", "nothing"])("%j has none", (line) => {
    expect(timed(`${line}\n`).every(({ at }) => at === undefined)).toBe(true);
  });
});

describe("excerpts", () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-excerpt-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const room = join(directory, "evidence", "docker-soe-s");
  mkdirSync(room, { recursive: true });
  const evidence = (path: string, node = "soe", scope = "s") =>
    ({ event: "evidence", at: began, environment: "docker-soe", scope, node, title: "log", path }) as const;
  const report = reportOf([
    runStarted(),
    ...stoodUp(file, "s", 0, 9000),
    ...stoodUp(file, "later", 10_000, 12_000),
    ...ranTest(file, "t", "failed", { checks: [check(file, "t", { outcome: "failed" })] }),
    evidence("evidence/docker-soe-s/soe.log"),
    evidence("evidence/docker-soe-s/other.log", "other"),
    evidence("evidence/docker-soe-later/soe.log", "soe", "later"),
    evidence("evidence/docker-soe-s/link.log"),
    evidence("evidence/out/secret.txt"),
    evidence("evidence/docker-soe-s/pipe.json"),
    runEnded(),
  ]);
  const [failed] = report.tests;
  const at = began + 5000;
  const stamp = (ms: number) => new Date(began + ms).toISOString();
  writeFileSync(join(room, "soe.log"), `${stamp(0)} early\n${stamp(4000)} near\u001b[2J\n${stamp(60_000)} late\n`);
  writeFileSync(join(room, "other.log"), `${stamp(5000)} of another node\n`);
  mkdirSync(join(directory, "evidence", "docker-soe-later"));
  writeFileSync(join(directory, "evidence", "docker-soe-later", "soe.log"), `${stamp(5000)} of another life\n`);
  symlinkSync("/etc/passwd", join(room, "link.log"));
  mkdirSync(join(directory, "elsewhere"));
  writeFileSync(join(directory, "elsewhere", "secret.txt"), `${stamp(5000)} of the host\n`);
  symlinkSync(join(directory, "elsewhere"), join(directory, "evidence", "out"));

  test("are of the node and the stand-up that were asked, at that time, without escapes; links are not followed", () => {
    expect(failed && excerptsIn(report, directory)(failed, at, "docker-soe/soe")).toEqual([
      {
        node: "docker-soe/soe",
        title: "log",
        path: "evidence/docker-soe-s/soe.log",
        about: "around that time",
        lines: [`${stamp(4000)} near`],
      },
    ]);
  });

  test("are the last lines, where none is of that time; none, where nothing lies there", () => {
    const [found] = failed ? excerptsIn(report, directory)(failed, began + 30_000, "docker-soe/soe") : [];
    expect(found).toMatchObject({ about: "last lines" });
    expect(failed && excerptsIn(report, join(directory, "nowhere"))(failed, at, undefined)).toEqual([]);
  });
});

describe("a picture", () => {
  const drawn = (nodes: readonly { readonly node: string; readonly on?: string }[]) => {
    const about = { kind: "vm" as const, image: "i", networks: [], mounts: [], extras: [] };
    const layout = { nodes: nodes.map((node) => ({ ...about, ...node })), networks: [] };
    const declared = { event: "declared" as const, at: began, environment: "e", layout };
    return pictureSection(reportOf([runStarted(), declared, runEnded()]))?.text ?? "";
  };

  test("has each node once, in what carries it", () => {
    expect(drawn([{ node: "a" }, { node: "b", on: "a" }]).match(/class="title"/g)).toHaveLength(2);
  });

  test("of nodes that carry each other, or of one name each twice, is drawn soon", () => {
    expect(
      drawn([
        { node: "a", on: "b" },
        { node: "b", on: "a" },
        { node: "c", on: "c" },
      ]),
    ).toContain("<svg");
    const chain = Array.from({ length: 40 }, (_, index) => ({
      node: `n${index}`,
      ...(index === 0 ? {} : { on: `n${index - 1}` }),
    }));
    expect(drawn([...chain, ...chain]).match(/class="title"/g)).toHaveLength(40);
  });
});

describe("how to reproduce", () => {
  const failing = (name: string) => reportOf([runStarted(), ...ranTest(name, "t", "failed"), runEnded()]);
  const commands = (report: Report, node?: string) =>
    report.tests.slice(0, 1).flatMap((each) => toReproduce(report, each, node).map(({ command }) => command));

  test("foreign words are one word for a shell", () => {
    expect(commands(failing("specs/a; rm -rf $HOME'.spec.ts"))[0]).toBe(
      "assay run 'specs/a; rm -rf $HOME'\\''.spec.ts'",
    );
  });

  test("what stood in for others does so again; what still stands is entered", () => {
    const nodes = [{ node: "soe", kind: "container" as const, name: "assay-1-soe" }];
    const report = reportOf([
      runStarted({ command: ["assay", "run", "--with", "soe=rc:1", "a"] }),
      ...ranTest(file, "t", "failed"),
      runEnded({ kept: { stands: [{ environment: "docker-soe", scope: "s", nodes, resources: [] }] } }),
    ]);
    expect(commands(report, "docker-soe/soe")).toEqual([
      "assay shell k3f9x2/soe",
      "assay run --with soe=rc:1 specs/a.spec.ts",
      "assay run --with soe=rc:1 specs/a.spec.ts --keep",
    ]);
  });
});
