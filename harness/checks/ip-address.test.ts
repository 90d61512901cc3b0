// Decides which ways of writing an address are one address.
import { expect, test } from "vitest";
import { addressOf, canonicalAddress, canonicalNetwork } from "./ip-address.ts";

test.each([
  ["10.0.0.1", "10.0.0.1"],
  ["FD00:0000:0:0:0:0:0:1", "fd00::1"],
  ["fe80:0::1%eth0", "fe80::1%eth0"],
  ["::FFFF:10.0.0.1", "::ffff:a00:1"],
  ["localhost", "localhost"],
])("%s is %s", (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical);
});

test("a prefix stays", () => {
  expect(canonicalNetwork("FD00:0::/8")).toBe("fd00::/8");
  expect(canonicalNetwork("10.0.0.0/24")).toBe("10.0.0.0/24");
  expect(canonicalNetwork("::1")).toBe("::1");
});

test("of bytes", () => {
  expect(addressOf(Buffer.from([127, 0, 0, 1]))).toBe("127.0.0.1");
  expect(addressOf(Buffer.from("fd000000000000000000000000000001", "hex"))).toBe("fd00::1");
});
