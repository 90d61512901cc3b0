// Decides that any bytes come back, and that nothing but regular files is opened.
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { contentsLimit, fileContents, fileSha256 } from "./file-bytes.ts";

test("what sha256sum printed is read: sums, what is absent, what is not a regular file", () => {
  // Recorded in a Debian 12 container.
  const stdout = Buffer.from(
    "/t/missing\0sh: 4: cannot open /t/missing: No such file\0/t/pipe\0irregular\0/t/dangling\0sh: 4: cannot open /t/dangling: No such file\0\x002d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  /t/new\nline\x000e6ef511d8279cbe816b3596bdda9302016f5e29f6d16814b84ea7cbc12b3ffe  /etc/debian_version\0",
  );
  const subjects = ["/t/new\nline", "/t/missing", "/t/pipe", "/t/dangling", "/etc/debian_version"];
  expect(fileSha256.parse({ stdout, stderr: "", status: 0 }, subjects)).toEqual([
    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    { nothing: "absent" },
    { nothing: "irregular" },
    { nothing: "absent" },
    "0e6ef511d8279cbe816b3596bdda9302016f5e29f6d16814b84ea7cbc12b3ffe",
  ]);
});

test("sums of any number of files are one sha256sum", () => {
  expect(fileSha256.script(["/a", "/b", "/c"]).match(/sha256sum -z --/g)).toHaveLength(1);
});

probeContract(hostNode, { probe: fileSha256, subject: "/etc/passwd", tools: ["sha256sum"] });
probeContract(hostNode, { probe: fileContents, subject: "/etc/passwd", tools: ["head"], anyBytes: true });

describe("on this machine", () => {
  const node = hostNode();
  let directory = "";
  const at = (name: string) => join(directory, name);
  const binary = randomBytes(300_000);
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "assay-bytes-"));
    chmodSync(directory, 0o755);
    writeFileSync(at("binary"), binary);
    writeFileSync(at("empty"), "");
    writeFileSync(at("secret"), "top", { mode: 0o600 });
    writeFileSync(at("big"), "");
    truncateSync(at("big"), contentsLimit + 1);
    writeFileSync(at("full"), "");
    truncateSync(at("full"), contentsLimit);
    symlinkSync("binary", at("link"));
    symlinkSync("nowhere", at("dangling"));
    await node.succeed(["mkfifo", at("pipe")]);
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true });
    await node.close();
  });

  test("any bytes come back as they are, also through a link, and beside files that cannot be read", async () => {
    const names = ["binary", "empty", "missing", "link", "pipe", "dangling"];
    const [whole, empty, missing, linked, pipe, dangling] = await Promise.all(
      names.map((name) => node.observe(fileContents, at(name))),
    );
    expect(whole).toEqual({ bytes: binary, whole: true });
    expect(linked).toEqual({ bytes: binary, whole: true });
    expect(empty).toEqual({ bytes: Buffer.alloc(0), whole: true });
    expect([missing, pipe, dangling]).toEqual([{ nothing: "absent" }, { nothing: "irregular" }, { nothing: "absent" }]);
  });

  test("a file without a size, as in /proc, is read", async () => {
    expect(await node.observe(fileContents, "/proc/self/status")).toMatchObject({ whole: true });
  });

  test("a file longer than the limit is not whole, one as long is", async () => {
    const [big, full] = await Promise.all([
      node.observe(fileContents, at("big")),
      node.observe(fileContents, at("full")),
    ]);
    expect(big).toMatchObject({ whole: false, bytes: { length: contentsLimit } });
    expect(full).toMatchObject({ whole: true, bytes: { length: contentsLimit } });
  });

  test("sums are those of the bytes", async () => {
    const sum = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    const seen = await Promise.all(
      ["binary", "link", "empty", "pipe"].map((name) => node.observe(fileSha256, at(name))),
    );
    expect(seen).toEqual([sum(binary), sum(binary), sum(Buffer.alloc(0)), { nothing: "irregular" }]);
  });

  test.each([fileContents, fileSha256])(
    "a file that may not be read is an error, not an answer ($name)",
    async (probe) => {
      const nobody = node.as("65534:65534");
      await expect(nobody.observe<string, unknown>(probe, at("secret"))).rejects.toThrow(ObservationError);
      await expect(nobody.observe<string, unknown>(probe, at("secret"))).rejects.toMatchObject({
        code: "probe-denied",
      });
      await expect(nobody.observe<string, unknown>(probe, at("missing"))).resolves.toEqual({ nothing: "absent" });
    },
  );
});
