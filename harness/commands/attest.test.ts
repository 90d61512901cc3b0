// Decides what `assay attest` and `assay verify` do with a run's directory, from outside: which files there are, which exit code, and that
// the key is in none of it. A disk is a file of its own here.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reportOf } from "../reporting/report.ts";
import { attestedRun, diskDigest, soeDigest, testKey } from "../reporting/testing/attested.ts";
import { writeReport } from "../reporting/write.ts";
import { inThisProcess } from "./testing/in-this-process.ts";

const room = mkdtempSync(join(tmpdir(), "assay-attest-"));
afterAll(() => {
  process.chdir(before.cwd);
  for (const [name, value] of [
    ["ASSAY_REPORTS", before.reports],
    ["ASSAY_STATE", before.state],
  ] as const)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  rmSync(room, { recursive: true });
});
const runs = join(room, "runs");
const at = (name: string) => join(room, name);
const key = testKey();
const other = testKey();
const said: string[] = [];

async function assay(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  Object.assign(process.env, env);
  const ended = await inThisProcess(words);
  said.push(ended.out, ended.err);
  return ended;
}

const disk = "a golden disk\n";
const diskSha = createHash("sha256").update(disk).digest("hex");

const before = { cwd: process.cwd(), reports: process.env["ASSAY_REPORTS"], state: process.env["ASSAY_STATE"] };
beforeAll(async () => {
  Object.assign(process.env, { ASSAY_REPORTS: runs, ASSAY_STATE: at("state") });
  process.chdir(room);
  writeFileSync(at("disk.qcow2"), disk);
  writeFileSync(at("release.pem"), key.pem, { mode: 0o600 });
  writeFileSync(at("release.pub"), key.signing.publicPem);
  writeFileSync(at("other.pub"), other.signing.publicPem);
  // The disk is somebody else's: no recipe of the report made it.
  const events = JSON.parse(JSON.stringify(attestedRun()).replaceAll(diskDigest, diskSha)) as ReturnType<
    typeof attestedRun
  >;
  const report = reportOf(events.filter((event) => !(event.event === "image" && event.disk !== undefined)));
  await writeReport(join(runs, "k3f9x2"), report);
});

describe("assay attest", () => {
  test("makes a bundle an image, and tells nobody the key", async () => {
    const { status, out } = await assay(
      ["attest", "k3f9x2", "--key", "env:KEY", "--file", at("disk.qcow2"), "--json"],
      {
        KEY: key.pem,
      },
    );
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual([
      {
        image: "soe:1",
        result: "PASSED",
        subjects: [{ name: "config", digest: { sha256: soeDigest } }],
        bundle: bundle(soeDigest),
        keyId: key.signing.id,
      },
      {
        image: "kvm-soe/desk",
        result: "PASSED",
        subjects: [{ name: "kvm-soe/desk", digest: { sha256: diskSha } }],
        bundle: bundle(diskSha),
        keyId: key.signing.id,
      },
    ]);
    expect(readdirSync(join(runs, "k3f9x2", "attestations"))).toHaveLength(2);
  });

  test.each<[string, string[], number, string]>([
    ["without a key", [], 2, "nothing says what to sign with"],
    ["with a key and without one", ["--key", "release.pem", "--keyless"], 2, "both given"],
    [
      "of an image that the run had not",
      ["--key", "release.pem", "--image", "none:1"],
      2,
      "it tested soe:1, kvm-soe/desk",
    ],
    ["of a disk that nobody names", ["--key", "release.pem", "--image", "kvm-soe/desk"], 2, "--file"],
    ["of a disk that is not there", ["--key", "release.pem", "--file", "nowhere.qcow2"], 3, "cannot be read"],
  ])("%s: refused, and nothing is written", async (name, words, code, why) => {
    const out = at(`out-${name.replaceAll(" ", "-")}`);
    const { status, err } = await assay(["attest", "k3f9x2", "--out", out, ...words]);
    expect({ status, err }).toEqual({ status: code, err: expect.stringContaining(why) });
    expect(() => readdirSync(out)).toThrow(/ENOENT/);
  });

  test("of a disk to which an overlay was written back: refused", async () => {
    writeFileSync(at("written.qcow2"), `${disk}!`);
    const { status, err } = await assay([
      "attest",
      "k3f9x2",
      "--key",
      "release.pem",
      "--file",
      "written.qcow2",
      "--out",
      at("changed"),
    ]);
    expect({ status, err }).toEqual({
      status: 3,
      err: expect.stringMatching(new RegExp(`sha256:${diskSha} was tested, and .*written.qcow2 is sha256:`)),
    });
    expect(() => readdirSync(at("changed"))).toThrow(/ENOENT/);
  });

  test("of a recipe's disk: it is found in the store and hashed again; written to, or gone, it is refused", async () => {
    const events = JSON.parse(JSON.stringify(attestedRun()).replaceAll(diskDigest, diskSha)) as ReturnType<
      typeof attestedRun
    >;
    await writeReport(join(runs, "recipe"), reportOf(events));
    const place = join(at("state"), "disks", "a".repeat(64), "disk.qcow2");
    mkdirSync(join(place, ".."), { recursive: true });
    const words = ["attest", "recipe", "--key", "release.pem", "--image", "desk:1"];
    writeFileSync(place, disk);
    expect(await assay(words)).toMatchObject({ status: 0, out: expect.stringContaining(`desk:1 sha256:${diskSha}`) });
    writeFileSync(place, `${disk}!`);
    expect(await assay(words)).toMatchObject({ status: 3, err: expect.stringContaining("was tested, and") });
    rmSync(place);
    expect(await assay(words)).toMatchObject({ status: 3, err: expect.stringContaining("cannot be read") });
  });

  test("of a report that somebody changed, half of one, and of none: refused", async () => {
    const report = readFileSync(join(runs, "k3f9x2", "report.json"), "utf8");
    const mended = JSON.parse(report);
    mended.tests[1].outcome = "failed";
    for (const [name, text, status] of [
      ["half", report.slice(0, report.length / 2), 2],
      ["mended", JSON.stringify(mended), 3],
      ["later", report.replace('"schemaVersion": 1', '"schemaVersion": 2'), 2],
    ] as const) {
      mkdirSync(join(runs, name));
      writeFileSync(join(runs, name, "report.json"), text);
      expect([name, (await assay(["attest", name, "--key", "release.pem", "--image", "soe:1"])).status]).toEqual([
        name,
        status,
      ]);
    }
    mkdirSync(join(runs, "huge"));
    writeFileSync(join(runs, "huge", "report.json"), report);
    truncateSync(join(runs, "huge", "report.json"), 100_000_000);
    const huge = await assay(["attest", "huge", "--key", "release.pem"]);
    expect(huge).toMatchObject({
      status: 2,
      err: expect.stringContaining("has 100000000 bytes, and no report has more"),
    });
    expect((await assay(["attest", "no-such-run", "--key", "release.pem"])).status).toBe(2);
  });
});

describe("assay verify", () => {
  test("takes it by the key, on the file and on the digest", async () => {
    expect(await assay(["verify", bundle(diskSha), "--key", "release.pub", "--file", "disk.qcow2"])).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^good /),
    });
    expect(
      (
        await assay([
          "verify",
          bundle(soeDigest),
          "--key",
          "other.pub",
          "release.pub",
          "--digest",
          `sha256:${soeDigest}`,
        ])
      ).status,
    ).toBe(0);
  });

  test.each<[string, () => string[], number]>([
    ["another key", () => [bundle(diskSha), "--key", "other.pub", "--file", "disk.qcow2"], 1],
    ["a file that was written to", () => [bundle(diskSha), "--key", "release.pub", "--file", "written.qcow2"], 1],
    ["a bundle of another image", () => [bundle(soeDigest), "--key", "release.pub", "--file", "disk.qcow2"], 1],
    [
      "one good bundle and one of another image",
      () => [bundle(diskSha), bundle(soeDigest), "--key", "release.pub", "--file", "disk.qcow2"],
      1,
    ],
    ["no key", () => [bundle(diskSha), "--file", "disk.qcow2"], 2],
    ["a private key", () => [bundle(diskSha), "--key", "release.pem", "--file", "disk.qcow2"], 2],
    ["nothing that it is on", () => [bundle(diskSha), "--key", "release.pub"], 2],
    ["no bundle", () => ["--key", "release.pub", "--file", "disk.qcow2"], 2],
    ["a file that is none", () => [bundle(diskSha), "--key", "release.pub", "--file", "/dev/zero"], 2],
    [
      "a registry that does not answer",
      () => [bundle(diskSha), "--key", "release.pub", "--image", "127.0.0.1:9/soe:1"],
      3,
    ],
  ])("refuses %s", async (_, words, code) => {
    expect(await assay(["verify", ...words()])).toMatchObject({ status: code });
  });
});

test("the key is in nothing that was said or written: 0 found", () => {
  const written = readdirSync(runs, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
  const lines = key.pem.split("\n").filter((line) => line.length > 8 && !line.startsWith("-----"));
  const forms = [
    ...lines,
    ...lines.map((line) => Buffer.from(line).toString("base64").slice(0, 24)),
    encodeURIComponent(lines[0] ?? ""),
  ];
  expect(written.length).toBeGreaterThan(5);
  expect(said.length).toBeGreaterThan(20);
  expect([...said, ...written].flatMap((text) => forms.filter((form) => text.includes(form)))).toEqual([]);
});

function bundle(sha256: string): string {
  return join(runs, "k3f9x2", "attestations", `${sha256}.test-result.sigstore.json`);
}
