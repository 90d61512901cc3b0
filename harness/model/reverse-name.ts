// Decides by which name a name server is asked what an address is called (RFC 1035 section 3.5, RFC 3596 section 2.5).
import { isIP } from "node:net";
import { callSite } from "./call-site.ts";
import { DeclarationError } from "./errors.ts";

/**
 * The name below `arpa` of an address; what is no address is a `DeclarationError` (code `bad-address`).
 * @example reverseName("10.0.0.7") // "7.0.0.10.in-addr.arpa"
 * @example await expect(host).toMeet(dns(reverseName(db.address()), { server }).hasRecord("PTR", "db.studio.example"));
 */
export function reverseName(address: string): string {
  const version = address.includes("%") ? 0 : isIP(address);
  if (version === 4) return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
  if (version === 6) return `${[...digits(address)].reverse().join(".")}.ip6.arpa`;
  throw new DeclarationError({
    code: "bad-address",
    at: callSite(),
    seen: `"${address}" is not an IP address`,
    hint: "give one, as in 10.0.0.7 or fd00::7",
  });
}

/** All 32 of an IPv6 address. */
function digits(address: string): string {
  // The URL parser writes every form of it in one.
  const [head = [], tail = []] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split("::")
    .map((part) => part.split(":").filter(Boolean));
  const zeros: string[] = Array(8 - head.length - tail.length).fill("");
  return [...head, ...zeros, ...tail].map((group) => group.padStart(4, "0")).join("");
}
