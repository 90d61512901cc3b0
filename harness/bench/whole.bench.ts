// 300 assertions as a spec of its own: what a whole run is measured with.
import { expect, testIn } from "../index.ts";
import { allChecks, benchEnvironment } from "./work.ts";

const test = testIn(benchEnvironment("bench-whole"));

test("a hundred files are there, and belong to whom they should", async ({ soe }) => {
  await expect(soe).toMeet(allChecks());
});
