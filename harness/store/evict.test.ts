// What goes when the store is over its budget, worked out without a store.
import { expect, test } from "vitest";
import { budgetBytes, readBudget } from "./budget.ts";
import { chooseEvicted } from "./evict.ts";
import type { Kept } from "./kept.ts";

const entry = (hex: string, usedMs: number, needs: string[] = [], bytes = 10): Kept => ({
  kind: "image",
  hex,
  title: hex,
  places: [],
  bytes,
  usedMs,
  needs,
});
const chosen = (kept: Kept[], budget: number, used: string[] = [], sinceMs = 1000) =>
  chooseEvicted(kept, { budget, used: (hex) => used.includes(hex), sinceMs }).map(({ hex }) => hex);

test("within the budget nothing goes", () => {
  expect(chosen([entry("a", 1), entry("b", 2)], 20)).toEqual([]);
});

test("the longest unused goes first, and no more than must", () => {
  expect(chosen([entry("a", 3), entry("b", 1), entry("c", 2)], 10)).toEqual(["b", "c"]);
  expect(chosen([entry("a", 3), entry("b", 1), entry("c", 2)], 29)).toEqual(["b"]);
});

test("what is in use stays, and so does what it is made of, however old", () => {
  const kept = [entry("base", 1), entry("middle", 2, ["base"]), entry("top", 3, ["middle"]), entry("other", 4)];
  expect(chosen(kept, 0, ["top"])).toEqual(["other"]);
});

test("what was used just now stays, with what it is made of", () => {
  const kept = [entry("base", 1), entry("top", 2000, ["base"]), entry("other", 4)];
  expect(chosen(kept, 0)).toEqual(["other"]);
});

test("what is made of an entry goes before it, also where both were used at one moment", () => {
  const kept = [entry("base", 5), entry("middle", 5, ["base"]), entry("top", 5, ["middle"])];
  expect(chosen(kept, 0)).toEqual(["top", "middle", "base"]);
  expect(chosen(kept, 15)).toEqual(["top", "middle"]);
});

test("a circle of needs ends", () => {
  expect(chosen([entry("a", 1, ["b"]), entry("b", 1, ["a"])], 0).sort()).toEqual(["a", "b"]);
});

test("a budget is a size, a part of the disk or none", () => {
  expect(readBudget("20g", "x")).toEqual({ bytes: 20 * 1024 ** 3 });
  expect(readBudget("15%", "x")).toEqual({ share: 0.15 });
  expect(budgetBytes(readBudget("none", "x"), "/nowhere")).toBe(Number.POSITIVE_INFINITY);
  expect(budgetBytes(readBudget("0", "x"), "/nowhere")).toBe(0);
  const [all, half] = ["100%", "50%"].map((text) => budgetBytes(readBudget(text, "x"), "/nowhere/at/all"));
  expect(all).toBeGreaterThan(0);
  expect(half).toBe(Math.floor((all ?? 0) / 2));
  expect(budgetBytes(undefined, "/nowhere")).toBeLessThanOrEqual(40 * 1024 ** 3);
  for (const text of ["", "20", "120%", "lots", "-1g"])
    expect(() => readBudget(text, "ASSAY_STORE_BUDGET")).toThrow(/ASSAY_STORE_BUDGET is/);
});
