import { expect, test } from "vitest";
import { apiAtLeast } from "./engine-api.ts";

test.each([
  ["1.41", true],
  ["1.42", true],
  ["2.0", true],
  ["1.40", false],
  ["1.9", false],
  ["0.50", false],
])("API %s is new enough: %s", (have, enough) => {
  expect(apiAtLeast(have, "1.41")).toBe(enough);
});
