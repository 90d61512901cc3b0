// Decides that an engine is opened when it is needed and not before, and tried again when it could not be.
import { expect, test } from "vitest";
import type { Driver, ResourceRef } from "./driver.ts";
import { LaterRemover } from "./later.ts";
import { MemoryDriver } from "./memory.ts";

const gone: ResourceRef = { driver: "memory", kind: "volume", name: "assay-r1-s1-e-vol_data" };

/** How often it was opened; the first `failing` times in vain. */
function later(nothingThere: boolean, failing = 0) {
  const seen = { opened: 0 };
  const open = async (): Promise<Driver> => {
    seen.opened += 1;
    if (seen.opened <= failing) throw new Error("nobody answers");
    return new MemoryDriver();
  };
  return { seen, remover: new LaterRemover({ kind: "memory", open, nothingThere: () => nothingThere }) };
}

test("where nothing is there, finding asks nobody; closing neither", async () => {
  const { seen, remover } = later(true);
  expect(await remover.find("r1")).toEqual([]);
  await remover.close();
  expect(seen.opened).toBe(0);
});

test("once it was needed, it is asked even where nothing seems to be there", async () => {
  const { seen, remover } = later(true);
  await remover.destroy(gone);
  expect(await remover.find()).toEqual([]);
  expect(seen.opened).toBe(1);
});

test("in doubt it is asked; who could not be asked is no empty answer, and is asked again", async () => {
  const { seen, remover } = later(false, 1);
  await expect(remover.find()).rejects.toThrow("nobody answers");
  expect(await remover.find()).toEqual([]);
  expect(seen.opened).toBe(2);
});
