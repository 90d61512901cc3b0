// Nine tests that ask nothing of a machine: what is left of such a run is Assay's own, the look at the machine behind each test above all.
import { expect, testIn } from "../index.ts";
import { machineEnvironment } from "./machine-work.ts";

const test = testIn(machineEnvironment("bench-idle", "booted", "warm"));

for (let number = 1; number <= 9; number += 1)
  test(`nothing is asked, ${number}`, async ({ soe }) => {
    expect(soe.kind).toBe("vm");
  });
