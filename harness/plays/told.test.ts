// What ansible's callback told, recorded from ansible-core 2.14.18, and what is made of it.
import { expect, test } from "vitest";
import { secret } from "../model/secret.ts";
import { brokenTask, sayCounts, sayTask, toldBy, whatChanged } from "./told.ts";

const told = (text: string) => toldBy("p.yml", text.trim().split("\n"), (host) => `studio/${host}`);

const onThree = told(`
{"event": "task", "host": "b", "task": "Noted again and again", "outcome": "failed", "changed": false, "said": {"msg": "The module failed to execute correctly, you probably need to set the interpreter.\\nSee stdout/stderr for the exact error", "module_stderr": "/bin/sh: 1: python3: not found\\n"}, "items": []}
{"event": "task", "host": "c", "task": "Noted again and again", "outcome": "unreachable", "changed": false, "said": {"msg": "exec plays/c: the container exited with status 137"}, "items": []}
{"event": "task", "host": "a", "task": "Noted again and again", "outcome": "ok", "changed": true, "said": {}, "items": []}
{"event": "task", "host": "a", "task": "Lent to nobody", "outcome": "ok", "changed": false, "said": {"msg": "Did not run command since '/tmp/nobodys' exists", "stdout": "skipped, since /tmp/nobodys exists"}, "items": []}
{"event": "stats", "host": "a", "counts": {"ok": 2, "failures": 0, "unreachable": 0, "changed": 1, "skipped": 0, "rescued": 0, "ignored": 0}}
{"event": "stats", "host": "b", "counts": {"ok": 0, "failures": 1, "unreachable": 0, "changed": 0, "skipped": 0, "rescued": 0, "ignored": 0}}
{"event": "stats", "host": "c", "counts": {"ok": 0, "failures": 0, "unreachable": 1, "changed": 0, "skipped": 0, "rescued": 0, "ignored": 0}}
`);

const onOne = told(`
{"event": "task", "host": "x", "task": "Each of them", "outcome": "ignored", "changed": true, "said": {"msg": "One or more items failed"}, "items": [{"item": "true", "said": {}}, {"item": "echo gone >&2; exit 3", "said": {"msg": "non-zero return code", "stderr": "gone"}}, {"item": "echo fine", "said": {"stdout": "fine"}}]}
{"event": "task", "host": "x", "task": "Not now", "outcome": "skipped", "changed": false, "said": {}, "items": []}
{"event": "task", "host": "x", "task": "Tried", "outcome": "failed", "changed": true, "said": {"msg": "non-zero return code"}, "items": []}
{"event": "task", "host": "x", "task": "Saved", "outcome": "ok", "changed": false, "said": {}, "items": []}
{"event": "task", "host": "x", "task": "Hidden", "outcome": "ok", "changed": true, "said": {"censored": "the output has been hidden due to the fact that 'no_log: true' was specified for this result"}, "items": []}
{"event": "stats", "host": "x", "counts": {"ok": 4, "failures": 0, "unreachable": 0, "changed": 2, "skipped": 1, "rescued": 1, "ignored": 1}}
`);

test("each host has ansible's counts, and the task by which it broke", () => {
  const { hosts } = onThree.played;
  expect(hosts["a"]).toMatchObject({ node: "studio/a", ok: 2, changed: 1, failed: 0, unreachable: 0 });
  expect(Object.values(hosts).map((host) => brokenTask(host)?.outcome)).toEqual([undefined, "failed", "unreachable"]);
  expect(sayTask(brokenTask(hosts["b"] as never) as never)).toBe(
    `task "Noted again and again"
    The module failed to execute correctly, you probably need to set the interpreter.
    See stdout/stderr for the exact error
    /bin/sh: 1: python3: not found`,
  );
});

test("what changed is told by host and task, as ansible counts it: with what is ignored, without what was rescued", () => {
  expect(whatChanged(onThree.played)).toBe('  studio/a: task "Noted again and again"');
  expect(onOne.played.hosts["x"]?.tasks.filter(({ changed }) => changed)).toHaveLength(2);
  expect(whatChanged(onOne.played)).toContain('task "Each of them"\n    One or more items failed');
  expect(whatChanged(onOne.played)).toContain("echo gone >&2; exit 3: non-zero return code");
  expect(whatChanged(onOne.played)).not.toContain("Tried");
  expect(brokenTask(onOne.played.hosts["x"] as never)).toBeUndefined();
  expect(sayCounts(onOne.played.hosts["x"] as never)).toBe("4 ok, 2 changed, 1 skipped");
  const nothing = { playbook: "p.yml", hosts: { b: onThree.played.hosts["b"] as never } };
  expect(whatChanged(nothing)).toBeUndefined();
});

test("what nobody matched is known, and what did not come to its end", () => {
  expect(told('{"event": "unmatched", "hosts": ["severs"]}')).toMatchObject({ unmatched: ["severs"], ended: false });
  expect(onThree).toMatchObject({ unmatched: [], ended: true });
});

test("a secret in an output is not told", () => {
  secret("told token", "open-sesame-4711");
  const line = { host: "a", task: "t", outcome: "failed", changed: false, said: { stdout: "is open-sesame-4711" } };
  const { played } = told(
    `${JSON.stringify({ event: "task", items: [], ...line })}\n{"event":"stats","host":"a","counts":{"failures":1}}`,
  );
  expect(JSON.stringify(played)).not.toContain("open-sesame-4711");
  expect(played.hosts["a"]?.tasks[0]?.said).toBe("is ‹told token›");
});
