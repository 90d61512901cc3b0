// bootstrap.mjs in a project of its own, whose cli.ts tells what reaches it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let project: string;
const bootstrap = () => join(project, "harness", "bootstrap.mjs");

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "assay-bootstrap-"));
  mkdirSync(join(project, "harness"));
  for (const name of ["bootstrap.mjs", "assay"])
    cpSync(join(import.meta.dirname, name), join(project, "harness", name));
  writeFileSync(join(project, "package-lock.json"), "{}\n");
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function cli(text: string): void {
  writeFileSync(join(project, "harness", "cli.ts"), text);
}

/** What a finished `npm ci` leaves. */
function install(): void {
  const modules = join(project, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  symlinkSync(process.execPath, join(modules, ".bin", "node"));
  const digest = createHash("sha256")
    .update(readFileSync(join(project, "package-lock.json")))
    .digest("hex");
  writeFileSync(join(modules, ".assay-lock"), `${digest}\n`);
}

/** A program in npm's place; bootstrap uses the one that npm names in the environment. */
function npm(script: string): readonly string[] {
  const file = join(project, "npm-cli.js");
  writeFileSync(file, script);
  return [`npm_execpath=${file}`];
}

/** `env` holds assignments as env(1) takes them. */
function run(args: readonly string[], env: readonly string[] = []) {
  return spawnSync("env", [...env, process.execPath, bootstrap(), ...args], { encoding: "utf8" });
}

describe("handing over", () => {
  beforeEach(install);

  test("words and standard output pass through, and so does the exit code", () => {
    cli("console.log(JSON.stringify(process.argv.slice(2))); process.exit(7);");
    const { status, stdout, stderr } = run(["run", "a b", "--json"]);
    expect({ status, stdout, stderr }).toEqual({ status: 7, stdout: '["run","a b","--json"]\n', stderr: "" });
  });

  test("a child that dies of a signal is told as shells do", () => {
    cli('process.kill(process.pid, "SIGKILL"); setTimeout(() => undefined, 15_000);');
    expect(run(["run"]).status).toBe(137);
  });

  /** Counts signals until SIGTERM, which ends it with status 40 + how many of the others it saw. It outlives no test for long. */
  const counting = `
    let seen = 0;
    for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => { seen += 1; console.log(signal + " of " + process.ppid); });
    process.on("SIGTERM", () => process.exit(40 + seen));
    setTimeout(() => process.exit(99), 15_000);
    console.log("ready");
  `;

  test.each(["SIGINT", "SIGHUP"] as const)(
    "%s reaches the child; its double at the same moment does not",
    async (signal) => {
      cli(counting);
      // Detached: a session without a terminal.
      const stdio = ["ignore", "pipe", "ignore"] as const;
      const child = spawn(process.execPath, [bootstrap(), "run"], { detached: true, stdio: [...stdio] });
      const ended = once(child, "exit");
      for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
        if (line === "ready") for (const _ of [1, 2]) child.kill(signal);
        if (line.startsWith(signal)) child.kill("SIGTERM");
      }
      expect(await ended).toEqual([41, null]);
    },
  );

  test("a terminal's Ctrl-C reaches the child once, though bootstrap is told as well", async () => {
    cli(counting);
    // script(1) makes a terminal: a Ctrl-C in its input becomes a SIGINT to the whole foreground group.
    const words = `exec ${process.execPath} ${bootstrap()} run`;
    const terminal = spawn("script", ["-qec", words, "/dev/null"], { stdio: ["pipe", "pipe", "ignore"] });
    const ended = once(terminal, "exit");
    for await (const line of createInterface(terminal.stdout)) {
      if (line === "ready") terminal.stdin.write("\u0003");
      // The terminal shows the key that was struck.
      const parent = /^(?:\^C)?SIGINT of (\d+)$/.exec(line)?.[1];
      if (parent === undefined) continue;
      // npm passes the key on once more; then, in order, the end.
      process.kill(Number(parent), "SIGINT");
      process.kill(Number(parent), "SIGTERM");
    }
    expect(await ended).toEqual([41, null]);
  });
});

describe("installing", () => {
  const finished = `
    const { mkdirSync, symlinkSync, appendFileSync } = require("node:fs");
    mkdirSync("node_modules/.bin", { recursive: true });
    symlinkSync(${JSON.stringify(process.execPath)}, "node_modules/.bin/node");
    appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
    console.log("npm talks");
  `;
  const calls = () => readFileSync(join(project, "calls"), "utf8").trim().split("\n");

  test("what is missing is installed from the lock file, once; standard output stays the command's", () => {
    cli('console.log("ran");');
    const env = npm(finished);
    const first = run(["doctor"], env);
    expect(first).toMatchObject({ status: 0, stdout: "ran\n" });
    expect(first.stderr).toContain("installing Assay's packages first: npm ci --ignore-scripts");
    expect(run(["doctor"], env)).toMatchObject({ status: 0, stdout: "ran\n", stderr: "" });
    expect(calls()).toEqual([expect.stringMatching(/^ci --ignore-scripts/)]);
    expect(existsSync(join(project, "node_modules", ".bin", "assay"))).toBe(true);
  });

  test("a changed lock file installs again", () => {
    cli("");
    install();
    writeFileSync(join(project, "package-lock.json"), '{"changed":true}\n');
    const env = npm(finished.replace("symlinkSync(", "void ("));
    expect(run(["doctor"], env).status).toBe(0);
    expect(calls()).toHaveLength(1);
  });

  test("two at once install once", async () => {
    cli("");
    const env = npm(finished);
    const both = [1, 2].map(() =>
      once(spawn("env", [...env, process.execPath, bootstrap(), "doctor"], { stdio: "ignore" }), "exit"),
    );
    expect(await Promise.all(both)).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(calls()).toHaveLength(1);
  });

  test("an npm that fails stops it, with the command to try, and nothing is run", () => {
    cli('console.log("ran");');
    const { status, stdout, stderr } = run(["start"], npm('console.error("no registry"); process.exit(1);'));
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr).toMatch(/no registry[\s\S]*npm ci failed \(1\)[\s\S]*&& npm ci --ignore-scripts/);
    expect(existsSync(join(project, "node_modules"))).toBe(false);
  });

  test("what breaks off an install is 3 as well: 1 would blame an image", () => {
    cli('console.log("ran");');
    const env = npm(`${finished} symlinkSync("nowhere", "node_modules/.bin/assay");`);
    expect(run(["start"], env)).toMatchObject({ status: 3, stdout: "", stderr: expect.stringContaining("EEXIST") });
  });

  test("an npm that brings no Node 24 stops it", () => {
    cli("");
    const env = npm(`${finished.replace(/symlinkSync\(.*\n/, "")}
      require("node:fs").writeFileSync("node_modules/.bin/node", "#!/bin/sh\\necho v20.1.0\\n", { mode: 0o755 });`);
    const { status, stderr } = run(["start"], env);
    expect(status).toBe(3);
    expect(stderr).toContain("is not a Node 24 (v20.1.0)");
  });
});

test("it is plain JavaScript that an executable file may hold", () => {
  chmodSync(bootstrap(), 0o755);
  expect(readFileSync(bootstrap(), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(spawnSync(process.execPath, ["--check", bootstrap()]).status).toBe(0);
});
