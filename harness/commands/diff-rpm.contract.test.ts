// Decides that the command tells packages of rpm of an engine's images, of files and of directories alike, and ends with 1 where a rule about them
// is broken.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesOf, noRpm, RpmLab } from "../checks/testing/rpm-database.ts";
import { readConfig } from "../config.ts";
import { diffDocumentSchema } from "../diff/violations.ts";
import { findEngine } from "../drivers/docker-engine.ts";
import { tar } from "../store/testing/archives.ts";

const config = readConfig();
const names = ["assay-diff-rpm-old", "assay-diff-rpm-new"] as const;
let lab: RpmLab;
let room: string;
beforeAll(async () => {
  lab = new RpmLab();
  room = mkdtempSync(join(tmpdir(), "assay-diff-rpm-"));
  if (noRpm !== undefined) return;
  const [old, now] = [lab.build("1.4~rc2", 2), lab.build("1.4", 2)];
  const sides = [[...old.values()], [...now.values()].filter((path) => !path.includes("studio-lib"))];
  const docker = await findEngine(config.dockerHost);
  for (const [at, name] of names.entries()) {
    const files = [...filesOf(lab.database("sqlite", sides[at] ?? []))].map(
      ([file, content]) => [`usr/lib/sysimage/rpm/${file}`, content] as const,
    );
    const entries = [...files, ["usr/bin/studio-tool", Buffer.from("tool".repeat(at + 1))] as const];
    for (const [path, content] of entries) {
      mkdirSync(join(room, name, path, ".."), { recursive: true });
      writeFileSync(join(room, name, path), content);
    }
    const archive = join(room, `${name}.tar`);
    writeFileSync(archive, await tar(entries.map(([path, content]) => ({ name: path, content, mode: 0o644 }))));
    const stream = await docker.importImage(archive, { repo: name, tag: "1" });
    await new Promise<void>((resolve, reject) =>
      docker.modem.followProgress(stream, (error) => (error === null ? resolve() : reject(error))),
    );
  }
}, 120_000);
afterAll(async () => {
  lab.remove();
  rmSync(room, { recursive: true, force: true });
  if (noRpm !== undefined) return;
  const docker = await findEngine(config.dockerHost);
  for (const name of names) await docker.getImage(`${name}:1`).remove({ force: true });
});

async function diff(...words: readonly string[]): Promise<{ readonly status: number | null; readonly out: string }> {
  const child = spawn(process.execPath, [join(config.project, "harness/cli.ts"), "diff", ...words], {
    cwd: config.project,
    env: { ...process.env, NO_COLOR: "1", ASSAY_SETTINGS: undefined },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [out, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { status: status as number | null, out };
}

test("packages of rpm, by an engine's images and by directories", async (context) => {
  if (noRpm !== undefined) return context.skip(noRpm);
  const rules = ["--fail-on", "package-removed,packages-added=0", "--json"];
  const told = await Promise.all([
    diff(...names.map((name) => `${name}:1`), ...rules),
    diff(...names.map((name) => join(room, name)), ...rules),
  ]);
  for (const { status, out } of told) {
    expect(status).toBe(1);
    const { changes, violations, old, new: now } = diffDocumentSchema.parse(JSON.parse(out));
    const packages = changes.filter(({ topic }) => topic === "package");
    expect(packages.map(({ kind, subject, direction }) => `${kind} ${subject} ${direction}`)).toEqual([
      "changed kernel-core newer",
      "removed studio-lib undefined",
      "changed studio-tool newer",
    ]);
    expect([old.packages, now.packages]).toEqual([3, 2]);
    expect(violations).toMatchObject([{ code: "package-removed", subject: "studio-lib" }]);
  }
  const { status, out } = await diff(`${names[0]}:1`, `${names[1]}:1`, "--fail-on", "packages-added=0");
  expect(status, out).toBe(0);
  expect(out).toContain("studio-tool: version 2:1.4~rc2-3.el9 → 2:1.4-3.el9");
});
