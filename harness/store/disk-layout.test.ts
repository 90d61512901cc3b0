// Where things lie on a disk, and that all of it follows from size and digest.
import { expect, test } from "vitest";
import { type Digest, digestOf } from "./canonical.ts";
import { layoutOf, partitionScript, uuidOf } from "./disk-layout.ts";

const one = digestOf("one");
const gib = 1024 ** 3;

test("parts follow each other in whole mebibytes and end before the second partition table", () => {
  const { bytes, bios, esp, root } = layoutOf(4 * gib, one);
  expect(bytes).toBe(4 * gib);
  expect([bios.start, bios.start + bios.bytes]).toEqual([1 << 20, esp.start]);
  expect(esp.start + esp.bytes).toBe(root.start);
  expect(root.start + root.bytes).toBe(4 * gib - (1 << 20));
});

test("a size that is no whole mebibyte is rounded up", () => {
  expect(layoutOf(100_000_001, one).bytes).toBe(96 << 20);
});

test("two recipes share no UUID, one recipe's are always the same and all different", () => {
  const uuids = (digest: Digest) => {
    const { uuid, rootUuid, hashSeed, bios, esp, root } = layoutOf(gib, digest);
    return [uuid, rootUuid, hashSeed, bios.uuid, esp.uuid, root.uuid];
  };
  expect(uuids(one)).toEqual(uuids(one));
  expect(new Set([...uuids(one), ...uuids(digestOf("other"))]).size).toBe(12);
  for (const uuid of uuids(one))
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("sfdisk is told sectors; without a loader there is one partition", () => {
  const layout = layoutOf(gib, one);
  const script = partitionScript(layout, true);
  expect(script).toContain("14 : start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649");
  expect(script).toContain("15 : start=4096, size=32768, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
  expect(script).toContain(`1 : start=36864, size=2058240, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4`);
  expect(script).toContain(`label-id: ${uuidOf(one, "disk").toUpperCase()}`);
  expect(partitionScript(layout, false).match(/start=/g)).toHaveLength(1);
});
