// Decides what is told of a failure that is looked for again: what differs, whether it was the same, how often.
import { describe, expect, test } from "vitest";
import { reportOf } from "../reporting/report.ts";
import { runStarted, sampleRun } from "../reporting/sample.ts";
import type { Manifest } from "../store/manifest.ts";
import { hostDifferences, imageDifferences, missingLines, nodeDifferences, recipeMoved } from "./differences.ts";
import { failuresIn } from "./facts.ts";
import type { Failure } from "./manifest.ts";
import { movedPackages, packagesIn } from "./packages.ts";
import { rateOf, sayRate } from "./rate.ts";
import { seenAgain } from "./seen-again.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const image = { recipe: "soe", tag: "soe:1", recipeDigest: digest("1"), treeDigest: digest("2"), imageId: digest("3") };

describe("what differs", () => {
  test.each([
    [{}, undefined],
    [
      { treeDigest: digest("9") },
      "the same recipe gives another tree: sha256:222222222222… there, sha256:999999999999… here",
    ],
    [{ recipeDigest: digest("8"), treeDigest: digest("9") }, "another recipe gives another tree"],
    [{ recipeDigest: digest("8"), imageId: digest("9") }, "the same tree by another recipe digest"],
    [{ imageId: digest("9") }, "the same tree in another image"],
  ])("of images with %j", (change, said) => {
    const found = imageDifferences([image], [{ ...image, ...change }], () => ["curl 1 → 2"]);
    expect(found.flatMap(({ because }) => because)).toEqual(
      said === undefined ? [] : [expect.stringContaining(said), "curl 1 → 2"],
    );
  });

  test("of machines: versions and sizes, and engines that do not answer; memory within what firmware takes is the same", () => {
    const { host } = reportOf([runStarted()]);
    const there = { assay: "0.1.0", host: { ...host, engines: { docker: "20", libvirt: "9" } } };
    expect(hostDifferences(there, { ...there, host: { ...there.host, memoryBytes: host.memoryBytes + 1000 } })).toEqual(
      [],
    );
    const here = { assay: "0.2.0", host: { ...there.host, kernel: "7.0", engines: { docker: "27", podman: "4" } } };
    expect(hostDifferences(there, here).map(({ what, here: now }) => `${what} ${now}`)).toEqual([
      "Assay 0.2.0",
      "docker 27",
      "libvirt does not answer",
      "kernel 7.0",
    ]);
  });

  test("of nodes: what runs them, and not what each boot has anew", () => {
    const facts = { accelerator: "kvm", bootId: "a", start: "warm" };
    const here = { accelerator: "qemu", bootId: "b", start: "booted" };
    expect(nodeDifferences([{ node: "e/vm", facts }], [{ node: "e/vm", facts: here }])).toEqual([
      { what: "e/vm: accelerator", there: "kvm", here: "qemu" },
    ]);
  });

  test("of recipes: steps and files, and not the hashes of secrets, whose key each store has for itself", () => {
    const manifest = (hmac: string, mode: string) =>
      ({
        name: "a",
        steps: [{ step: "ansible", vault: { secret: "vault", hmac } }],
        files: { a: { sha256: "1", mode } },
      }) as unknown as Manifest;
    expect(recipeMoved(manifest("1", "0644"), manifest("2", "0644"))).toEqual([]);
    expect(recipeMoved(manifest("1", "0644"), manifest("2", "0755"))).toEqual(["files.a: mode 0644 → 0755"]);
  });

  test("packages of dpkg: those that are installed, and which of them moved, came and went", () => {
    const paragraph = (name: string, version: string, status = "install ok installed") =>
      `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\nDescription: x\n Version: no\n`;
    const before = packagesIn(
      [paragraph("curl", "7.88"), paragraph("gone", "1"), paragraph("cfg", "1", "deinstall ok config-files")].join(
        "\n",
      ),
    );
    expect(before).toBe("curl 7.88 amd64\ngone 1 amd64\n");
    expect(movedPackages(before, packagesIn([paragraph("curl", "7.89"), paragraph("new", "2")].join("\n")))).toEqual([
      "curl:amd64 7.88 → 7.89",
      "gone:amd64 1 is gone",
      "new:amd64 2 is new",
    ]);
    expect(packagesIn("")).toBe("");
  });

  test("secrets: where each stood or came from, until it is given; and what was left out", () => {
    const members = [{ path: "project/a.ts", bytes: 1, sha256: "", redacted: ["in a file"] }];
    const secrets = [
      { name: "in a file", variables: ["ALSO"] },
      { name: "in a variable", variables: ["TOKEN"] },
      { name: "anywhere", variables: [] },
    ];
    const leftOut = [
      { path: "/srv/base.tar", because: "outside" as const },
      { path: "run/evidence/x", because: "too-big" as const },
    ];
    const lines = (given: string[], set: string[]) =>
      missingLines({ members, secrets, leftOut }, new Set(given), (variable) => set.includes(variable));
    expect(lines([], [])).toEqual([
      'secret in a file stood in a.ts, where ‹in a file› is now: --secret "in a file=@file" gives it',
      "secret in a variable came from the variable TOKEN, which is not set here",
      "secret anywhere came from somewhere else, and is not in the capsule",
      "/srv/base.tar lies outside of the project: bring it yourself where the spec needs it",
    ]);
    expect(lines(["in a file", "anywhere"], ["TOKEN"])).toHaveLength(1);
  });
});

describe("whether it was seen again", () => {
  const report = reportOf(sampleRun());
  const failures = failuresIn(report);

  test("the same report has all of it; the run's own name in a check makes no difference", () => {
    expect(failures.length).toBeGreaterThan(1);
    expect(seenAgain(failures, report.run, report).map(({ again }) => again)).toEqual(failures.map(() => "same"));
    const titled = (each: Failure, run: string): Failure =>
      each.check === undefined
        ? each
        : { ...each, check: { ...each.check, title: `file /scratch/${run}/p12n1/a exists` } };
    const [failed] = failures.filter(({ check }) => check !== undefined);
    if (failed === undefined) return expect.fail("the sample has no failed check");
    const other = { ...report, run: "another" };
    const tests = other.tests.map((each) =>
      each.name === failed.test && each.file === failed.file
        ? { ...each, checks: each.checks.map((check) => ({ ...check, title: "file /scratch/another/p99n3/a exists" })) }
        : each,
    );
    const [seen] = seenAgain([titled(failed, "first")], "first", { ...other, tests });
    expect(seen?.again).toBe("same");
    expect(seenAgain([titled(failed, "first")], "other", { ...other, tests })[0]?.again).toBe("otherwise");
  });

  test("another check, no failure, no answer and no such test are told apart", () => {
    const [failed] = failures.filter(({ outcome, check }) => outcome === "failed" && check !== undefined);
    if (failed === undefined) return expect.fail("the sample has no failed check");
    const again = (change: (test: (typeof report.tests)[number]) => object | undefined) => {
      const tests = report.tests.flatMap((each) => {
        if (each.name !== failed.test || each.file !== failed.file) return [each];
        const changed = change(each);
        return changed === undefined ? [] : [{ ...each, ...changed }];
      });
      return seenAgain([failed], report.run, { ...report, tests })[0]?.again;
    };
    expect(again(({ checks }) => ({ checks: checks.map((check) => ({ ...check, title: "another" })) }))).toBe(
      "otherwise",
    );
    expect(again(({ checks }) => ({ checks: checks.map((check) => ({ ...check, node: "another" })) }))).toBe(
      "otherwise",
    );
    expect(again(({ checks }) => ({ checks: checks.map((check) => ({ ...check, negated: !check.negated })) }))).toBe(
      "otherwise",
    );
    expect(again(() => ({ outcome: "passed" }))).toBe("passed");
    expect(again(() => ({ outcome: "errored" }))).toBe("not-asked");
    expect(again(() => ({ outcome: "skipped" }))).toBe("absent");
    expect(again(() => undefined)).toBe("absent");
  });
});

test.each([
  // Where |share - p| is z times the square root of p (1 - p) / n, found by halving.
  [12, 50, 0.1429739, 0.3741268],
  [0, 50, 0, 0.0713476],
  [50, 50, 0.9286524, 1],
  [1, 1, 0.2065493, 1],
])("%i of %i lies between %d and %d", (count, of, low, high) => {
  const rate = rateOf(count, of);
  expect(rate?.low).toBeCloseTo(low, 6);
  expect(rate?.high).toBeCloseTo(high, 6);
  expect(rateOf(0, 0)).toBeUndefined();
  if (rate !== undefined && of === 50 && count === 12)
    expect(sayRate(rate)).toBe("12 of 50 failed: 24 %, between 14 % and 37 % at 95 %");
});
