// Headers as qemu-img 7.2 wrote them, and hostile ones made of them by hand.
import { expect, test } from "vitest";
import { headerBytes, qcow2Objection, readQcow2Header } from "./qcow2-header.ts";

/** A header's bytes that are not zero, by where they lie. */
type Bytes = Readonly<Record<number, string>>;

// qemu-img create -f qcow2 h.qcow2 1G, its table of feature names left out after its first line.
const plain: Bytes = {
  0: "514649fb00000003",
  20: "00000010000000004000000000000000000000020000000000030000000000000001000000000001",
  96: "0000000400000070",
};
// qemu-img create -f qcow2 -F qcow2 -b h.qcow2 hb.qcow2
const onAnother: Bytes = {
  ...plain,
  8: "000000000000021000000007",
  112: "e2792aca0000000571636f77320000006803f8570000018000006469727479206269740000",
  528: Buffer.from("h.qcow2").toString("hex"),
};
// qemu-img create -f qcow2 -o data_file=ext.raw hd.qcow2 1G
const elsewhere: Bytes = { ...plain, 72: "0000000000000004", 112: "44415441000000076578742e72617700" };
// qemu-img create -f qcow2 -o encrypt.format=luks,… he.qcow2 1M
const locked: Bytes = { ...plain, 32: "00000002", 112: "0537be77000000100000000000040000" };
// qemu-img create -f qcow2 -o compat=0.10 hv2.qcow2 1G
const old: Bytes = { ...plain, 4: "00000002", 96: "0000000000000000" };

function bytes(parts: Bytes): Buffer {
  const head = Buffer.alloc(headerBytes);
  for (const [at, hex] of Object.entries(parts)) Buffer.from(hex, "hex").copy(head, Number(at));
  return head;
}

/** Why it is refused, of a file as big as its tables need at least. */
function refusal(parts: Bytes, fileBytes = 196_624): string | undefined {
  const header = readQcow2Header(bytes(parts));
  return header === undefined || header === "truncated" ? String(header) : qcow2Objection(header, fileBytes)?.code;
}

test("a plain image of either version has nothing against it", () => {
  expect(readQcow2Header(bytes(plain))).toEqual({
    version: 3,
    virtualSize: 1 << 30,
    backingFile: undefined,
    dataFile: false,
    encrypted: false,
    dirty: false,
    corrupt: false,
    unknown: [],
    leastBytes: 0x30010,
  });
  expect(readQcow2Header(bytes(old))).toMatchObject({ version: 2, virtualSize: 1 << 30 });
  expect([refusal(plain), refusal(old)]).toEqual([undefined, undefined]);
});

test("what leads to another file is refused, and named", () => {
  expect(refusal(onAnother)).toBe("backing-file");
  const header = readQcow2Header(bytes(onAnother));
  expect(header).toMatchObject({ backingFile: "h.qcow2" });
  expect(refusal(elsewhere)).toBe("data-file");
  // Each of the two marks of a data file is enough: the feature bit, and the name.
  expect(refusal({ ...elsewhere, 72: "0000000000000000" })).toBe("data-file");
  expect(refusal({ ...plain, 72: "0000000000000004" })).toBe("data-file");
  // An empty name is a name.
  expect(refusal({ ...plain, 8: "0000000000000210" })).toBe("backing-file");
});

test("encryption is seen by method and by header", () => {
  expect(refusal(locked)).toBe("disk-encrypted");
  expect(refusal({ ...plain, 32: "00000001" })).toBe("disk-encrypted");
  expect(refusal({ ...locked, 32: "00000000" })).toBe("disk-encrypted");
});

test("damage, unknown features and absurd sizes are refused", () => {
  expect(refusal({ ...plain, 72: "0000000000000001" })).toBe("disk-corrupt");
  expect(refusal({ ...plain, 72: "0000000000000002" })).toBe("disk-corrupt");
  expect(refusal({ ...plain, 72: "0000000000000018" })).toBeUndefined();
  expect(refusal({ ...plain, 72: "0000000000000020" })).toBe("qcow2-unknown");
  expect(refusal({ ...plain, 72: "8000000000000000" })).toBe("qcow2-unknown");
  expect(refusal({ ...plain, 24: "0000020000000000" })).toBeUndefined();
  expect(refusal({ ...plain, 24: "0000020000000001" })).toBe("disk-size");
  expect(refusal({ ...plain, 24: "ffffffffffffffff" })).toBe("disk-size");
  expect(refusal({ ...plain, 24: "0000000000000000" })).toBe("disk-size");
});

test("a piece of an image is refused by its tables, its extensions, its name, its header", () => {
  expect(refusal(plain, 196_623)).toBe("disk-truncated");
  expect(refusal({ ...plain, 36: "ffffffff" })).toBe("disk-truncated");
  expect(refusal({ ...plain, 112: "6803f857fffffff0" })).toBe("truncated");
  expect(refusal({ ...plain, 8: "00000000ffff000000000007" })).toBe("truncated");
  expect(readQcow2Header(bytes(plain).subarray(0, 100))).toBe("truncated");
  expect(readQcow2Header(bytes(plain).subarray(0, 0x70))).toBe("truncated");
});

test("what is no qcow2 image is not taken for one", () => {
  for (const parts of [{}, { 0: "514649fb00000001" }, { ...plain, 20: "00000040" }, { ...plain, 100: "00000010" }])
    expect(refusal(parts)).toBe("undefined");
  expect(readQcow2Header(Buffer.alloc(0))).toBeUndefined();
});
