// Decides that no sentence about a file turns "you may not look" into an answer: a file in a directory that may not be entered, and one
// that may be seen and not read.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import { archive } from "./archive.ts";
import { caStore, certificate } from "./certificate.ts";
import { elf } from "./elf.ts";
import { file } from "./file.ts";
import { inventory } from "./inventory.ts";
import { tree } from "./tree.ts";

const node = hostNode();
const nobody = node.as("65534:65534");
let root: string;
const shut = () => join(root, "shut/a");
const secret = () => join(root, "secret");

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-denied-"));
  mkdirSync(join(root, "shut"));
  mkdirSync(join(root, "open/shut"), { recursive: true });
  for (const path of [shut(), secret()]) writeFileSync(path, "{}", { mode: 0o600 });
  execute("chmod", "755", root);
  execute("chmod", "700", join(root, "shut"), join(root, "open/shut"));
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

function execute(command: string, ...words: readonly string[]): void {
  execFileSync(command, words);
}

/** Of the contents. */
const contents: readonly (readonly [string, (path: string) => Check])[] = [
  ["contains", (path) => file(path).contains("x")],
  ["lacks", (path) => file(path).lacks("x")],
  ["hasContents", (path) => file(path).hasContents("x")],
  ["hasSha256", (path) => file(path).hasSha256("0".repeat(64))],
  ["hasMd5", (path) => file(path).hasMd5("0".repeat(32))],
  ["hasSha512", (path) => file(path).hasSha512("0".repeat(128))],
  ["json", (path) => file(path).json("a").exists()],
  ["archive", (path) => archive(path).has("a")],
  ["certificate", (path) => certificate(path).isSelfSigned()],
  ["certificate's key", (path) => certificate("/etc/ssl/certs/ca-certificates.crt").matchesKey(path)],
  ["CA store", (path) => caStore().trusts(path)],
  ["elf", (path) => elf(path).isStatic()],
  ["elf's libraries", (path) => elf(path).hasAllLibraries()],
];

/** Of what is known of it without its contents. */
const facts: readonly (readonly [string, (path: string) => Check])[] = [
  ["exists", (path) => file(path).exists()],
  ["hasMode", (path) => file(path).hasMode(0o600)],
  ["isSetuid", (path) => file(path).isSetuid()],
  ["hasCapabilities", (path) => file(path).hasCapabilities("cap_net_raw=ep")],
  ["hasNoCapabilities", (path) => file(path).hasNoCapabilities()],
  ["hasAcl", (path) => file(path).hasAcl()],
  ["hasAttribute", (path) => file(path).hasAttribute("user.x")],
];

async function expectDenied(check: Check): Promise<void> {
  const seen = await check.observe(nobody).then(
    (answer) => ({ answer }),
    (error: unknown) => error,
  );
  expect(seen).toBeInstanceOf(ObservationError);
  expect(seen).toMatchObject({ code: "probe-denied", seen: expect.stringMatching(/permission denied/i) });
}

describe("in a directory that may not be entered", () => {
  test.each([...facts, ...contents])("%s", (_, check) => expectDenied(check(shut())));
});
describe("that may not be read", () => {
  test.each(contents)("%s", (_, check) => expectDenied(check(secret())));
});
describe("a tree with a part that may not be entered", () => {
  test.each<[string, (path: string) => Check]>([
    ["setuid", (path) => inventory.setuid(path).areNone()],
    ["world-writable", (path) => inventory.worldWritable(path).areNone()],
    ["orphaned", (path) => inventory.orphaned(path).areNone()],
    ["digest", (path) => tree(path).hasSha256("0".repeat(64))],
    ["owner", (path) => tree(path).belongsTo("root")],
    ["modes", (path) => tree(path).hasModes({ files: 0o600, directories: 0o755 })],
    ["entries", (path) => tree(path).hasExactly("shut")],
  ])("%s", (_, check) => expectDenied(check(join(root, "open"))));
});
