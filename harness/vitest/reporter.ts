// Decides what vitest's own process tells the supervisor: what was planned, each test's start and outcome, what went wrong
// outside of tests. Prints nothing: the supervisor owns the terminal.
import { relative } from "node:path";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { connectEvents } from "../lifecycle/event-socket.ts";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { EventSink, ToldError } from "../model/event.ts";
import type { Outcome } from "../model/outcome.ts";
import type { RunSettings } from "./session.ts";

type TestError = NonNullable<ReturnType<TestCase["result"]>["errors"]>[number];

/** Vitest's reporter for supervised runs. */
export class EventReporter implements Reporter {
  readonly #events: EventSink;
  readonly #project: string;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #troubled = new Set<string>();

  constructor(settings: RunSettings) {
    this.#events = connectEvents(settings.socket);
    this.#project = settings.project;
    this.#only = settings.only === undefined ? undefined : new Set(settings.only);
  }

  onTestModuleCollected(module: TestModule): void {
    const tests = [...module.children.allTests()].filter((test) => this.#wanted(test)).map((test) => test.fullName);
    this.#events.say({ event: "planned", at: Date.now(), file: this.#file(module), tests });
  }

  onTestCaseReady(test: TestCase): void {
    if (!this.#wanted(test)) return;
    this.#events.say({
      event: "test-started",
      at: Date.now(),
      file: this.#file(test.module),
      test: test.fullName,
      ...environmentOf(test),
    });
  }

  onTestCaseResult(test: TestCase): void {
    if (!this.#wanted(test)) return;
    const result = test.result();
    const errors = (result.errors ?? []).map((error) => this.#told(error));
    const outcome =
      result.state === "passed" ? "passed" : result.state === "skipped" ? "skipped" : outcomeOf(result.errors ?? []);
    const { assertions } = test.meta();
    const reason = result.state === "skipped" ? (result.note ?? "the spec skips it and gives no reason") : undefined;
    this.#events.say({
      event: "test-ended",
      at: Date.now(),
      file: this.#file(test.module),
      test: test.fullName,
      ...environmentOf(test),
      outcome,
      errors,
      ms: test.diagnostic()?.duration ?? 0,
      ...(assertions === undefined ? {} : { assertions }),
      ...(reason === undefined ? {} : { reason }),
    });
  }

  onTestModuleEnd(module: TestModule): void {
    const suites = [...module.children.allSuites()];
    for (const error of [...module.errors(), ...suites.flatMap((suite) => suite.errors())])
      this.#trouble(error, this.#file(module));
  }

  async onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly unknown[]): Promise<void> {
    for (const error of unhandled) this.#trouble((misdivided(error) ?? error) as unknown as TestError);
    await this.#events.flushed();
  }

  #trouble(error: TestError, file?: string): void {
    const told = this.#told(error);
    const key = `${file} ${told.message}`;
    if (this.#troubled.has(key)) return;
    this.#troubled.add(key);
    // A file that cannot be read as a spec is the author's to mend; what a harness says is not.
    const exitCode =
      told.name === "DeclarationError" || told.code === "unreadable-file"
        ? 2
        : told.code !== undefined
          ? 3
          : isAssertion(error)
            ? 1
            : file === undefined
              ? 3
              : 2;
    this.#events.say({
      event: "trouble",
      at: Date.now(),
      outcome: exitCode === 1 ? "failed" : "errored",
      exitCode,
      error: told,
      ...(file === undefined ? {} : { file }),
    });
  }

  #told(error: TestError): ToldError {
    const site = error.stacks?.find(({ file }) => this.#isAuthors(file));
    const { code, at } = error as { code?: unknown; at?: unknown };
    const declared = typeof at === "string" ? relative(this.#project, at) : undefined;
    const called = site === undefined ? undefined : `${relative(this.#project, site.file)}:${site.line}:${site.column}`;
    // A declaration knows which of its nodes is wrong; the stack, who read them all.
    const place = error.name === "DeclarationError" ? (declared ?? called) : (called ?? declared);
    return {
      name: error.name ?? "Error",
      message: error.message ?? messageOf(error),
      ...(typeof code === "string" ? { code } : {}),
      ...(place === undefined ? {} : { at: place }),
      ...(error.stack === undefined ? {} : { stack: error.stack }),
    };
  }

  /** Where in Assay itself an error was made is of no use to who reads the report. */
  #isAuthors(file: string): boolean {
    const path = relative(this.#project, file);
    if (path.startsWith("..") || path.includes("node_modules/")) return false;
    return !path.startsWith("harness/") || /\.test\.ts$/.test(path);
  }

  /** Nobody skipped what was not asked for. */
  #wanted({ fullName }: TestCase): boolean {
    return this.#only?.has(fullName) !== false;
  }

  #file(module: TestModule): string {
    return relative(this.#project, module.moduleId);
  }
}

/** Vitest refuses parts that would have no file in words of its own option. */
export function misdivided(error: unknown): DeclarationError | undefined {
  const [, files, shard] =
    /^--shard <count> must be .* Resolved (\d+) test files for --shard=(.+)\.$/.exec(messageOf(error)) ?? [];
  if (files === undefined) return undefined;
  return new DeclarationError({
    code: "too-many-shards",
    seen: `--shard ${shard}: there ${files === "1" ? "is 1 spec file" : `are ${files} spec files`} to run`,
    hint: "make no more parts than there are files, or check the patterns",
  });
}

/** Only an assertion blames the image. A time-out, a TypeError in a spec, an engine that is down: could not ask. */
function outcomeOf(errors: readonly TestError[]): Outcome {
  return errors.some(isAssertion) ? "failed" : "errored";
}

/** vitest's and node's assertions carry what they compared; errors of the harness say what they are. */
function isAssertion(error: TestError): boolean {
  if ((error as { outcome?: unknown }).outcome === "errored") return false;
  return error.name === "AssertionError" || "actual" in error || "expected" in error;
}

function environmentOf(test: TestCase): { environment?: string } {
  const { environment } = test.meta();
  return environment === undefined ? {} : { environment };
}
