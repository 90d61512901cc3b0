// What is said of anything that may be thrown.
import { expect, test } from "vitest";
import { messageOf } from "./errors.ts";

const circle: Record<string, unknown> = {};
circle["self"] = circle;

test.each([
  [new Error("gone"), "gone"],
  ["gone", "gone"],
  [undefined, "undefined"],
  [{ message: 1, code: "x" }, '{"message":1,"code":"x"}'],
  [Object.create(null), "{}"],
  [circle, "[object Object]"],
  [{ bytes: 1n }, "[object Object]"],
  [{ toJSON: () => undefined }, "[object Object]"],
])("%#", (thrown, said) => expect(messageOf(thrown)).toBe(said));
