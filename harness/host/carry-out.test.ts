import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ProvisionError } from "../model/errors.ts";
import { carryOut, listsHolder } from "./carry-out.ts";
import type { Step } from "./plan.ts";

let state: string;
const said: string[] = [];
const tell = { say: (line: string) => void said.push(line), now: () => undefined };
const sh = (script: string, mayFail?: true): Step => ({
  kind: "command",
  title: script,
  command: ["sh", "-c", script],
  ...(mayFail === true ? { mayFail } : {}),
});

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "assay-setup-"));
  said.length = 0;
});
afterEach(() => rmSync(state, { recursive: true }));

test("each step is said before it is done, and all output is kept", async () => {
  await carryOut([sh("echo one"), sh("echo two >&2")], state, tell);
  expect(said.map((line) => line.split(":")[0])).toEqual([
    "echo one",
    expect.stringMatching(/^ {2}done in/),
    "echo two >&2",
    expect.stringMatching(/^ {2}done in/),
  ]);
  expect(readFileSync(join(state, "setup.log"), "utf8")).toBe("one\ntwo\n");
});

test("a step that fails ends the plan, with the exact command and its last lines", async () => {
  const done = carryOut([sh("echo no room left; exit 7"), sh("echo never")], state, tell);
  await expect(done).rejects.toThrow(ProvisionError);
  await expect(done).rejects.toThrow(/sh -c 'echo no room left; exit 7' ended with 7.*then try: sh -c/);
  expect(said).toEqual(["echo no room left; exit 7: sh -c 'echo no room left; exit 7'", "  no room left"]);
});

test("a program that is not there fails its step", async () => {
  const step: Step = { kind: "command", title: "x", command: ["/no/such/program"] };
  await expect(carryOut([step], state, tell)).rejects.toThrow(/ENOENT/);
});

test("a failure that may be is told, and goes on", async () => {
  await carryOut([sh("echo mirror is away; exit 100", true), sh("echo next")], state, tell);
  expect(said.slice(1, 3)).toEqual(["  mirror is away", expect.stringContaining("ended with 100")]);
  expect(readFileSync(join(state, "setup.log"), "utf8")).toBe("mirror is away\nnext\n");
});

test("who holds apt's lists is read from its complaint", () => {
  const complaint =
    "Reading package lists...\nE: Could not get lock /var/lib/apt/lists/lock. It is held by process 4711 (apt-get)\n" +
    "E: Unable to lock directory /var/lib/apt/lists/";
  expect(listsHolder(complaint)).toBe(4711);
  expect(listsHolder("E: Unable to locate package docker.io")).toBeUndefined();
});

test("steps side by side run at the same time, and each tells its own last lines", async () => {
  const [one, two] = [join(state, "one"), join(state, "two")];
  // Each waits for the other: in order, neither would end.
  const meet = (mine: string, other: string, end: string) =>
    sh(`mkfifo ${mine} 2>/dev/null; mkfifo ${other} 2>/dev/null; ${end}`);
  const beside = (step: Step): Step => ({ ...step, beside: true });
  await carryOut(
    [
      beside(meet(one, two, `echo hello >${one}; cat ${two}`)),
      beside(meet(one, two, `cat ${one}; echo hello >${two}`)),
    ],
    state,
    tell,
  );
  expect(said.filter((line) => line.includes("done in"))).toHaveLength(2);
});

test("of steps side by side that fail, all end first; the plan's first is the error", async () => {
  const beside = (script: string): Step => ({ ...sh(script), beside: true });
  const done = carryOut(
    [beside("sleep 0.2; echo slow; exit 7"), beside("echo quick; exit 8"), sh("echo never")],
    state,
    tell,
  );
  await expect(done).rejects.toThrow(/slow.*ended with 7/);
  expect(said).toContain("  slow");
  expect(said).toContain("  quick");
  expect(said.join()).not.toContain("never");
});
