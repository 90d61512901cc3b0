// Decides what a worker that is started early is: just what vitest would start a little later, with the modules of a spec
// loaded. Anything vitest would start otherwise gets a worker of its own, and the early one ends.
import { type ChildProcess, fork } from "node:child_process";
import { pathToFileURL } from "node:url";
import { inPackage, ownModule } from "../place.ts";

/** Arguments for Node: loading fills the nursery of the heap over and over when it begins as small as it does, a tenth of the time. */
export const roomToStart: readonly string[] = ["--min-semi-space-size=16", "--max-semi-space-size=16"];

export interface EarlyWorker {
  readonly child: ChildProcess;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** vitest loads its configuration, and with it this module, a second time: what both know is kept here. */
const kept = globalThis as { [early]?: EarlyWorker | undefined };
const early = Symbol.for("dev.assay.early-worker");

/** Starts one; `own` is this process's environment. Does not keep this process alive, and ends with it. */
export function startEarly(own: EarlyWorker["env"]): void {
  const execArgv = [
    "--experimental-import-meta-resolve",
    ...["--require", inPackage("vitest", "suppress-warnings.cjs")],
    ...["--conditions", "node", "--conditions", "development"],
    ...roomToStart,
  ];
  const env = { ...own, TEST: "true", VITEST: "true", NODE_ENV: "test", VITEST_MODE: "RUN", FORCE_TTY: "" };
  const child = fork(inPackage("vitest", "dist/workers/forks.js"), [], {
    env,
    execArgv: [...execArgv, "--import", pathToFileURL(ownModule("vitest/preload")).href],
    stdio: "pipe",
    serialization: "advanced",
  });
  for (const handle of handlesOf(child)) handle?.unref?.();
  // One that cannot be started is not adopted either.
  child.on("error", () => {});
  kept[early] = { child, execArgv, env };
}

/** The early worker, if it is what would be started with these; only the first who asks gets it. */
export function takeEarly(execArgv: readonly string[], env: EarlyWorker["env"]): ChildProcess | undefined {
  const worker = kept[early];
  kept[early] = undefined;
  if (worker === undefined) return undefined;
  const { child } = worker;
  const alive = child.pid !== undefined && child.exitCode === null && child.signalCode === null && child.connected;
  if (!alive || !same(worker.execArgv, execArgv) || !same(sorted(worker.env), sorted(env))) {
    child.kill("SIGKILL");
    return undefined;
  }
  for (const handle of handlesOf(child)) handle?.ref?.();
  child.removeAllListeners("error");
  return child;
}

type Handle = { ref?(): void; unref?(): void } | null | undefined;

function handlesOf(child: ChildProcess): readonly Handle[] {
  return [child, child.channel, child.stdin, child.stdout, child.stderr] as Handle[];
}

function sorted(env: EarlyWorker["env"]): string[] {
  return Object.entries(env)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .sort();
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((word, at) => word === other[at]);
}
