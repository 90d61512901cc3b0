// Decides how messages that are no check's are taken apart: findings of health are accounts with facts, anything else stays as it was said.
import { expect, test } from "vitest";
import { HealthError } from "../health/said.ts";
import { accountsOf, sayAccount, troubleOf } from "./account.ts";
import type { Report } from "./report.ts";
import { reportOf } from "./report.ts";
import { ranTest, runEnded, runStarted } from "./sample.ts";

const node = { name: "web", title: "docker-web/web" };
const crash = { node, finding: { at: 0, kind: "segfault", lines: ["perl died", "at 10"] } } as const;
const end = { node, finding: { at: 0, kind: "exited", lines: ["status 3"] } } as const;

/** A test that failed with this error. */
function failedBy(error: Error) {
  const errors = [{ name: error.name, message: error.message, code: "unhealthy", at: "a.spec.ts:3:1" }];
  const { tests } = reportOf([
    runStarted(),
    ...ranTest("a.spec.ts", "it runs", "failed", { ended: { errors } }),
    runEnded(),
  ]);
  const [only] = tests;
  if (only === undefined) throw new Error("no test");
  return only;
}

test("a finding is a sentence and its facts, several are several accounts", () => {
  const accounts = accountsOf(failedBy(new HealthError([crash, end])));
  expect(accounts.map(({ heading }) => heading)).toEqual([
    "docker-web/web is not healthy: segfault",
    "docker-web/web is not healthy: exited",
  ]);
  const [first] = accounts;
  expect(first?.facts.map(([label]) => label)).toEqual(["seen", "next", "allowed", "code", "at"]);
  expect(first?.facts[0]).toEqual(["seen", "perl died\nat 10"]);
  expect(first && sayAccount(first).slice(0, 3)).toEqual([
    "docker-web/web is not healthy: segfault",
    "  seen     perl died",
    "           at 10",
  ]);
});

test.each([
  "expected [ 1 ] to deeply equal [ 2 ]\n\n- Expected\n+ Received",
  "nothing was heard\n  from it",
  "two\nsentences",
  "it said\n  seen      this\nand no more",
  "  seen      this",
])("other words stay whole: %j", (message) => {
  expect(accountsOf(failedBy(new Error(message))).map(({ heading }) => heading)).toEqual([message]);
});

test("outside of any test one finding has facts, several stay together", () => {
  const trouble = (wrongs: ConstructorParameters<typeof HealthError>[0]): Report["troubles"][number] => {
    const { name, message } = new HealthError(wrongs);
    return { error: { name, message }, outcome: "failed", exitCode: 1 };
  };
  expect(troubleOf(trouble([crash])).facts.map(([label]) => label)).toEqual(["seen", "next", "allowed"]);
  const both = troubleOf(trouble([crash, end]));
  expect(both.heading).toMatch(/segfault[\s\S]*exited/);
  expect(both.facts).toEqual([]);
});
