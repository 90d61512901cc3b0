// Decides that podman's words for what stands in the way of a removal are read.
import { expect, test } from "vitest";
import { dependentIn } from "./docker-remove.ts";

test("the ids are those that podman names", () => {
  const said =
    "container ae4e7a6f has dependent containers which must be removed before it: 02fce78b7c65, 3bb939d7f048: container already exists";
  expect(dependentIn(said)).toEqual(["02fce78b7c65", "3bb939d7f048"]);
});

test("other words name none", () => {
  expect(dependentIn("removal of container ae4e7a6f is already in progress")).toEqual([]);
});
