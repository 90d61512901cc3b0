// Decides how a test works in a project of somebody's own: a copy of Assay with other specs, environments and fixtures beside it, that the
// test may write to, on a state directory of its own with the machine's images.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { home } from "../place.ts";
import { RunStage, type RunStageOptions } from "./run-stage.ts";

/** Its runs are those of a `RunStage`. Dispose of it. */
export class ProjectStage extends RunStage {
  readonly project: string;

  /** `rooms`: directories of this checkout that are copied beside `harness`, as `fixtures/debian-machine`. */
  constructor(options: Omit<RunStageOptions, "subject">, rooms: readonly string[]) {
    const project = mkdtempSync(join(tmpdir(), "assay-project-"));
    for (const name of ["harness", "package.json", ...rooms])
      cpSync(join(home, name), join(project, name), { recursive: true });
    for (const name of ["reports", "specs", "environments"]) mkdirSync(join(project, name), { recursive: true });
    cpSync(join(home, "reports/report.schema.json"), join(project, "reports/report.schema.json"));
    symlinkSync(join(home, "node_modules"), join(project, "node_modules"));
    super({ ...options, subject: "" }, project);
    this.project = project;
  }

  /** Writes a file of the project. */
  write(path: string, content: string): void {
    mkdirSync(join(this.project, dirname(path)), { recursive: true });
    writeFileSync(join(this.project, path), content);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    rmSync(this.project, { recursive: true, force: true });
  }
}
