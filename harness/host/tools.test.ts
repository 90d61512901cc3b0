import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findTool, missingTools, toolFindings, tools } from "./tools.ts";

test("a program is found in PATH, before the system's directories; a file that cannot be run is none", () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-tools-"));
  try {
    const file = join(directory, "tar");
    writeFileSync(file, "#!/bin/sh\n");
    chmodSync(file, 0o644);
    // Root may read anything, but run only what has an x bit.
    expect(findTool("tar", directory)).not.toBe(file);
    chmodSync(file, 0o755);
    expect(findTool("tar", `:${directory}`)).toBe(file);
    expect(findTool("no-such-program", directory)).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("an empty PATH still finds what is in the system's directories", () => {
  expect(missingTools("").map(({ name }) => name)).not.toContain("tar");
});

test("each missing tool is a no with the package that brings it", () => {
  const missing = tools.filter(({ name }) => ["mmdebstrap", "buildah"].includes(name) || name.startsWith("/"));
  const [there, ...findings] = toolFindings(missing);
  expect(there).toMatchObject({ can: "yes", detail: expect.not.stringContaining("mmdebstrap") });
  expect(findings).toMatchObject([
    { what: "mmdebstrap", can: "no", needed: true, remedy: expect.stringContaining("apt-get install mmdebstrap") },
    { what: "ca-certificates.crt", can: "no", needed: false },
    { what: "buildah", can: "no", needed: false, cause: expect.stringContaining("Dockerfile") },
  ]);
});
