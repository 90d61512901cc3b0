// Decides that figures of a proof become rows whose verdicts are right at the limits.
import { expect, test } from "vitest";
import { proveRows } from "./prove-rows.ts";
import { verdictOf } from "./table.ts";

const verdicts = (share: number, msEach: number) => proveRows([{ made: 100, share, msEach }]).map(verdictOf);

test("half a second and 95 % are met, more and less are not", () => {
  expect(verdicts(0.95, 500)).toEqual(["met", "met"]);
  expect(verdicts(0.94, 501)).toEqual(["not met", "not met"]);
});

test("no mutant is no proof", () => {
  expect(() => proveRows([{ made: 0, share: 1, msEach: 0 }])).toThrow("no mutant was made");
});
