// Decides that a registered secret is in nothing this room writes, in no form, wherever it was said.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { secret } from "../model/secret.ts";
import { annotationLines } from "./annotations.ts";
import { compareReports } from "./compare.ts";
import { compareLines } from "./compare-lines.ts";
import { Progress } from "./progress.ts";
import { reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, stoodUp } from "./sample.ts";
import { layoutSaying } from "./testing/hostile.ts";
import { verdictLines } from "./verdict.ts";
import { writeReport } from "./write.ts";

const directory = mkdtempSync(join(tmpdir(), "assay-secrets-"));
afterAll(() => rmSync(directory, { recursive: true }));

const value = 'C4nary/<&"+ß==';
const forms = [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(value),
  Buffer.from(value).toString("base64"),
  Buffer.from(value).toString("base64url"),
  // As markup would escape it.
  value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
  // What a clip could leave of it.
  value.slice(0, 9),
];

const log = "evidence/n.log";
const image = (text: string) => ({ recipe: text, tag: text, recipeDigest: text, treeDigest: text, imageId: text });

function leaking(text: string): RunEvent[] {
  const file = "specs/a.spec.ts";
  const error = { name: "Error", message: text, at: text, stack: text };
  return [
    runStarted({ command: ["assay", "run", "--with", text] }),
    { event: "declared", at: began, environment: "docker-soe", scope: "s", file, layout: layoutSaying(text) },
    ...stoodUp(file, "s", 0, 9000),
    { event: "evidence", at: began, environment: "docker-soe", scope: "s", node: "soe", title: "log", path: log },
    { event: "image", at: began, ...image(text), built: true, ms: 1, from: text, steps: [text], declaredAt: text },
    { event: "phase", at: began, environment: "e", node: "n", phase: "build", state: "failed", ms: 1, detail: text },
    { event: "resource", at: began, environment: "e", kind: "volume", name: text, state: "leaked" },
    ...ranTest(file, text, "failed", {
      checks: [check(file, text, { outcome: "failed", title: text, expected: text, seen: text, command: text })],
      ended: { errors: [error] },
    }),
    { event: "evidence", at: began, environment: "e", node: "n", title: text, path: `evidence/${text}` },
    { event: "trouble", at: began, outcome: "errored", exitCode: 3, error },
    runEnded({ leaked: [text] }),
  ];
}

async function written(events: readonly RunEvent[], name: string, said = ""): Promise<string[]> {
  const report = reportOf(events);
  // Evidence is redacted when it is kept; a file that was not must not tell by its excerpt.
  mkdirSync(join(directory, name, "evidence"), { recursive: true });
  writeFileSync(join(directory, name, log), `${new Date(began + 5000).toISOString()} ${said}\n`);
  const paths = await writeReport(join(directory, name), report);
  const stream = new PassThrough();
  const progress = new Progress({ stream, color: false, live: false });
  for (const event of events) progress.see(event);
  progress.close();
  return [
    ...Object.values(paths).map((path) => readFileSync(path, "utf8")),
    verdictLines(report, { color: false }).join("\n"),
    annotationLines(report).join("\n"),
    compareLines(compareReports(reportOf([runStarted(), runEnded()]), report), { color: false }).join("\n"),
    String(stream.read()),
  ];
}

test.each([
  ["as it is", value],
  ["URL-encoded", encodeURIComponent(value)],
  ["base64", Buffer.from(value).toString("base64")],
  ["base64url", Buffer.from(value).toString("base64url")],
  ["inside JSON", JSON.stringify({ password: value })],
  ["with terminal escapes in it", `${value.slice(0, 5)}\u001b[0m${value.slice(5)}`],
  ["where a text is clipped", "x".repeat(16_380) + value],
  ["where a line is clipped", "x".repeat(295) + value],
])("a secret %s is in no output", async (name, text) => {
  secret("canary", value);
  const outputs = await written(leaking(text), name.replaceAll(" ", "-"), text);
  expect(outputs.map((output) => forms.filter((form) => output.includes(form)))).toEqual(outputs.map(() => []));
  expect(outputs[3]).toMatch(/<pre class="block">[^<]*2026-11-03T09:30:05/);
  expect(outputs[0]).toMatch(/‹can/); // a clip may end what stands for it
});

test("a secret that is one of the report's own words breaks no document", async () => {
  secret("word", "passed");
  secret("tag", "test");
  const file = "specs/a.ts";
  const [json, junit, , html] = await written(
    [
      runStarted(),
      ...ranTest(file, "login", "passed", { checks: [check(file, "login", { seen: "it was passed" })] }),
      runEnded(),
    ],
    "own-words",
  );
  expect(JSON.parse(json ?? "").tests[0].checks[0].seen).toBe("it was ‹word›");
  expect(junit).toContain("<testsuite ");
  expect(html).toContain('<details class="test"');
});
