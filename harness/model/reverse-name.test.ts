// Decides that addresses are asked about by their one name below arpa, and that nothing else is.
import { expect, test } from "vitest";
import { reverseName } from "./reverse-name.ts";
import { refusal } from "./testing/refusal.ts";

const of = (...nibbles: string[]) => `${nibbles.join("").split("").reverse().join(".")}.ip6.arpa`;

test.each([
  ["10.0.0.7", "7.0.0.10.in-addr.arpa"],
  ["172.16.254.1", "1.254.16.172.in-addr.arpa"],
  // The example of RFC 3596, section 2.5.
  ["4321:0:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"],
  ["fd00::7", of("fd00", "0".repeat(27), "7")],
  ["FD00::7", of("fd00", "0".repeat(27), "7")],
  ["::", of("0".repeat(32))],
  ["::1", of("0".repeat(31), "1")],
  ["fe80::", of("fe80", "0".repeat(28))],
  ["::ffff:10.0.0.7", of("0".repeat(20), "ffff", "0a000007")],
])("%s is asked about as %s", (address, name) => expect(reverseName(address)).toBe(name));

test.each(["", "db", "10.0.0", "10.0.0.256", "10.0.0.7\n", "fe80::1%eth0", "10.0.0.0/24"])(
  "%j is no address",
  (text) => {
    const error = refusal(() => reverseName(text));
    expect(error.code).toBe("bad-address");
    expect(error.at).toMatch(/reverse-name\.test\.ts:\d+:\d+$/);
  },
);
