// A root file system of a few megabytes, made of this machine's own shell and what it needs: for tests that build often.
// No stand-in: real programs in a real tree, and an `ImageSource` that nobody need be asked for.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { digestOf } from "./canonical.ts";
import type { ImageSource } from "./image-source.ts";

const programs = ["sh", "sleep", "dd", "true", "date", "rm", "chmod"];

/** Gives the small root under any reference. @example await store.build(tiny, { source: smallRoot() }) */
export function smallRoot(): ImageSource {
  const tar = pack();
  return {
    resolve: async () => ({ digest: digestOf(tar), config: { cmd: ["sh"] }, created: "2026-01-01T00:00:00Z" }),
    export: async () => Readable.from([tar]),
  };
}

function pack(): Buffer {
  const root = mkdtempSync(join(tmpdir(), "assay-small-root-"));
  try {
    for (const directory of ["bin", "dev", "etc", "proc", "tmp", "usr/sbin"])
      mkdirSync(join(root, directory), { recursive: true });
    const libraries = new Set<string>();
    for (const program of programs) {
      const path = join("/usr/bin", program);
      copyFileSync(path, join(root, "bin", program));
      for (const [library] of execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(/\/\S+/g))
        libraries.add(library);
    }
    for (const library of libraries) {
      mkdirSync(join(root, dirname(library)), { recursive: true });
      copyFileSync(library, join(root, library));
    }
    const args = [
      "--create",
      "--sort=name",
      "--mtime=@0",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--directory",
      root,
      ".",
    ];
    return execFileSync("tar", args, { maxBuffer: 64 << 20 });
  } finally {
    rmSync(root, { recursive: true });
  }
}
