// Decides that an assertion's message has whole what it compares: secrets are looked for in it, and a piece of one would not be found.
import { expect, test } from "vitest";
import { redact, secret } from "../model/secret.ts";

test.each([
  ["toBe", (seen: string) => expect(seen).toBe("nothing")],
  ["toContain", (seen: string) => expect(seen).toContain("nothing")],
  ["toMatch", (seen: string) => expect(seen).toMatch(/nothing/)],
  ["toEqual", (seen: string) => expect({ seen }).toEqual({})],
  ["toHaveLength", (seen: string) => expect([seen]).toHaveLength(7)],
])("no piece of a secret is left in the message of %s", (name, assert) => {
  const value = `only-in-this-message-${name}`;
  secret(`of ${name}`, value);
  // Wherever a message would be cut: in front of the secret, behind it, in the middle of it.
  for (let before = 0; before < 120; before += 3) {
    let message = "";
    try {
      assert(`${"x".repeat(before)}${value}`);
    } catch (error) {
      message = String((error as Error).message);
    }
    expect(message).not.toBe("");
    expect(redact(message).includes("only-in-th")).toBe(false);
  }
});
