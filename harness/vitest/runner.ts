// Decides how test files and what they import are loaded: as any module is, by Node, under their own names. Vitest's own way
// costs each file some 100 ms: a new name each time, for which no compiled code is ever kept, and a message for each import,
// which only watch mode has a use for. Wants `isolate`, where a file is loaded once.
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { expect, inject, type RunnerTestCase, TestRunner } from "vitest";
import { allReads, isOwn, readModule } from "./reads.ts";
import { placed } from "./syntax-place.ts";

// The last hook that is registered is asked first, before Vitest's.
registerHooks({
  resolve(specifier, context, next) {
    if (!/^\.\.?\/.*\.ts$/.test(specifier) || context.parentURL?.startsWith("file:") !== true)
      return next(specifier, context);
    const url = new URL(specifier, context.parentURL);
    readModule(url.href);
    // Node words it best when there is no such file.
    return existsSync(url) ? { url: url.href, shortCircuit: true } : next(specifier, context);
  },
});

declare module "vitest" {
  interface TaskMeta {
    /** How often the test called `expect`. */
    assertions?: number;
  }
}

/** Vitest's runner, but for `importFile`, and that it says how much a test asserted. Vitest finds it by its default export. */
export default class NativeRunner extends TestRunner {
  /** Vitest asks for it only where it is there. */
  runTask?: (test: RunnerTestCase) => Promise<void>;

  constructor(...words: ConstructorParameters<typeof TestRunner>) {
    super(...words);
    if (inject("assay")?.prove !== undefined)
      this.runTask = async (test) => {
        const { recording } = await import("./prove-record.ts");
        await recording(true).first(test, async () => TestRunner.getTestFn(test)());
      };
  }

  override onAfterTryTask(test: Parameters<TestRunner["onAfterTryTask"]>[0]): void {
    // A test that took `expect` from its context has a count of its own.
    const own = (test.context as { readonly _local?: boolean })._local === true ? test.context.expect : expect;
    test.meta.assertions = own.getState().assertionCalls;
    super.onAfterTryTask(test);
  }

  override async importFile(file: string): Promise<unknown> {
    const { href } = pathToFileURL(file);
    readModule(href);
    try {
      return await import(href);
    } catch (error) {
      throw placed(error);
    } finally {
      if (inject("assay") !== undefined && !isOwn(file)) await tellReads(file);
    }
  }
}

async function tellReads(file: string): Promise<void> {
  const { events, said } = (await import("./session.ts")).session();
  events.say({ event: "reads", at: Date.now(), file: said(file), paths: allReads() });
}
