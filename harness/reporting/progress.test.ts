// Decides that progress says what goes on: plainly where nobody can redraw, as a tree where somebody can.
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { frameLines, Progress } from "./progress.ts";
import { ProgressTree } from "./progress-tree.ts";
import { began, check, runStarted, sampleRun, testEnded } from "./sample.ts";

const eraseLine = "\u001b[2K";
const inOrder = (events: readonly RunEvent[]) => events.toSorted((a, b) => a.at - b.at);

function shown(events: readonly RunEvent[], options: { color?: boolean; live?: boolean } = {}): string {
  const stream = new PassThrough();
  const progress = new Progress({ stream, color: false, live: false, ...options });
  for (const event of events) progress.see(event);
  progress.close();
  progress.close();
  return String(stream.read() ?? "");
}

describe("without a terminal", () => {
  test("every test is a line, what stands up and what breaks too", () => {
    expect(shown(inOrder(sampleRun())).split("\n")).toEqual([
      "Assay 0.1.0  run k3f9x2, builder-7, docker 20.10.24 (API 1.41)",
      "✓ image vfx-studio-soe:0.1.0 built in 1.1s  sha256:aaaaaaaaaaaa",
      "  docker-soe/soe ready in 300ms",
      "  docker-soe/soe ready in 300ms",
      "✓ docker-soe-bash > .bashrc is there 100ms",
      "! errored docker-soe-dns > resolv.conf names the declared servers 900ms",
      "✓ docker-soe-dns > hosts 60ms",
      "- skipped docker-soe-dns > SELinux label: the host has no SELinux",
      '✗ failed docker-soe-bash > the prompt of an interactive shell is exactly "vfx$ " 2.1s',
      "",
    ]);
  });

  test("a long build is not silent, a failed phase says why, a leak and a trouble are told", () => {
    const phase = { event: "phase", at: began, environment: "e", phase: "build" } as const;
    const out = shown([
      { ...phase, state: "started" },
      { ...phase, state: "started", detail: "ansible playbook.yml: 2.1s" },
      { ...phase, state: "failed", detail: "build: mmdebstrap is not installed" },
      { event: "resource", at: began, environment: "e", kind: "network", name: "assay-n", state: "leaked" },
      {
        event: "trouble",
        at: began,
        file: "specs/a.spec.ts",
        outcome: "errored",
        exitCode: 2,
        error: { name: "SyntaxError", message: "unexpected )" },
      },
    ]);
    expect(out.split("\n")).toEqual([
      "  e build: ansible playbook.yml: 2.1s",
      "✗ e build failed: build: mmdebstrap is not installed",
      "✗ leaked network assay-n",
      "! errored a: unexpected )",
      "",
    ]);
  });

  test("has no escapes without colour, and never those of others", () => {
    const hostile = "\u001b[2J\u001b]0;owned\u0007red\u0000\n✓ faked > line";
    const events = [runStarted({ run: hostile }), testEnded("specs/a.spec.ts", hostile, "failed")];
    expect(shown(events)).toBe(
      [
        "Assay 0.1.0  run red ⏎ ✓ faked > line, builder-7, docker 20.10.24 (API 1.41)",
        "✗ failed a > red ⏎ ✓ faked > line 100ms",
        "",
      ].join("\n"),
    );
    const colored = shown(events, { color: true });
    expect(colored).not.toContain("\u001b[2J");
    expect(stripVTControlCharacters(colored)).toBe(shown(events));
  });
});

describe("on a terminal", () => {
  test("draws the tree, keeps what is done, and erases the tree at the end", async () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 30 });
    let out = "";
    stream.on("data", (chunk) => (out += String(chunk)));
    const progress = new Progress({ stream, color: true, live: true });
    const events = inOrder(sampleRun());
    progress.see(events[0] as RunEvent);
    await once(stream, "data"); // drawing has begun
    for (const event of events.slice(1)) progress.see(event);
    progress.close();
    await once(stream.end(), "end");
    const text = stripVTControlCharacters(out);
    expect(text).toContain("✗ docker-soe-bash  1 passed, 1 failed");
    expect(text).toContain("! docker-soe-dns  1 passed, 1 errored, 1 skipped");
    expect(text).not.toContain("✓ docker-soe-bash > .bashrc is there");
    const after = out.slice(out.lastIndexOf("to go") + "to go".length);
    expect(stripVTControlCharacters(after).trim()).toBe("");
    expect(after).toContain(eraseLine);
  });

  test("what a teardown remarked stays, as it does without one", () => {
    const phase = { event: "phase", at: began, environment: "e", node: "n", phase: "destroy" } as const;
    const remark: RunEvent[] = [
      { ...phase, state: "started", detail: "mount /vfx hangs" },
      { ...phase, state: "done" },
      { ...phase, environment: "f", state: "started" },
      { ...phase, environment: "f", state: "done" },
    ];
    for (const live of [true, false]) expect(shown(remark, { live })).toBe("! e/n destroy: mount /vfx hangs\n");
  });

  test("what came before it could draw is not lost", () => {
    expect(shown(sampleRun(), { live: true })).toContain("✗ docker-soe-bash  1 passed, 1 failed");
  });
});

describe("the tree", () => {
  const paint = (_: unknown, text: string) => text;
  const file = "specs/a.spec.ts";
  const tree = (events: readonly RunEvent[]) => {
    const it = new ProgressTree();
    for (const event of events) it.see(event);
    return it;
  };
  const running: RunEvent[] = [
    { event: "planned", at: began, file, tests: ["one", "two"] },
    { event: "phase", at: began, environment: "e", scope: "a", file, node: "n", phase: "ready", state: "started" },
    { event: "test-started", at: began + 500, file, test: "one" },
    check(file, "one", { title: "port 80 listens" }),
  ];

  test("shows file, phases, tests and the current check with the time each took so far", () => {
    expect(frameLines(tree(running), { now: began + 2000, columns: 80, rows: 24, paint })).toEqual([
      "› a  0/2  2.0s",
      "    e/n ready  2.0s",
      "    one · port 80 listens  1.5s",
      "0 passed, 2 to go",
    ]);
  });

  test("is never higher or wider than the terminal", () => {
    const many = Array.from({ length: 50 }, (_, index): RunEvent[] => [
      { event: "planned", at: began, file: `specs/${index}.spec.ts`, tests: ["x".repeat(500)] },
      { event: "test-started", at: began, file: `specs/${index}.spec.ts`, test: "x".repeat(500) },
    ]).flat();
    const lines = frameLines(tree(many), { now: began, columns: 60, rows: 20, paint });
    expect(lines.length).toBeLessThan(20);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(lines.at(-1)).toBe("0 passed, 50 to go");
  });

  test("forgets what has ended", () => {
    const ended: RunEvent[] = [
      ...running,
      { event: "phase", at: began, environment: "e", scope: "a", node: "n", phase: "ready", state: "done", ms: 5 },
      testEnded(file, "one", "passed"),
      testEnded(file, "two", "skipped"),
    ];
    expect(frameLines(tree(ended), { now: began, columns: 80, rows: 24, paint })).toEqual([
      "1 passed, 1 skipped, 0 to go",
    ]);
  });
});
