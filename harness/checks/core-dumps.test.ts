// Decides that kept cores are told from none, and from a node that keeps none.
import { expect, test } from "vitest";
import { coresKept } from "./core-dumps.ts";

const output = (stdout: string) => ({ stdout: Buffer.from(stdout), stderr: "", status: 0 });

test("files are named; without a keeper it is said that there is none", () => {
  const name = "core.mongod.999.1f0c.812.1700000000000000.zst";
  expect(coresKept.parse(output(`kept\0${name}\0`), ["all"])).toEqual([{ files: [name] }]);
  expect(coresKept.parse(output("kept\0"), ["all"])).toEqual([{ files: [] }]);
  expect(coresKept.parse(output("without\0"), ["all"])).toEqual([{ without: expect.stringContaining("not there") }]);
});
