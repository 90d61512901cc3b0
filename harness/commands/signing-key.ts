// Decides how `--key` is read: a file, a variable or a program says the key. No shell; what they say is a secret at once and in no message.
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { DeclarationError, messageOf, ReportError } from "../model/errors.ts";
import { type AllowedKey, readAllowedKeys, readSigningKey, type SigningKey } from "../reporting/attest-key.ts";

/**
 * `file:<path>` or a path, `env:<name>`, `exec:<program> <arguments…>`, split at blanks: an argument with a blank in it cannot be said. A
 * variable is taken out of this process's own once it was read. A `DeclarationError` (codes `no-key`, `bad-key`), a `ReportError` (code
 * `key-program`) where the program did not say one.
 */
export function signingKey(source: string, tell: (line: string) => void = (line) => console.error(line)): SigningKey {
  const [, kind = "file", rest = ""] = /^(?:(file|env|exec):)?(.*)$/s.exec(source) ?? [];
  if (kind === "env") return fromVariable(rest);
  if (kind === "exec") return fromProgram(rest);
  const text = readText(rest, "signing key");
  if ((statSync(rest).mode & 0o077) !== 0) tell(`${rest} can be read by others than its owner: chmod 600 ${rest}`);
  return readSigningKey(text, rest);
}

/** The public keys of files, each once. A `DeclarationError` (codes `no-key`, `bad-key`). */
export function allowedKeys(files: readonly string[]): readonly AllowedKey[] {
  const keys = files.flatMap((file) => readAllowedKeys(readText(file, "public key"), file));
  if (keys.length === 0)
    throw new DeclarationError({
      code: "no-key",
      seen: "no key is allowed",
      hint: "name the public key of whoever may sign: --key release.pub",
    });
  return [...new Map(keys.map((each) => [each.id, each])).values()];
}

function fromVariable(name: string): SigningKey {
  const text = process.env[name];
  // What is started later has no business with it.
  delete process.env[name];
  if (text !== undefined && text.trim() !== "") return readSigningKey(text.replaceAll("\\n", "\n"), `variable ${name}`);
  throw new DeclarationError({
    code: "no-key",
    seen: `the variable ${name} is not set, and --key says that the signing key is there`,
  });
}

function fromProgram(words: string): SigningKey {
  const [program, ...args] = words.split(/\s+/).filter((word) => word !== "");
  if (program === undefined)
    throw new DeclarationError({
      code: "no-key",
      seen: "--key exec: names no program",
      hint: '--key "exec:pass show release"',
    });
  // Its errors and its questions are for whoever sits there; its output is for us.
  const ended = spawnSync(program, args, {
    stdio: ["inherit", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 65_536,
    timeout: 120_000,
  });
  if (ended.status === 0) return readSigningKey(ended.stdout, `program ${program}`);
  const how = ended.error === undefined ? `ended with ${ended.status ?? ended.signal}` : messageOf(ended.error);
  throw new ReportError({
    code: "key-program",
    phase: "report",
    seen: `${program}, which is to print the signing key: ${how}`,
    hint: "run it by hand and see",
  });
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new DeclarationError({ code: "no-key", seen: `the ${what} ${file} cannot be read: ${messageOf(error)}` });
  }
}
