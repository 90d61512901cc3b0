// Decides which tests are which project. Modules load natively (Node strips the types), so that lines in errors are true.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { home, ownModule } from "./place.ts";
import { roomToStart } from "./vitest/early-worker.ts";
import { earlyForks } from "./vitest/pool.ts";
import { EventReporter } from "./vitest/reporter.ts";
import type { RunSettings } from "./vitest/session.ts";

/** Given by the supervisor; without it vitest runs by itself, which is enough for unit tests. */
const given = process.env["ASSAY_SETTINGS"];
const settings = given === undefined ? undefined : (JSON.parse(given) as RunSettings);

/** Each boots for minutes where guests are emulated: only `--project long-specs` and `long-twins` ask for them. */
const longSpecs = ["specs/selinux-mongodb-podman.spec.ts", "specs/pulp-machine.spec.ts"];
const longTwins = ["fixtures/broken-selinux/*.test.ts", "fixtures/broken-nfs/*.test.ts"];

const project = (
  name: string,
  include: string[],
  options: { exclude?: string[]; order: number; testTimeout: number; maxWorkers?: number },
) => ({
  extends: true as const,
  test: {
    name,
    include,
    exclude: ["node_modules/**", ...(options.exclude ?? [])],
    testTimeout: options.testTimeout,
    hookTimeout: 45 * 60_000,
    sequence: { groupOrder: options.order },
    ...(options.maxWorkers === undefined ? {} : { maxWorkers: options.maxWorkers }),
  },
});

export default defineConfig({
  root: settings?.project ?? home,
  test: {
    // No module is mocked here, so none needs to be read a second time for it.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    runner: ownModule("vitest/runner"),
    pool: settings === undefined ? "forks" : earlyForks,
    retry: 0,
    // A message that is cut may end in a piece of a secret, which nobody would find there: it is cut when secrets are out of it.
    chaiConfig: { truncateThreshold: 0 },
    execArgv: [...roomToStart],
    maxConcurrency: 3,
    provide: { assay: settings },
    ...(settings?.only === undefined
      ? {}
      : { testNamePattern: new RegExp(`^(?:${settings.only.map((name) => RegExp.escape(name)).join("|")})$`) }),
    ...(settings === undefined ? {} : { reporters: [new EventReporter(settings)] }),
    projects: [
      project("unit", ["harness/**/*.test.ts"], {
        exclude: ["harness/**/*.{contract,crash}.test.ts"],
        order: 0,
        testTimeout: 20_000,
        // Vitest leaves a core alone by itself: on a machine with two that is half of it.
        maxWorkers: availableParallelism(),
      }),
      // Most of their time is waiting: for an engine, for a guest that boots.
      project("contract", ["harness/**/*.contract.test.ts"], { order: 1, testTimeout: 300_000, maxWorkers: 2 }),
      // An emulated machine on a busy host boots for minutes, and some tests boot one; each command has a deadline of its own.
      project("specs", ["specs/**/*.spec.ts"], { exclude: longSpecs, order: 2, testTimeout: 900_000, maxWorkers: 4 }),
      project("long-specs", longSpecs, { order: 5, testTimeout: 1_800_000, maxWorkers: 1 }),
      // Each ends badly on purpose: only `--project faults` asks for them.
      project("faults", ["fixtures/faults/*.spec.ts"], { order: 2, testTimeout: 120_000 }),
      project("twins", ["fixtures/**/*.test.ts"], {
        exclude: longTwins,
        order: 3,
        testTimeout: 900_000,
      }),
      project("long-twins", longTwins, { order: 5, testTimeout: 1_800_000, maxWorkers: 1 }),
      project("bench", ["harness/bench/*.bench.ts"], { order: 4, testTimeout: 600_000 }),
      // What crash tests run as a whole run; never asked for by a command.
      project("subject", ["fixtures/crash/*.subject.ts"], { order: 4, testTimeout: 60_000 }),
      project("crash", ["harness/**/*.crash.test.ts"], { order: 4, testTimeout: 300_000, maxWorkers: 2 }),
    ],
  },
});
