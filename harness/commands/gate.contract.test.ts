// Decides that the gate holds from outside: runs, policies and answers of the command line alone, with a history and reports of their own.
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decision } from "../reporting/gate-decision.ts";
import type { Report } from "../reporting/report.ts";
import { RunStage } from "../vitest/run-stage.ts";

let stage: RunStage;
beforeAll(() => {
  stage = new RunStage({ env: process.env, subject: "", drivers: [] });
});
afterAll(() => stage[Symbol.dispose]());

const spec = "fixtures/faults/flaky.spec.ts";
const run = () => stage.assay(["run", "--project", "faults", spec]);

/** The newest run's. */
function report(): Report {
  const [newest = ""] = readdirSync(stage.config.runs)
    .filter((name) => name.startsWith("t"))
    .sort()
    .reverse();
  return JSON.parse(readFileSync(join(stage.config.runs, newest, "report.json"), "utf8"));
}

/** A file with a policy that requires both tests; `more` is text of further fields. */
function policy(more = ""): string {
  const file = join(stage.directory, `policy-${more.length}.ts`);
  const index = new URL("../index.ts", import.meta.url).href;
  writeFileSync(
    file,
    `import { definePolicy } from ${JSON.stringify(index)};
export const policy = definePolicy({ required: { "${spec}": { "the image has a shell": ["file /bin/sh exists"], "it is well": "every" } }, maxAge: "1h", ${more} });\n`,
  );
  return file;
}

async function gate(
  ...words: string[]
): Promise<{ code: number | null; decision: Decision; codes: readonly string[] }> {
  const { code, output } = await stage.assay(["gate", ...words, "--json"]);
  const decision: Decision = JSON.parse(output);
  return { code, decision, codes: decision.refusals.map((each) => each.code) };
}

describe("a test that fails, and passes when it is run again", () => {
  test("is refused, then reported as flaky and refused as that, and accepted in quarantine, apart", async () => {
    expect((await run()).code).toBe(1);
    expect(await gate("--policy", policy())).toMatchObject({ code: 1, codes: ["test-failed"] });

    writeFileSync(join(stage.config.runs, "well"), "");
    const again = await run();
    expect(again.code).toBe(0);
    expect(again.output).toContain(`flaky ${spec} > it is well`);
    const { tests, reason, inputs } = report();
    expect(reason).toBe("2 of 2 tests passed, 1 of them flaky");
    expect(tests.map(({ name, flaky }) => [name, flaky?.failedIn.length])).toEqual([
      ["the image has a shell", undefined],
      ["it is well", 1],
    ]);
    expect(tests.map(({ assertions }) => assertions)).toEqual([1, 1]);
    expect(inputs?.map(({ path }) => path)).toEqual(
      expect.arrayContaining([spec, "fixtures/studio-box/recipe.ts", "fixtures/studio-box/files/"]),
    );
    expect(await gate("--policy", policy())).toMatchObject({ code: 1, codes: ["flaky"] });

    const until = new Date(Date.now() + 24 * 3_600_000).toISOString().slice(0, 10);
    const excuse = (day: string) =>
      `quarantine: [{ file: "${spec}", test: "it is well", reason: "weather", owner: "ops", tracker: "https://tracker.example/1", until: "${day}" }]`;
    const { code, decision } = await gate("--policy", policy(excuse(until)));
    expect({ code, ...decision }).toMatchObject({
      code: 0,
      accepted: true,
      quarantined: [{ code: "quarantined", about: `${spec} > it is well` }],
    });
    expect((await gate("--policy", policy(`${excuse("2020-01-01")} `))).codes).toEqual(["quarantine-expired", "flaky"]);

    const { output } = await stage.assay(["history", "it is well"]);
    expect(output).toContain("1 passed, 1 failed, flaky: 50.0 %");
  });

  test("a clean run of the same is told in sentences, and for the image that the engine has", async () => {
    const only = policy('others: "allowed"');
    writeFileSync(
      only,
      readFileSync(only, "utf8")
        .replace(', "it is well": "every"', "")
        .replace("maxAge", 'images: ["studio-box"], maxAge'),
    );
    const { code, output } = await stage.assay(["gate", "explain", "--policy", only]);
    // The other test is flaky all the same: that nobody requires it does not make it clean.
    expect(code).toBe(1);
    expect(output).toContain(
      `${spec} > the image has a shell: it passed; 1 required of its 1 checks are met [required-test]`,
    );
    expect(output).toMatch(/studio-box: sha256:[0-9a-f]{64} was tested, and is what there is now \[same-image\]/);
    expect(output).toMatch(/all \d+ files that the run was made of are as they were \[inputs-unchanged\]/);
  });

  test("a report that somebody shortened, edited or made up is refused", async () => {
    const good = report();
    const put = (name: string, text: string) => {
      mkdirSync(join(stage.directory, name));
      writeFileSync(join(stage.directory, name, "report.json"), text);
      return join(stage.directory, name);
    };
    const text = JSON.stringify(good);
    const edited = {
      ...good,
      inputs: good.inputs?.map((each) => (each.path === spec ? { ...each, sha256: "0".repeat(64) } : each)),
    };
    const unread = { ...good, inputs: good.inputs?.filter(({ path }) => path !== "fixtures/studio-box/recipe.ts") };
    for (const [name, document, code] of [
      ["half", text.slice(0, text.length / 2), "no-report"],
      ["edited", JSON.stringify(edited), "input-changed"],
      ["unread", JSON.stringify(unread), "input-missing"],
      ["older", JSON.stringify({ ...good, schemaVersion: 0 }), "unknown-version"],
      ["rebuilt", text.replaceAll(/"imageId":"sha256:.{4}/g, '"imageId":"sha256:0000'), "another-digest"],
    ] as const) {
      const { code: status, codes } = await gate(put(name, document), "--policy", policy(), "--image", "studio-box");
      expect({ name, status, codes }).toMatchObject({ status: 1, codes: expect.arrayContaining([code]) });
    }
    const large = put("large", "{");
    truncateSync(join(large, "report.json"), 100_000_000);
    expect(await gate(large, "--policy", policy())).toMatchObject({ code: 1, codes: ["no-report"] });
  });
});

test("a history that cannot be written is told, and changes no verdict", async () => {
  using other = new RunStage({ env: process.env, subject: "", drivers: [] });
  mkdirSync(join(other.config.state, "history.db"));
  writeFileSync(join(other.config.runs, "well"), "");
  const { code, output } = await other.assay(["run", "--project", "faults", spec]);
  expect(output).toContain("assay: not remembered: report: the history ");
  expect(code).toBe(0);
});

test("a policy that is wrong is told with its place, and a run that is not there", async () => {
  const wrong = await stage.assay(["gate", "--policy", policy("requires: {}")]);
  expect(wrong.code).toBe(2);
  expect(wrong.output).toMatch(/policy-12\.ts:2:\d+: policy: unknown option "requires", did you mean "required"\?/);
  expect(await stage.assay(["gate", "nothing"])).toMatchObject({
    code: 2,
    output: expect.stringContaining('"nothing" is no run'),
  });
});
