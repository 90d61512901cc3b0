// Decides how goss is had, which Assay is measured against: built from its source once, kept by version. Where that cannot be
// done the peer is missing, and why is told; no number is made up for it.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../model/errors.ts";

const call = promisify(execFile);

export const gossVersion = "v0.4.9";
const module = "github.com/goss-org/goss";
/** A build takes 12 s to a minute, most of it for fetching modules. */
const buildMs = 600_000;

export type Goss = { readonly directory: string } | { readonly missing: string };

/**
 * A directory with the program `goss` in it, below `state`. Goss refuses `go install module@version`, so it is built as what a
 * module of our own requires. Never rejects for want of goss. Idempotent; two at once build it twice and keep one.
 */
export async function haveGoss(state: string, say: (line: string) => void): Promise<Goss> {
  const place = join(state, "bench", `goss-${gossVersion}`);
  if (existsSync(join(place, "goss"))) return { directory: place };
  mkdirSync(join(state, "bench"), { recursive: true });
  const room = mkdtempSync(join(state, "bench", "building-"));
  const kept = join(room, "kept");
  try {
    say(`building goss ${gossVersion}`);
    writeFileSync(join(room, "go.mod"), `module assay.dev/bench\n\ngo 1.23\n\nrequire ${module} ${gossVersion}\n`);
    writeFileSync(join(room, "tools.go"), `//go:build tools\n\npackage tools\n\nimport _ "${module}/cmd/goss"\n`);
    mkdirSync(kept);
    const flags = ["-mod=mod", "-trimpath", "-buildvcs=false", `-ldflags=-s -w`, "-o", join(kept, "goss")];
    await call("go", ["build", ...flags, `${module}/cmd/goss`], {
      cwd: room,
      env: { ...process.env, CGO_ENABLED: "0" },
      timeout: buildMs,
    });
    renameSync(kept, place);
    return { directory: place };
  } catch (error) {
    if (existsSync(join(place, "goss"))) return { directory: place };
    return { missing: whyNot(error) };
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

function whyNot(error: unknown): string {
  const { code, stderr } = error as { code?: unknown; stderr?: string };
  if (code === "ENOENT") return "go is not installed, which goss is built with";
  const last = (stderr ?? "").trim().split("\n").at(-1) ?? "";
  return `goss could not be built: ${last === "" ? messageOf(error) : last}`;
}
