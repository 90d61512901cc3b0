// Decides that a capsule comes back as it went in, the same bytes each time, without a secret; and that what is hostile or damaged is
// refused with its reason, before a file is written.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import { pack } from "tar-stream";
import { afterAll, describe, expect, test } from "vitest";
import { secret } from "../model/secret.ts";
import { reportOf } from "../reporting/report.ts";
import { sampleRun } from "../reporting/sample.ts";
import { failuresIn, imagesOf, nodesOf, specsIn } from "./facts.ts";
import { type CapsuleManifest, capsuleLimits, capsuleSchemaText, isInnerLink, isMemberPath } from "./manifest.ts";
import { type CapsuleFacts, type Content, capsuleFiles, writeArchiveOf, writeCapsule } from "./pack.ts";
import { projectFiles, runFiles } from "./project-files.ts";
import { readCapsule, unpackRoom } from "./unpack.ts";

const here = mkdtempSync(join(tmpdir(), "assay-capsule-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));
let files = 0;
const fresh = () => {
  files += 1;
  return join(here, `${files}.tar.gz`);
};

const report = reportOf(sampleRun());
const facts: CapsuleFacts = {
  ...{ run: report.run, assay: report.version, startedAt: report.startedAt, verdict: report.verdict },
  ...{ exitCode: report.exitCode, command: report.command, projects: ["specs"], seed: 7, host: report.host },
  project: { kind: "checkout" },
  specs: specsIn(report),
  failures: failuresIn(report),
  images: imagesOf(report),
  nodes: nodesOf(report),
  ...{ secrets: [], leftOut: [], links: [] },
};
const content = (path: string, text: string): Content => ({ path, bytes: Buffer.from(text) });
const some = [
  content("project/specs/a.spec.ts", "a spec\n"),
  content("run/report.json", "{}\n"),
  content("run/empty", ""),
];

describe("a capsule", () => {
  test("comes back as it went in, and the same parts give the same bytes in any order", async () => {
    const [one, other] = [fresh(), fresh()];
    await writeCapsule(one, facts, some);
    await writeCapsule(other, facts, [...some].reverse());
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
    const { manifest, contents } = await readCapsule(one);
    expect(manifest.failures.length).toBeGreaterThan(1);
    expect(Object.fromEntries([...contents].map(([path, bytes]) => [path, bytes.toString()]))).toEqual(
      Object.fromEntries(some.map(({ path, bytes }) => [path, bytes.toString()])),
    );
    expect(statSync(one).mode & 0o077).toBe(0);
    // The first header's owner and time, octal.
    const header = gunzipSync(readFileSync(one)).toString("latin1", 108, 148);
    expect(header.replaceAll(/[\0 ]/g, " ")).toMatch(/^0+ +0+ +[0-7]+ +0+ $/);
  });

  test("is unpacked into a new directory: modes and links are there again", async () => {
    const file = fresh();
    const links = [{ path: "project/fixtures/x/again", target: "tool" }];
    await writeCapsule(file, { ...facts, links }, [
      ...some,
      { ...content("project/fixtures/x/tool", "#!/bin/sh\n"), executable: true },
    ]);
    const directory = join(here, "unpacked");
    unpackRoom(await readCapsule(file), "project", directory);
    expect(statSync(join(directory, "fixtures/x/tool")).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(directory, "fixtures/x/again"))).toBe("tool");
    expect(readFileSync(join(directory, "specs/a.spec.ts"), "utf8")).toBe("a spec\n");
    expect(existsSync(join(directory, "report.json"))).toBe(false);
    expect(() =>
      unpackRoom({ manifest: { links: [], members: [] } as never, contents: new Map() }, "project", directory),
    ).not.toThrow();
  });

  test("has a published schema, and keeps it; else run node harness/capsule/manifest.ts > reports/capsule.schema.json", () => {
    const published = readFileSync(new URL("../../reports/capsule.schema.json", import.meta.url), "utf8");
    expect(published).toBe(capsuleSchemaText());
    const validate = new Ajv2020({ strict: true, validateFormats: false }).compile(JSON.parse(published));
    const [manifest] = capsuleFiles(facts, some);
    expect(validate(JSON.parse(manifest?.bytes.toString() ?? "")) ? [] : validate.errors).toEqual([]);
  });
});

describe("secrets", () => {
  const canary = "canary-in-a-capsule/4711";
  const forms = [canary, Buffer.from(canary).toString("base64"), encodeURIComponent(canary), JSON.stringify(canary)];

  test.each([
    ["an escaped quote", String.raw`secret("one", 'Don\'t-tell-9Kx')`],
    ["a code point", String.raw`secret("one", "Don\u0027t-tell-9K\x78")`],
    ["a code point in braces", String.raw`it's; secret("one", "Don\u{27}t-tell-9Kx")`],
    ["a template", "secret('one', `Don\\'t-tell-9Kx`)"],
    ["two that are joined", `secret("one", "Don't-" + 'te' +\n  "ll-9Kx")`],
    ["a line that goes on", "secret('one', \"Don't-\\\ntell-9Kx\")"],
  ])("a literal that says one in other words is written anew: %s", (_, text) => {
    secret("one", "Don't-tell-9Kx");
    const [, member] = capsuleFiles(facts, [content("project/environments/a.ts", `a; ${text}; b`)]);
    expect(member?.bytes.toString()).toMatch(/^a; (it's; )?secret\(["']one["'], "‹one›"\); b$/);
    const [manifest] = capsuleFiles(facts, [content("project/environments/a.ts", text)]);
    expect(JSON.parse(manifest?.bytes.toString() ?? "").members[0].redacted).toEqual(["one"]);
  });

  test("none of them is in any member, in whichever form and room, nor in the manifest; who had them is told", async () => {
    secret("canary", canary);
    const carrying: Content[] = [
      content("project/environments/a.ts", `secret("canary", ${JSON.stringify(canary)})`),
      content("run/events.ndjson", JSON.stringify({ message: `argv ${canary}` })),
      content("run/evidence/box.inspect.json", JSON.stringify({ Env: [`TOKEN=${canary}`] })),
      content("run/evidence/vm.domain.xml", `<entry name="serial">ds=nocloud;p=${canary}</entry>`),
      content("run/evidence/vm.user-data", `password: ${forms[1]}\nurl: http://a:${forms[2]}@b/\n`),
      content("run/evidence/vm.console.log", `login: ${canary}\r\n`),
      content("recipes/a:1.json", JSON.stringify({ args: { canary } })),
      // No text: what is around it stays as it was.
      {
        path: "run/evidence/dump",
        bytes: Buffer.concat([Buffer.from([0, 255, 128]), Buffer.from(canary), Buffer.from([254, 0])]),
      },
    ];
    const file = fresh();
    const failures = facts.failures.map((each) => ({ ...each, error: { name: "Error", message: `it was ${canary}` } }));
    await writeCapsule(file, { ...facts, command: ["assay", "run", canary], failures }, carrying);
    const whole = gunzipSync(readFileSync(file)).toString("latin1");
    for (const form of forms) expect(whole).not.toContain(form);
    const { manifest, contents } = await readCapsule(file);
    expect(manifest.members.map(({ redacted }) => redacted)).toEqual(carrying.map(() => ["canary"]));
    const dump = contents.get("run/evidence/dump");
    expect([dump?.subarray(0, 3).toString("hex"), dump?.subarray(-2).toString("hex")]).toEqual(["00ff80", "fe00"]);
    expect(manifest.command).toEqual(["assay", "run", "‹canary›"]);
  });

  test("a file whose very name is one is not taken along: nothing is written", async () => {
    secret("name of a file", "reel-of-the-director");
    const file = fresh();
    const named = [content("project/fixtures/reel-of-the-director", "x")];
    // The name is in the manifest of members alone, and there it would stand.
    await expect(writeCapsule(file, facts, named)).rejects.toThrow(/a file's name holds the secret/);
    expect(existsSync(file)).toBe(false);
  });
});

describe("what is refused", () => {
  /** The archive of a good capsule with something changed. */
  async function archive(change: (files: Content[]) => Content[]): Promise<string> {
    const file = fresh();
    await writeArchiveOf(file, change([...capsuleFiles(facts, some)]));
    return file;
  }
  const manifested = (change: (manifest: CapsuleManifest) => unknown) =>
    archive(([manifest, ...rest]) => [
      content("manifest.json", JSON.stringify(change(JSON.parse(manifest?.bytes.toString() ?? "")))),
      ...rest,
    ]);
  const member = (path: string, text = "x") => ({
    path,
    bytes: text.length,
    sha256: createHash("sha256").update(text).digest("hex"),
  });

  test.each([
    ["a path that leads up", "project/../../etc/cron.d/x"],
    ["an absolute path", "/etc/passwd"],
    ["another room", "home/x"],
    ["the harness itself", "project/harness/cli.ts"],
    ["a package", "project/node_modules/zod/index.js"],
    ["a package further down", "project/fixtures/a/node_modules/x"],
    ["git's own directory", "project/.git/hooks/post-checkout"],
    ["another system's path", "project\\..\\x"],
    ["an escape sequence", "project/\u001b]0;x\u0007"],
    ["a direction override", "project/a\u202eb"],
    ["a path of nothing", "project//x"],
    ["a path with a step to where it is", "project/./specs/x"],
  ])("%s in the manifest", async (_, path) => {
    expect(isMemberPath(path)).toBe(false);
    const file = await manifested((manifest) => ({ ...manifest, members: [...manifest.members, member(path)] }));
    await expect(readCapsule(file)).rejects.toMatchObject({ code: "capsule-escapes" });
  });

  test.each([
    ["an absolute link", "/etc", "project/fixtures/a"],
    ["a link that leads up", "../../..", "project/fixtures/a"],
    ["a link into the harness", "../harness", "project/fixtures/a"],
  ])("%s", async (_, target, path) => {
    expect(isInnerLink(path, target)).toBe(false);
    const file = await manifested((manifest) => ({ ...manifest, links: [{ path, target }] }));
    await expect(readCapsule(file)).rejects.toMatchObject({ code: "capsule-escapes" });
  });

  test("a file below a link, or below another file", async () => {
    for (const extra of [{ links: [{ path: "project/specs", target: "environments" }] }, {}]) {
      const members = [member("project/specs/a.spec.ts/below")];
      const file = await manifested((manifest) => ({
        ...manifest,
        ...extra,
        members: [...manifest.members, ...members],
      }));
      await expect(readCapsule(file)).rejects.toThrow(/lies below .*, which is no directory/);
    }
  });

  test.each([
    ["another version", { capsuleVersion: 2 }, "capsule-version"],
    ["no version", { capsuleVersion: undefined }, "capsule-version"],
    ["an unknown field", { also: 1 }, "bad-capsule"],
    ["a run that is a path", { run: "../x" }, "bad-capsule"],
    ["a spec elsewhere", { specs: ["../../x.spec.ts"] }, "capsule-escapes"],
    ["a variable that is none", { secrets: [{ name: "a", variables: ["A;rm"] }] }, "bad-capsule"],
  ])("%s", async (_, change, code) => {
    await expect(readCapsule(await manifested((manifest) => ({ ...manifest, ...change })))).rejects.toMatchObject({
      code,
    });
  });

  test("a manifest that is none, is not first, or is missing", async () => {
    await expect(readCapsule(await archive(([, ...rest]) => [content("manifest.json", "{"), ...rest]))).rejects.toThrow(
      /no JSON/,
    );
    await expect(readCapsule(await archive(([manifest, ...rest]) => [...rest, manifest as Content]))).rejects.toThrow(
      /it begins with/,
    );
    await expect(readCapsule(await archive(() => []))).rejects.toThrow(/it is empty/);
  });

  test("a member that the manifest does not know, has twice, lacks, or knows otherwise", async () => {
    const stranger = content("project/stranger", "x");
    await expect(readCapsule(await archive((all) => [...all, stranger]))).rejects.toThrow(
      /does not know "project\/stranger"/,
    );
    await expect(readCapsule(await archive((all) => [...all, some[0] as Content]))).rejects.toThrow(/twice/);
    await expect(readCapsule(await archive((all) => all.slice(0, -1)))).rejects.toThrow(/is missing/);
    const changed = (text: string) =>
      archive((all) => all.map((each) => (each.path.endsWith(".spec.ts") ? content(each.path, text) : each)));
    await expect(readCapsule(await changed("A spec\n"))).rejects.toThrow(/not what its manifest says/);
    await expect(readCapsule(await changed("longer than it was\n"))).rejects.toThrow(/bytes, and 7 by its manifest/);
  });

  test.each(["symlink", "link", "fifo", "block-device", "directory"] as const)("a %s in the archive", async (type) => {
    const file = fresh();
    const tar = pack();
    const [manifest] = capsuleFiles(facts, some);
    tar.entry({ name: "manifest.json" }, manifest?.bytes.toString() ?? "");
    tar.entry({ name: "project/specs/a.spec.ts", type, linkname: "/etc/passwd" });
    tar.finalize();
    const parts: Buffer[] = [];
    for await (const part of tar) parts.push(part as Buffer);
    writeFileSync(file, gzipSync(Buffer.concat(parts)));
    await expect(readCapsule(file)).rejects.toMatchObject({
      code: "capsule-escapes",
      message: expect.stringContaining("no plain file"),
    });
  });

  test("bombs: too many bytes by the manifest, and a stream that has no end", async () => {
    const big = await manifested((manifest) => ({
      ...manifest,
      members: [{ ...member("project/x"), bytes: capsuleLimits.memberBytes + 1 }],
    }));
    await expect(readCapsule(big)).rejects.toMatchObject({ code: "capsule-too-big" });
    const each = capsuleLimits.memberBytes;
    const many = Array.from({ length: 5 }, (_, at) => ({ ...member(`project/${at}`), bytes: each }));
    await expect(readCapsule(await manifested((manifest) => ({ ...manifest, members: many })))).rejects.toMatchObject({
      code: "capsule-too-big",
    });
    // Headers of nothing, over and over, a megabyte each; some kilobytes of gzip.
    const file = fresh();
    const header = Buffer.alloc(512);
    header.write("././@PaxHeader", 0);
    header.write("00000000000\0", 124);
    header.write("00004000000\0", 124);
    header.write("g", 156);
    header.write("ustar\x0000", 257);
    header.fill(" ", 148, 156);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const one = Buffer.concat([
      header,
      Buffer.from("30 comment=aaaaaaaaaaaaaaaaaa\n".padEnd(30)),
      Buffer.alloc(2 ** 20 - 30),
    ]);
    const bomb = gzipSync(one);
    writeFileSync(file, Buffer.concat(Array.from({ length: 30 }, () => bomb)));
    expect(statSync(file).size).toBeLessThan(100_000);
    await expect(readCapsule(file, 20 * 2 ** 20)).rejects.toMatchObject({ code: "capsule-too-big" });
    await expect(readCapsule(file)).rejects.toThrow(/it is empty/);
  });

  test("what is cut off at any place, changed at any place, no gzip, no file, a pipe", async () => {
    const good = fresh();
    await writeCapsule(good, facts, some);
    const bytes = readFileSync(good);
    const file = fresh();
    for (let at = 0; at < bytes.length - 8; at += 97) {
      writeFileSync(file, bytes.subarray(0, at));
      await expect(readCapsule(file)).rejects.toMatchObject({ code: "bad-capsule" });
      const changed = Buffer.from(bytes);
      changed[at + 20] = (changed[at + 20] ?? 0) ^ 0xff;
      writeFileSync(file, changed);
      await readCapsule(file).then(
        // A bit that nothing depends on: then what was read is what was written.
        ({ contents }) =>
          expect([...contents.values()].map(String).sort()).toEqual(some.map((each) => String(each.bytes)).sort()),
        (error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching(/^(bad-capsule|capsule-)/) }),
      );
    }
    writeFileSync(file, "not at all");
    await expect(readCapsule(file)).rejects.toMatchObject({ code: "bad-capsule" });
    await expect(readCapsule(join(here, "none"))).rejects.toMatchObject({ code: "no-capsule" });
    await expect(readCapsule(here)).rejects.toMatchObject({ code: "no-capsule" });
  });
});

describe("what is taken along", () => {
  const project = join(here, "project");
  const write = (path: string, text: string) => {
    mkdirSync(join(project, path, ".."), { recursive: true });
    writeFileSync(join(project, path), text);
  };

  test("of a fixture all, of other rooms what was asked for; links that stay, and word of what is left out", () => {
    for (const path of [
      "specs/a.spec.ts",
      "specs/b.spec.ts",
      "environments/a.ts",
      "fixtures/x/recipe.ts",
      "fixtures/x/keys/id",
    ])
      write(path, path);
    write("fixtures/x/node_modules/no.js", "");
    write("fixtures/y/recipe.ts", "");
    symlinkSync("keys/id", join(project, "fixtures/x/link"));
    symlinkSync("/etc/passwd", join(project, "fixtures/x/leads-out"));
    const asked = ["specs/a.spec.ts", "environments/a.ts", "fixtures/x/recipe.ts", "fixtures/gone.ts"].map((path) =>
      join(project, path),
    );
    const { contents, links, leftOut } = projectFiles(project, [...asked, "/etc/hostname"]);
    expect(contents.map(({ path }) => path).sort()).toEqual([
      "project/environments/a.ts",
      "project/fixtures/x/keys/id",
      "project/fixtures/x/recipe.ts",
      "project/specs/a.spec.ts",
    ]);
    expect(links).toEqual([{ path: "project/fixtures/x/link", target: "keys/id" }]);
    expect(leftOut).toEqual([
      { path: "/etc/hostname", because: "outside" },
      { path: "fixtures/gone.ts", because: "missing" },
      { path: "fixtures/x/leads-out", because: "outside" },
    ]);
  });

  test("what there is no room for is told by its name and size", () => {
    const directory = join(here, "run");
    mkdirSync(join(directory, "evidence"), { recursive: true });
    writeFileSync(join(directory, "report.json"), "{}");
    writeFileSync(join(directory, "evidence/core"), Buffer.alloc(100));
    const taken = { count: 1, bytes: capsuleLimits.totalBytes - 50 };
    expect(runFiles(directory, taken)).toMatchObject({
      contents: [{ path: "run/report.json" }],
      leftOut: [{ path: "run/evidence/core", because: "too-big", bytes: 100 }],
    });
  });
});
