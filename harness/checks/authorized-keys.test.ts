// Decides which lines of a keys file are keys, and when an account's keys are exactly the wanted ones.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError } from "../model/errors.ts";
import { authorizedKeys, type KeysFile, readAuthorizedKeys } from "./authorized-keys.ts";

const ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFyuqm0h3mPTTyNvmv0T3ZbdPPVJ7nVZr2QqyEKXp7xH";
const rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7kQIAHrNMfp==";
const security = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t";

describe("a file of keys is read", () => {
  test("comments, empty lines, options with spaces and quotes, lines that are no keys", () => {
    const text = `# managed\n\n  ${ed} lab\r\nfrom="10.0.0.0/8",no-pty,command="echo \\"a b\\"" ${rsa} root@vm of old\n${security}\nssh-ed25519\nnot a key at all\n`;
    const { keys, unreadable } = readAuthorizedKeys(text);
    expect(keys).toEqual([
      { type: "ssh-ed25519", key: ed.split(" ")[1], options: "", comment: "lab" },
      {
        type: "ssh-rsa",
        key: rsa.split(" ")[1],
        options: 'from="10.0.0.0/8",no-pty,command="echo \\"a b\\""',
        comment: "root@vm of old",
      },
      { type: "sk-ssh-ed25519@openssh.com", key: security.split(" ")[1], options: "", comment: "" },
    ]);
    expect(unreadable).toEqual(["ssh-ed25519", "not a key at all"]);
  });
});

const files = (...lines: readonly string[]): readonly KeysFile[] => [
  { path: "/home/ops/.ssh/authorized_keys", ...readAuthorizedKeys(lines.join("\n")) },
  { path: "/home/ops/.ssh/authorized_keys2", keys: [], unreadable: [] },
];

test("exactly these, whatever order, comments and options", () => {
  const check = authorizedKeys("ops").areExactly([`${ed} ops@example`, rsa]);
  expect(check.title).toBe("authorized keys of ops are exactly ssh-ed25519 …yEKXp7xH ops@example, ssh-rsa …HrNMfp==");
  expect(check.command).toBe("cat ~ops/.ssh/authorized_keys ~ops/.ssh/authorized_keys2");
  expect(check.judge(files(`no-pty ${rsa} other`, ed))).toMatchObject({ met: true });
  expect(check.judge(files(ed))).toMatchObject({ met: false, seen: "missing: ssh-rsa …HrNMfp==" });
  expect(check.judge(files(ed, rsa, security))).toMatchObject({
    met: false,
    seen: "besides them: sk-ssh-ed25519@openssh.com …ZW5zc2guY29t".replace("ZW5zc2guY29t", "c2guY29t"),
  });
  expect(check.judge(files(ed, rsa, "what"))).toMatchObject({ met: false, seen: expect.stringContaining("no keys: ") });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "there is no such user" });
  const none = authorizedKeys("ops").areExactly([]);
  expect(none.judge(files())).toMatchObject({ met: true, seen: "no key" });
  expect(none.judge(files(ed))).toMatchObject({ met: false });
  expect(none.judge(undefined)).toMatchObject({ met: false });
});

test("one of them", () => {
  const check = authorizedKeys("ops").include(ed);
  expect(check.judge(files(rsa, `${ed} x`, "what"))).toMatchObject({ met: true });
  expect(check.judge(files(rsa))).toMatchObject({ met: false, seen: "missing: ssh-ed25519 …yEKXp7xH" });
});

test("a line made to be read in a million ways is read in one", () => {
  const [line, quoted] = [`x${'"\\"\\"'.repeat(40)} foo bar`, `command="echo \\"a\\" b",no-pty ${ed}`];
  expect(readAuthorizedKeys(line)).toMatchObject({ keys: [], unreadable: [line.slice(0, 60)] });
  expect(readAuthorizedKeys(quoted).keys).toMatchObject([{ options: 'command="echo \\"a\\" b",no-pty' }]);
});

test("what is no public key is refused, a private one's beginning apart", () => {
  expect(() => authorizedKeys("ops").areExactly(["-----BEGIN OPENSSH PRIVATE KEY-----"])).toThrow(DeclarationError);
  expect(() => authorizedKeys("ops").include("ssh-ed25519")).toThrow(DeclarationError);
  expect(() => authorizedKeys("a:b")).toThrow(DeclarationError);
  expect(() => authorizedKeys("ops", { files: [] })).toThrow(DeclarationError);
});

test("real files: both are read, one that is not there has no keys", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-keys-"));
  writeFileSync(join(directory, "one"), `${ed}\n`);
  const node = hostNode();
  const there = (...names: readonly string[]) => ({ files: names.map((name) => join(directory, name)) });
  const check = authorizedKeys("root", there("one", "none")).areExactly([ed]);
  expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  writeFileSync(join(directory, "two"), `${rsa}\n`);
  const second = authorizedKeys("root", there("one", "two")).areExactly([ed]);
  expect(second.judge(await second.observe(node))).toMatchObject({ met: false });
  const nobody = authorizedKeys("nosuch-user", there("one")).areExactly([ed]);
  expect(nobody.judge(await nobody.observe(node))).toMatchObject({ met: false, seen: "there is no such user" });
  await node.close();
  rmSync(directory, { recursive: true });
});
