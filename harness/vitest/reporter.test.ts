import { expect, test } from "vitest";
import { misdivided } from "./reporter.ts";

test("more shards than spec files are a wrong command line, in words of ours", () => {
  const said = "--shard <count> must be a smaller than count of test files. Resolved 1 test files for --shard=1/2.";
  expect(misdivided(new Error(said))).toMatchObject({
    name: "DeclarationError",
    message: expect.stringContaining("--shard 1/2: there is 1 spec file to run; make no more parts"),
  });
  expect(misdivided(new Error("--shard went wrong"))).toBeUndefined();
});
