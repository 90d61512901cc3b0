// Decides in which one form an IP address is written where two are compared: `FD00:0:0::1` and `fd00::1` are the same.
import { isIP } from "node:net";

/**
 * The shortest form of an address, for both sides of a comparison; what is no address, and a zone (`fe80::1%eth0`), stays as it is.
 * @see RFC 5952
 * @example canonicalAddress("FD00:0:0::1") // "fd00::1"
 */
export function canonicalAddress(text: string): string {
  const [address = "", ...zone] = text.split("%");
  if (isIP(address) !== 6) return text;
  // The URL parser knows the one right way to shorten an address, but writes its last four bytes as two groups.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  return [short, ...zone].join("%");
}

/** The same with a prefix behind it, or without. @example canonicalNetwork("FD00::/8") // "fd00::/8" */
export function canonicalNetwork(text: string): string {
  const [address = "", ...prefix] = text.split("/");
  return [canonicalAddress(address), ...prefix].join("/");
}

/** Of 4 or 16 bytes. */
export function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Buffer.from(bytes).toString("hex").match(/.{4}/g) ?? [];
  return canonicalAddress(groups.join(":"));
}
