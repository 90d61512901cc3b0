// Decides how a test file is loaded: as any module is, by Node, under its own name. Vitest's own runner gives it a new name each
// time, for which no stripped and compiled code is ever kept: that costs each file 60 ms. Wants `isolate`, where a file is loaded once.
import { pathToFileURL } from "node:url";
import { TestRunner } from "vitest";

/** Vitest's runner, but for `importFile`. Vitest finds it by its default export. */
export default class NativeRunner extends TestRunner {
  override importFile(file: string): Promise<unknown> {
    return import(pathToFileURL(file).href);
  }
}
