// Decides how a directory with somebody's specs becomes a project in which this Assay runs them: its own harness and packages beside them,
// whether they were written for a checkout or for an installed package. Refuses to take a harness from anywhere else.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { home, installed, ownModule } from "../place.ts";

/** What its specs were written for: a checkout of Assay, whose harness they name by its path, or an installed package. */
export type ProjectKind = "checkout" | "package";

/** Idempotent: what of it is there is made anew. A directory `harness` of a package's project is that project's own. */
export function layProject(directory: string, kind: ProjectKind): void {
  const named = kind === "checkout" || !installed ? ["harness", "node_modules"] : ["node_modules"];
  for (const name of named) rmSync(join(directory, name), { recursive: true, force: true });
  const modules = join(directory, "node_modules");
  mkdirSync(modules, { recursive: true });
  const packages = installed ? dirname(home) : join(home, "node_modules");
  for (const name of readdirSync(packages)) symlinkSync(join(packages, name), join(modules, name));
  mkdirSync(join(directory, "reports"), { recursive: true });
  if (installed && kind === "checkout") layShim(directory);
  if (!installed) layCopy(directory);
}

/** Specs of a checkout name its harness by path: behind that path is the package. */
function layShim(directory: string): void {
  if (!existsSync(join(directory, "package.json")))
    writeFileSync(
      join(directory, "package.json"),
      `${JSON.stringify({ name: "scratch", private: true, type: "module" })}\n`,
    );
  mkdirSync(join(directory, "harness"));
  writeFileSync(join(directory, "harness/index.ts"), 'export * from "assay";\n');
}

/** A checkout is always its own project, so that it is copied; specs of a package's project find it by the name that it has itself. */
function layCopy(directory: string): void {
  cpSync(join(home, "harness"), join(directory, "harness"), { recursive: true });
  const { name, version, type } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Record<
    string,
    string
  >;
  const manifest = { name, version, private: true, type, exports: { ".": "./harness/index.ts" } };
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(manifest)}\n`);
}

/** The path of a module of the harness that works on the project in `directory`. */
export function moduleFor(directory: string, name: string): string {
  return installed ? ownModule(name) : join(directory, "harness", `${name}.ts`);
}
