// Decides that a secret's value is in nothing that is written, in any of the forms that it may take there.
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { isSecret, onSecret, redact, register, revealed, secret } from "./secret.ts";

const value = 'pa"ss/wörd+1\n';
const password = secret("registry password", value);

describe("a secret", () => {
  test("gives its value only when asked to", () => {
    expect(password.reveal()).toBe(value);
    expect(revealed(password)).toBe(value);
    expect(revealed("plain")).toBe("plain");
    expect(isSecret(password)).toBe(true);
    expect(isSecret({ reveal: () => "" })).toBe(false);
  });

  test("shows its name to JSON, templates and inspection", () => {
    expect(JSON.stringify({ password })).toBe('{"password":"‹registry password›"}');
    expect(`${password}`).toBe("‹registry password›");
    expect(inspect({ password }, { depth: 5 })).not.toContain("wörd");
  });

  test("too short to be hidden without hiding all else is refused", () => {
    expect(() => secret("pin", "123")).toThrow(RangeError);
  });
});

describe("redaction", () => {
  test.each([
    ["as it is", value],
    ["in JSON", JSON.stringify({ a: value })],
    ["in a URL", `https://x/?p=${encodeURIComponent(value)}`],
    ["in base64", Buffer.from(value).toString("base64")],
    ["in base64 for URLs", Buffer.from(value).toString("base64url")],
    ["twice", `${value} and ${value}`],
  ])("%s", (_, text) => {
    const shown = redact(text);
    expect(shown).toContain("‹registry password›");
    for (const part of ["wörd", "w%C3%B6rd", Buffer.from(value).toString("base64")]) expect(shown).not.toContain(part);
  });

  test("a value of several lines is hidden line by line, too", () => {
    const lines = [
      "-----BEGIN OPENSSH PRIVATE KEY-----",
      "b3BlbnNzaC1rZXktdjEAAAAA",
      "AAAEbm9uZQ",
      "}",
      "-----END OPENSSH PRIVATE KEY-----",
    ];
    secret("deploy key", `${lines.join("\n")}\n`);
    expect(lines.map(redact)).toEqual([lines[0], "‹deploy key›", "‹deploy key›", "}", lines[4]]);
    secret("words", "one two\nthree-four");
    expect(redact(encodeURIComponent("one two\nthree-four"))).toBe("‹words›");
    secret("read from a file", "sesame\n");
    expect(redact("open sesame!")).toBe("open ‹read from a file›!");
  });

  test("text without a secret is as it was", () => expect(redact("nothing here")).toBe("nothing here"));

  test("the longer of two that begin alike goes first", () => {
    secret("short", "abcdefgh");
    secret("long", "abcdefgh-ijkl");
    expect(redact("x abcdefgh-ijkl y abcdefgh z")).toBe("x ‹long› y ‹short› z");
  });

  test("a value that is also a pattern is taken as text", () => {
    secret("pattern", "$& .* $1");
    expect(redact("see $& .* $1 here")).toBe("see ‹pattern› here");
  });

  test("who listens hears of those known and of those to come, each once", () => {
    const heard: string[] = [];
    onSecret((name) => heard.push(name));
    expect(heard).toContain("registry password");
    register("from another process", "told-by-another");
    register("from another process", "told-by-another");
    expect(heard.filter((name) => name === "from another process")).toHaveLength(1);
    expect(redact("told-by-another")).toBe("‹from another process›");
    onSecret(() => undefined);
  });
});
