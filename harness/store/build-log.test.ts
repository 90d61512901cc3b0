import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { secret } from "../model/secret.ts";
import { BuildLog } from "./build-log.ts";

test("a secret is redacted although it comes in two pieces; lines of a step are those since it began", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-log-"));
  secret("build password", "correct-horse");
  const log = new BuildLog(join(directory, "log"));
  log.write("before\n");
  log.begin("step one");
  log.write("the word is correct-");
  log.write("horse\nand a rest");
  expect(log.lines).toEqual(["the word is ‹build password›", "and a rest"]);
  await log.close();
  expect(readFileSync(log.path, "utf8")).toBe("before\n== step one\nthe word is ‹build password›\nand a rest\n");
  rmSync(directory, { recursive: true });
});

test("a log that cannot be written hides nothing that went wrong", async () => {
  const log = new BuildLog("/dev/full");
  log.line("step one failed");
  await log.close();
  await log.close();
  expect(log.lines).toEqual(["step one failed"]);
});

test("output without an end of a line is not collected for ever, and hides no secret where it is cut", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-log-"));
  secret("endless word", "battery-staple");
  const log = new BuildLog(join(directory, "log"));
  log.write(`${"x".repeat(2 << 20)}battery-`);
  log.write(`staple${"y".repeat(2 << 20)}`);
  const longest = Math.max(...log.lines.map(({ length }) => length));
  expect(longest).toBeLessThan(4 << 20);
  expect(log.lines.length).toBeGreaterThan(2);
  await log.close();
  const text = readFileSync(log.path, "utf8").replaceAll("\n", "");
  expect(text).toBe(`${"x".repeat(2 << 20)}‹endless word›${"y".repeat(2 << 20)}`);
  rmSync(directory, { recursive: true });
});
