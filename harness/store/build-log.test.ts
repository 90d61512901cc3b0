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
