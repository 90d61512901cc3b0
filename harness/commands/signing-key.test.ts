// Decides where signing keys come from, and that none of them is in anything that is said.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redact } from "../model/secret.ts";
import { testKey } from "../reporting/testing/attested.ts";
import { allowedKeys, signingKey } from "./signing-key.ts";

const room = mkdtempSync(join(tmpdir(), "assay-key-"));
afterAll(() => rmSync(room, { recursive: true }));
const key = testKey();
const file = join(room, "release.pem");
beforeAll(() => writeFileSync(file, key.pem, { mode: 0o600 }));

/** Lines that tell something of it. */
const canaries = key.pem.split("\n").filter((line) => line.length > 8 && !line.startsWith("-----"));

describe("a signing key", () => {
  test("is in a file, named with and without the word", () => {
    const told: string[] = [];
    expect(signingKey(`file:${file}`, (line) => told.push(line)).id).toBe(key.signing.id);
    expect(signingKey(file, (line) => told.push(line)).id).toBe(key.signing.id);
    expect(told).toEqual([]);
    chmodSync(file, 0o644);
    signingKey(file, (line) => told.push(line));
    chmodSync(file, 0o600);
    expect(told).toEqual([expect.stringContaining("chmod 600")]);
  });

  test("is in a variable, which is gone afterwards; line feeds may be written as CI systems write them", () => {
    for (const text of [key.pem, key.pem.replaceAll("\n", "\\n")]) {
      process.env["ASSAY_TEST_KEY"] = text;
      expect(signingKey("env:ASSAY_TEST_KEY").id).toBe(key.signing.id);
      expect(process.env["ASSAY_TEST_KEY"]).toBeUndefined();
    }
  });

  test("is printed by a program, whose words reach no shell", () => {
    expect(signingKey(`exec:cat  ${file}`).id).toBe(key.signing.id);
    expect(() => signingKey(`exec:echo $(cat ${file})`)).toThrow(/is no PEM/);
    expect(() => signingKey(`exec:cat ${file};id`)).toThrow(expect.objectContaining({ code: "key-program" }));
  });

  test.each([
    ["env:ASSAY_TEST_NO_KEY", "no-key"],
    ["file:/nowhere/k.pem", "no-key"],
    ["/nowhere/k.pem", "no-key"],
    ["exec:", "no-key"],
    ["exec:false", "key-program"],
    ["exec:/nowhere/program", "key-program"],
    [`exec:head -c 60 ${file}`, "bad-key"],
  ])("%s: %s", (source, code) => {
    expect(() => signingKey(source)).toThrow(expect.objectContaining({ code }));
  });

  test("is in no message, and hidden in whatever is written from then on", () => {
    signingKey(file);
    for (const form of [key.pem, JSON.stringify(key.pem), Buffer.from(key.pem).toString("base64"), ...canaries])
      for (const canary of canaries) expect(redact(`x ${form} y`)).not.toContain(canary);
    expect(canaries.length).toBeGreaterThan(1);
  });
});

test("keys that are allowed come from files, each once; none is no answer", () => {
  const pub = join(room, "release.pub");
  writeFileSync(pub, key.signing.publicPem);
  expect(allowedKeys([pub, pub]).map(({ id }) => id)).toEqual([key.signing.id]);
  expect(() => allowedKeys([])).toThrow(expect.objectContaining({ code: "no-key" }));
  expect(() => allowedKeys([file])).toThrow(expect.objectContaining({ code: "bad-key" }));
});
