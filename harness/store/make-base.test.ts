// When an image was made, by its own word.
import { expect, test } from "vitest";
import { imageEpoch } from "./make-base.ts";
import { contextEpoch } from "./make-dockerfile.ts";

test.each([
  ["2026-01-01T00:00:00.5Z", 1_767_225_600],
  // Engines say the first where an image says nothing; who builds the same bytes each time writes the second.
  ["0001-01-01T00:00:00Z", contextEpoch],
  ["1970-01-01T00:00:00Z", contextEpoch],
  ["", undefined],
  ["yesterday", undefined],
  [undefined, undefined],
])("%s", (created, seconds) => expect(imageEpoch(created)).toBe(seconds));
