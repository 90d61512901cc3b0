import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { DeclarationError } from "../model/errors.ts";
import { reportOf, reportSchema } from "../reporting/report.ts";
import { ranTest, runEnded, runStarted } from "../reporting/sample.ts";
import { mergeCommand } from "./merge.ts";
import { readShard } from "./merge-options.ts";

const here = mkdtempSync(join(tmpdir(), "assay-merge-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

/** A run's directory as CI would keep it. */
function kept(run: string, index: number): string {
  const directory = join(here, run);
  mkdirSync(join(directory, "evidence/box"), { recursive: true });
  writeFileSync(join(directory, "evidence/box/box.log"), `of ${run}\n`);
  const events = ranTest(`${run}.spec.ts`, "is so", "passed");
  const report = reportOf([runStarted({ run, shard: { index, count: 2 } }), ...events, runEnded()]);
  writeFileSync(join(directory, "report.json"), JSON.stringify(report));
  return directory;
}

/** What a command prints on standard output, and its exit code. */
async function printed(work: () => Promise<number>): Promise<{ readonly code: number; readonly out: string }> {
  let out = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    const code = await work();
    return { code, out };
  } finally {
    write.mockRestore();
  }
}

describe("assay merge", () => {
  const one = kept("one", 1);
  const two = kept("two", 2);

  test("takes files and directories, writes every format, and evidence beside them", async () => {
    const out = join(here, "merged");
    const { code, out: said } = await printed(() => mergeCommand([one, join(two, "report.json")], { out }));
    expect(code).toBe(0);
    expect(said).toMatch(/verdict +Met: 2 of 2 tests passed/);
    expect(reportSchema.parse(JSON.parse(readFileSync(join(out, "report.json"), "utf8"))).counts.planned).toBe(2);
    expect(readFileSync(join(out, "evidence/two/box/box.log"), "utf8")).toBe("of two\n");
    expect(readFileSync(join(out, "junit.xml"), "utf8")).toContain("two.spec.ts");
    await expect(mergeCommand([one, two], { out })).rejects.toThrow(/holds a report already/);
  });

  test("--json prints the report and nothing else; a missing shard is exit code 3", async () => {
    const { code, out } = await printed(() => mergeCommand([two], { out: join(here, "part"), json: true }));
    expect(code).toBe(3);
    expect(reportSchema.parse(JSON.parse(out)).troubles[0]?.error.code).toBe("missing-shard");
  });

  test.each([
    ["nowhere.json", undefined, /there is no .*nowhere\.json; name report\.json/],
    ["half.json", '{"schemaVersion": 1', /half\.json is no report: it ends in the middle, after 19 characters/],
    ["other.json", '{"schemaVersion": 2}', /other\.json is no report: its schemaVersion is 2, and this Assay reads 1/],
    ["evil.json", undefined, /run: no run is called so/],
  ])("%s is refused, and nothing is written", async (name, text, words) => {
    const file = join(here, name);
    if (text !== undefined) writeFileSync(file, text);
    if (name === "evil.json") {
      const report = JSON.parse(readFileSync(join(one, "report.json"), "utf8"));
      writeFileSync(file, JSON.stringify({ ...report, run: "../../evil" }));
    }
    const merging = mergeCommand([two, file], { out: join(here, "refused") });
    await expect(merging).rejects.toThrow(DeclarationError);
    await expect(merging).rejects.toThrow(words);
    expect(() => readFileSync(join(here, "refused/report.json"))).toThrow(/ENOENT/);
  });
});

test("shards on different files are refused before anything is written", async () => {
  const [one, two] = ["1", "2"].map((index) => {
    const directory = kept(`other-${index}`, Number(index));
    const at = join(directory, "report.json");
    const report = JSON.parse(readFileSync(at, "utf8"));
    writeFileSync(at, JSON.stringify({ ...report, inputs: [{ path: "lib.ts", sha256: index.repeat(64) }] }));
    return directory;
  }) as [string, string];
  const out = join(here, "different");
  await expect(mergeCommand([one, two], { out })).rejects.toThrow(
    expect.objectContaining({ code: "mixed-shards", message: expect.stringContaining("lib.ts is 1111") }),
  );
  expect(existsSync(out)).toBe(false);
});

describe("--shard", () => {
  test("the second of three", () => expect(readShard("2/3")).toEqual({ shard: { index: 2, count: 3 } }));
  test.each(["0/3", "4/3", "1", "a/b", "1/3x", "-1/3"])("%s is no part of a whole", (text) => {
    expect(() => readShard(text)).toThrow(/is no part of a whole; write --shard 1\/3/);
  });
});
