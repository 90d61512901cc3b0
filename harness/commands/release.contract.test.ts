// Decides that a release goes all the way to a registry with an image that everything said yes to, and with no other: from outside, by the
// command line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { testKey } from "../reporting/testing/attested.ts";
import { referrersRegistry } from "./testing/referrers-registry.ts";

const config = readConfig();
const room = mkdtempSync(join(tmpdir(), "assay-release-"));
const key = testKey();
const registry = await referrersRegistry(config.state);
const said: string[] = [];

async function assay(...words: string[]) {
  const child = spawn(process.execPath, [join(config.project, "harness/cli.ts"), ...words], {
    cwd: config.project,
    env: { ...process.env, ASSAY_REPORTS: join(room, "runs"), NO_COLOR: "1", ASSAY_SETTINGS: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  said.push(out, err);
  return { status: status as number | null, out, err };
}

/** A policy of its own: the project's may ask for more than this test has the time for. */
function policy(name: string, test: string): string {
  const file = join(room, `${name}.ts`);
  writeFileSync(
    file,
    `import { definePolicy } from ${JSON.stringify(join(config.project, "harness/index.ts"))};
export const policy = definePolicy({
  required: { "specs/docker-soe-bash.spec.ts": { ${JSON.stringify(test)}: "every" } },
  others: "allowed",
  images: ["vfx-studio-soe"],
  keys: [${JSON.stringify(key.signing.id)}],
  maxAge: "1h",
});
`,
  );
  return file;
}

beforeAll(() => {
  writeFileSync(join(room, "release.pem"), key.pem, { mode: 0o600 });
  writeFileSync(join(room, "release.pub"), key.signing.publicPem);
});
afterAll(() => {
  if (!("missing" in registry)) registry.stop();
  rmSync(room, { recursive: true });
});

const signing = ["--key", `file:${join(room, "release.pem")}`, "--public-key", join(room, "release.pub")];

test("a release is built, run, attested, let through, pushed, and attested as it was pushed", async ({ skip }) => {
  if ("missing" in registry) return skip(registry.missing);
  const to = `${registry.server}/studio/soe:1`;
  const yes = policy("yes", "root has a .bashrc of its own");
  const released = await assay(
    "release",
    "vfx-studio-soe",
    "--to",
    to,
    ...signing,
    "--policy",
    yes,
    "--verifier",
    "https://ci.example/gate",
  );
  expect(released).toMatchObject({
    status: 0,
    out: expect.stringMatching(/\nreleased {2}vfx-studio-soe:0\.1\.0 as 127\.0\.0\.1:\d+\/studio\/soe@sha256:/),
  });
  const verified = await assay(
    "verify",
    "--key",
    join(room, "release.pub"),
    "--image",
    to,
    "--verifier",
    "https://ci.example/gate",
    "--resource",
    `oci://${to}`,
    "--json",
  );
  expect({
    status: verified.status,
    bundles: JSON.parse(verified.out).bundles.map(({ accepted }: { accepted: boolean }) => accepted),
  }).toEqual({ status: 0, bundles: [true, true] });
});

test("what the gate refuses is not pushed", async ({ skip }) => {
  if ("missing" in registry) return skip(registry.missing);
  const to = `${registry.server}/studio/refused:1`;
  const no = policy("no", "a test that nobody wrote");
  const refused = await assay("release", "vfx-studio-soe", "--to", to, ...signing, "--policy", no);
  expect(refused).toMatchObject({ status: 1, out: expect.stringContaining("a test that nobody wrote") });
  expect(refused.out).not.toContain("release   push");
  expect((await fetch(`http://${registry.server}/v2/studio/refused/manifests/1`)).status).toBe(404);
});

test("what the command line lacks is told before anything is built", async () => {
  const to = ["--to", "127.0.0.1:9/studio/soe:1"];
  for (const [words, why] of [
    [signing, "where the image goes"],
    [to, "a release is signed"],
    [[...to, "--key", "env:KEY", "--public-key", join(room, "release.pub")], "can be read by the tests"],
  ] as const)
    expect(await assay("release", "vfx-studio-soe", ...words)).toMatchObject({
      status: 2,
      out: "",
      err: expect.stringContaining(why),
    });
});

test("the key is in nothing that was said or written: 0 found", () => {
  const files = readdirSync(join(room, "runs"), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const written = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
  const lines = key.pem.split("\n").filter((line) => line.length > 8 && !line.startsWith("-----"));
  expect(written.length).toBeGreaterThan(5);
  expect([...said, ...written].flatMap((each) => lines.filter((line) => each.includes(line)))).toEqual([]);
});
