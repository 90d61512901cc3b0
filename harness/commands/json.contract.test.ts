// Decides that each command that prints facts prints one JSON document with --json, of the shape that its help tells, and nothing else on
// standard output; that what is wrong leaves standard output empty.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { reportSchema } from "../reporting/report.ts";
import { commandTable } from "./table.ts";

const reports = mkdtempSync(join(tmpdir(), "assay-json-"));
afterAll(() => rmSync(reports, { recursive: true, force: true }));
const { project } = readConfig();

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

async function assay(...words: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(project, "harness/cli.ts"), ...words], {
    cwd: project,
    env: { ...process.env, ASSAY_REPORTS: reports, FORCE_COLOR: "1", ASSAY_SETTINGS: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: status as number | null, out, err };
}

/** Names in the braces of what a command's help says of --json. */
function told(command: string, store: boolean): readonly string[] {
  const entry = commandTable.find(({ usage }) => usage.split(" ")[0] === command);
  const help = entry?.options?.find(([flags]) => flags === "--json")?.[1] ?? "";
  const shape = [...help.matchAll(/\{ ([^}]*) \}/g)].at(store ? 1 : 0)?.[1] ?? "";
  return shape.split(", ").filter((name) => name !== "…" && name !== "");
}

test.each([
  [["doctor"], []],
  [["list"], []],
  [["list", "--store"], []],
  [["gc"], []],
  [["why", "vfx-studio-soe"], ["builtAt"]],
] as const)("%j prints the document that its help tells", async (words, optional) => {
  const { out, err } = await assay(...words, "--json");
  const document: Record<string, unknown> = JSON.parse(out);
  const names = told(words[0], (words as readonly string[]).includes("--store"));
  expect(names.length, err).toBeGreaterThan(1);
  expect([...new Set([...Object.keys(document), ...optional])].sort()).toEqual([...names].sort());
});

test("run prints its report, what people read goes beside it; merge prints the report of several", async () => {
  const run = await assay("run", "--project", "faults", "fixtures/faults/met.spec.ts", "--json");
  expect(run.status, run.err).toBe(0);
  const report = reportSchema.parse(JSON.parse(run.out));
  expect(run.err).toContain("1 passed, 0 failed, 0 skipped");
  expect(readdirSync(reports)).toContain(report.run);
  // What was declared is told before anything is made, and is the page's picture.
  const [stood] = report.environments;
  expect(stood?.layout?.nodes.map(({ node }) => node)).toEqual(stood?.nodes.map(({ node }) => node));
  const shown = await assay("report", report.run, "--json");
  expect({ status: shown.status, same: JSON.parse(shown.out) }).toEqual({ status: 0, same: JSON.parse(run.out) });
  const merged = await assay("merge", join(reports, report.run), "--json");
  expect(reportSchema.parse(JSON.parse(merged.out)).mergedFrom?.map(({ run: name }) => name)).toEqual([report.run]);
  const down = await assay("down", report.run, "--json");
  expect(JSON.parse(down.out)).toEqual([]);
});

test("what became of a preferred image is in the report, and in the report of several", async () => {
  const ran = async (...words: readonly string[]) => {
    const { out } = await assay("run", "--project", "faults", "fixtures/faults/preferring.spec.ts", "--json", ...words);
    const { run, verdict, preferences, command, images } = reportSchema.parse(JSON.parse(out));
    expect([verdict, images.map(({ recipe }) => recipe)]).toEqual(["met", ["vfx-studio-soe"]]);
    return { run, preferences, command };
  };
  const decided = { recipe: "vfx-studio-soe", reference: "127.0.0.1:1/own:7" };
  const asked = await ran();
  expect(asked.preferences).toEqual([{ ...decided, why: expect.stringContaining("connection refused") }]);
  const unasked = await ran("--no-prefer");
  expect(unasked.preferences).toEqual([{ ...decided, why: "--no-prefer" }]);
  expect(unasked.command).toContain("--no-prefer");
  const { out } = await assay("merge", join(reports, asked.run), join(reports, unasked.run), "--json");
  const { preferences } = reportSchema.parse(JSON.parse(out));
  expect(preferences).toEqual([...(asked.preferences ?? []), ...(unasked.preferences ?? [])]);
});

test("shards run each spec file once, and together are the whole run", async () => {
  const files = ["failed", "met"].map((name) => `fixtures/faults/${name}.spec.ts`);
  const shard = (part: string) => assay("run", "--project", "faults", ...files, "--shard", part, "--json");
  const parts = [await shard("1/2"), await shard("2/2")].map(({ out }) => reportSchema.parse(JSON.parse(out)));
  const ran = parts.map(({ tests }) => new Set(tests.map(({ file }) => file)));
  expect(ran.flatMap((each) => [...each]).sort()).toEqual(files.sort());
  expect(parts.map((each) => each.shard)).toEqual([
    { index: 1, count: 2 },
    { index: 2, count: 2 },
  ]);
  const merged = await assay("merge", ...parts.map(({ run }) => join(reports, run)), "--json");
  const whole = reportSchema.parse(JSON.parse(merged.out));
  expect(whole.counts.tests).toEqual({ passed: 2, failed: 2, errored: 0, skipped: 0 });
  expect(merged.status).toBe(1);
  const many = await assay("run", "--project", "faults", files[0] ?? "", "--shard", "1/2");
  expect(many).toMatchObject({ status: 2, out: expect.stringContaining("there is 1 spec file to run") });
});

test.each([
  [["why", "no-such-recipe"], 2],
  [["merge", "no-such.json"], 2],
  [["draft", "./no-such.tar"], 2],
  [["run", "no-such-spec"], 2],
] as const)("%j ends with its code", async (words, code) => {
  const { status, out, err } = await assay(...words, "--json");
  expect(status).toBe(code);
  expect(err).not.toBe("");
  // A run that could not be run as asked is told in a report all the same.
  if (words[0] === "run") expect(reportSchema.parse(JSON.parse(out)).verdict).toBe("usage");
  else expect(out).toBe("");
});
