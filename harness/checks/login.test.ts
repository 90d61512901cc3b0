// Decides every sentence about logging in, both ways, and that no credential is in one.
import { expect, test } from "vitest";
import { DeclarationError } from "../model/errors.ts";
import type { LoginAnswer } from "../model/node.ts";
import { secret } from "../model/secret.ts";
import { login } from "./login.ts";

const granted: LoginAnswer = { granted: true, offered: ["publickey"], hostKey: "SHA256:x" };
const refused: LoginAnswer = { granted: false, offered: ["publickey", "keyboard-interactive"], hostKey: "SHA256:x" };
const said = "refused; offered: publickey, keyboard-interactive";

test.each([
  [
    "login of ops with key ops key is granted",
    login("ops").withKey(secret("ops key", "k-1-2-3")).isGranted(),
    granted,
    refused,
    said,
  ],
  [
    "login of ops with password guess is refused",
    login("ops").withPassword(secret("guess", "hunter22")).isRefused(),
    refused,
    granted,
    "granted",
  ],
  ["login of ops with nothing is refused", login("ops").withNothing().isRefused(), refused, granted, "granted"],
  [
    "login of ops offers publickey",
    login("ops").offers("publickey"),
    refused,
    { ...refused, offered: [] },
    "no method was offered",
  ],
  [
    "login of ops offers only keyboard-interactive, publickey",
    login("ops").offersOnly("keyboard-interactive", "publickey"),
    refused,
    { ...refused, offered: ["publickey"] },
    "offered: publickey",
  ],
])("%s", (title, check, met, unmet, seen) => {
  expect(check.title).toBe(title);
  expect(`${check.title}${check.command}`).not.toMatch(/hunter22|k-1-2-3/);
  expect(check.judge(met)).toMatchObject({ met: true });
  expect(check.judge(unmet)).toMatchObject({ met: false, seen });
});

test("who gets in without a method was offered none", () => {
  const check = login("ops").offersOnly("publickey");
  expect(check.judge(granted)).toMatchObject({ met: false, seen: "granted without asking for anything" });
});

test("what is no user is refused", () => {
  expect(() => login("-oProxyCommand=x")).toThrow(DeclarationError);
});
