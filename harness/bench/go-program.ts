// Decides how peers that are written in Go are had, which Assay is measured against: built from their source once, kept by version.
// Where that cannot be done the peer is missing, and why is told; no number is made up for it.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../model/errors.ts";

const call = promisify(execFile);

/** A program of a Go module. */
export interface GoProgram {
  /** Of the file, and of its package below the module's `cmd`. */
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** Its package, where that is another. */
  readonly main?: string;
}

export const goss: GoProgram = { name: "goss", module: "github.com/goss-org/goss", version: "v0.4.9" };
export const containerStructureTest: GoProgram = {
  name: "container-structure-test",
  module: "github.com/GoogleContainerTools/container-structure-test",
  version: "v1.22.1",
};

export const containerDiff: GoProgram = {
  name: "container-diff",
  module: "github.com/GoogleContainerTools/container-diff",
  version: "v0.17.0",
  main: "github.com/GoogleContainerTools/container-diff",
};

/** A build takes 12 s to some minutes, most of it for fetching modules. */
const buildMs = 600_000;

/** The directory that the program is in, under its name; or why there is none. */
export type Had = { readonly directory: string } | { readonly missing: string };

/**
 * Builds the program below `state`, unless it is there. Some refuse `go install module@version`, so it is built as what a module of
 * our own requires. Never rejects for want of it. Idempotent; two at once build it twice and keep one.
 */
export async function haveGoProgram(
  { name, module, version, main = `${module}/cmd/${name}` }: GoProgram,
  state: string,
  say: (line: string) => void,
): Promise<Had> {
  const place = join(state, "bench", `${name}-${version}`);
  if (existsSync(join(place, name))) return { directory: place };
  mkdirSync(join(state, "bench"), { recursive: true });
  const room = mkdtempSync(join(state, "bench", "building-"));
  const kept = join(room, "kept");
  try {
    say(`building ${name} ${version}`);
    writeFileSync(join(room, "go.mod"), `module assay.dev/bench\n\ngo 1.23\n\nrequire ${module} ${version}\n`);
    writeFileSync(join(room, "tools.go"), `//go:build tools\n\npackage tools\n\nimport _ "${main}"\n`);
    mkdirSync(kept);
    const flags = ["-mod=mod", "-trimpath", "-buildvcs=false", `-ldflags=-s -w`, "-o", join(kept, name)];
    await call("go", ["build", ...flags, main], {
      cwd: room,
      env: { ...process.env, CGO_ENABLED: "0" },
      timeout: buildMs,
    });
    renameSync(kept, place);
    return { directory: place };
  } catch (error) {
    if (existsSync(join(place, name))) return { directory: place };
    return { missing: whyNot(name, error) };
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

function whyNot(name: string, error: unknown): string {
  const { code, stderr } = error as { code?: unknown; stderr?: string };
  if (code === "ENOENT") return `go is not installed, which ${name} is built with`;
  const last = (stderr ?? "").trim().split("\n").at(-1) ?? "";
  return `${name} could not be built: ${last === "" ? messageOf(error) : last}`;
}
