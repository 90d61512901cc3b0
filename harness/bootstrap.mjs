#!/usr/bin/env node
// Decides that Assay's own packages and its Node are there, then hands over to the CLI. Plain JavaScript: it runs on Node 20.
// In a checkout it installs them; in an installed package npm has done so.
// Refuses to touch anything outside the checkout: what the machine lacks is the business of `assay setup`.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";

const harness = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const project = resolve(harness, "..");
const lockFile = join(project, "package-lock.json");
const modules = join(project, "node_modules");
const stampFile = join(modules, ".assay-lock");
const node = join(modules, ".bin", "node");
const couldNotAsk = 3;

function say(text) {
  process.stderr.write(`assay: ${text}\n`);
}

/** What node_modules must have been installed from. */
function wanted() {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

function installed() {
  return existsSync(node) && existsSync(stampFile) && readFileSync(stampFile, "utf8").trim() === wanted();
}

/** `npm ci` without install scripts: nothing here needs one, and npm versions differ in which they run. */
function install() {
  if (installed()) return 0; // Another process did it while this one waited for the lock.
  const words = ["ci", "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  say(`installing Assay's packages first: npm ${words.join(" ")}`);
  // Started by npm, that same npm is used; its path is in the environment.
  const npm = /npm-cli\.js$/.test(process.env.npm_execpath ?? "")
    ? [process.execPath, process.env.npm_execpath]
    : ["npm"];
  const [command, ...rest] = [...npm, ...words, "--loglevel=error"];
  // The child's standard output is ours to keep clean: `--json` of a command may be read by a program.
  const run = spawnSync(command, rest, { cwd: project, stdio: ["ignore", 2, 2] });
  if (run.status !== 0) {
    say(`npm ci ${run.error ? `could not be started: ${run.error.message}` : `failed (${run.signal ?? run.status})`}`);
    say(`mend what npm says above, then try: cd ${project} && npm ${words.join(" ")}`);
    return couldNotAsk;
  }
  const own = join("..", `node-linux-${process.arch}`, "bin", "node");
  // npm 9 and 10 lose this link when they drop the package of the other architecture.
  if (!existsSync(node) && existsSync(join(modules, ".bin", own))) symlinkSync(own, node);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" });
  if (version.status !== 0 || Number(/^v(\d+)/.exec(version.stdout)?.[1]) < 24) {
    say(`npm ci went well, but ${node} is not a Node 24 (${version.error?.message ?? version.stdout.trim()})`);
    say("Assay runs on Linux with glibc, on x64 and arm64");
    return couldNotAsk;
  }
  // npm links the programs of packages, not of the project itself: so that `npx assay doctor` works.
  const assay = join(modules, ".bin", "assay");
  if (!existsSync(assay)) symlinkSync(join("..", "..", "harness", "assay"), assay);
  writeFileSync(stampFile, `${wanted()}\n`);
  return 0;
}

/** One install at a time: flock(1) holds the lock file for as long as the process lives, however it ends. */
function installLocked() {
  const self = [process.execPath, import.meta.filename ?? new URL(import.meta.url).pathname, "--install"];
  const locked = (...how) =>
    spawnSync("flock", [...how, "--conflict-exit-code", "75", lockFile, ...self], { stdio: "inherit" });
  let run = locked("--nonblock");
  if (run.error?.code === "ENOENT") return install();
  if (run.status === 75) {
    say("another process is installing Assay's packages: waiting for it");
    run = locked("--timeout", "900");
    if (run.status === 75) say("it still is after a quarter of an hour; try again when it has ended");
  }
  return run.status === 0 ? 0 : couldNotAsk;
}

/**
 * Whether the terminal sends Ctrl-C to the child by itself: we are in its foreground process group. Then a SIGINT here is
 * that same key, seen once more, and npm passes on a third.
 */
function onTerminal() {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return terminal !== "0" && group === foreground;
  } catch {
    return false;
  }
}

/** The Node 24 that npm installed with the package; this one where it is new enough, and nothing where neither is there. */
function nodeOfPackage() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
    return join(dirname(manifest), "bin", "node");
  } catch {
    return Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : undefined;
  }
}

function handOver(args, node, cli, cache) {
  // Node strips types anew at every start unless told where to keep the result: half of the start-up time.
  const env = { ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }), ...process.env };
  const child = spawn(node, [cli, ...args], { stdio: "inherit", env });
  const last = {};
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGTERM" && onTerminal()) return;
      // A signal to the whole group comes from npm once more, at once: it is one signal.
      const now = performance.now();
      if (now - (last[signal] ?? -1000) > 250) child.kill(signal);
      last[signal] = now;
    });
  }
  child.on("error", (error) => {
    say(`${node} could not be started: ${error.message}`);
    process.exit(couldNotAsk);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

const args = process.argv.slice(2);
if (Number(process.versions.node.split(".")[0]) < 20) {
  say(`Node 20 or newer is needed to begin with; this is ${process.version}`);
  process.exit(couldNotAsk);
}
const compiled = join(harness, "cli.js");
if (existsSync(compiled)) {
  const own = nodeOfPackage();
  if (own === undefined) {
    say(
      `the package node-linux-${process.arch} is not installed, and this Node is ${process.version}: Node 24 is needed`,
    );
    say("install without --omit=optional, or start assay with Node 24");
    process.exit(couldNotAsk);
  }
  handOver(args, own, compiled);
} else {
  if (args[0] === "--install") process.exit(install());
  const ready = installed() ? 0 : installLocked();
  if (ready !== 0) process.exit(ready);
  handOver(args, node, join(harness, "cli.ts"), join(modules, ".cache", "node"));
}
