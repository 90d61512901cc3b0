// Decides how a question to a name server is written and its answer read (RFC 1035 section 4; SRV by RFC 2782, AAAA by RFC 3596, CAA by
// RFC 8659, EDNS by RFC 6891). Pure. Refuses packets whose names run in circles or beyond the end.
import { addressOf } from "./ip-address.ts";

/** Types of records that can be asked for, by their numbers. */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  CAA: 257,
} as const;
export type RecordType = keyof typeof recordTypes;

export interface DnsAnswer {
  /** The server's word: 0 yes, 3 no such name, 2 it failed, 5 it refuses. */
  readonly code: number;
  /** Whether there was more than fits into a datagram. */
  readonly cut: boolean;
  /** Of the answer section: type by number, value as dig(1) `+short` writes it, names without their last dot, seconds that it may be kept. */
  readonly records: readonly { readonly type: number; readonly value: string; readonly ttl: number }[];
}

/** So long an answer may be: bigger than what most servers send, smaller than what is lost on the way. */
const mostBytes = 4096;

/** A question, recursion wanted. @example dnsQuery(7, "db.example", "A") */
export function dnsQuery(id: number, name: string, type: RecordType): Buffer {
  const labels = name
    .replace(/\.$/, "")
    .split(".")
    .flatMap((label) => [Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x0100, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(1, 10);
  const tail = Buffer.alloc(1 + 4 + 11);
  tail.writeUInt16BE(recordTypes[type], 1);
  tail.writeUInt16BE(1, 3);
  // The pseudo-record by which longer answers are allowed.
  tail.writeUInt16BE(41, 6);
  tail.writeUInt16BE(mostBytes, 8);
  return Buffer.concat([head, ...labels, tail]);
}

/** The answer to the question with this id; `undefined` for any other bytes. */
export function readDnsAnswer(id: number, packet: Buffer): DnsAnswer | undefined {
  try {
    const flags = packet.readUInt16BE(2);
    if (packet.readUInt16BE(0) !== id || (flags & 0x8000) === 0) return undefined;
    let at = 12;
    for (let left = packet.readUInt16BE(4); left > 0; left -= 1) at = nameAt(packet, at).end + 4;
    const records: { type: number; value: string; ttl: number }[] = [];
    for (let left = packet.readUInt16BE(6); left > 0; left -= 1) {
      at = nameAt(packet, at).end;
      const type = packet.readUInt16BE(at);
      const ttl = packet.readUInt32BE(at + 4);
      const length = packet.readUInt16BE(at + 8);
      if (at + 10 + length > packet.length) return undefined;
      records.push({ type, value: valueAt(packet, type, at + 10, length), ttl });
      at += 10 + length;
    }
    return { code: flags & 0xf, cut: (flags & 0x0200) !== 0, records };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function valueAt(packet: Buffer, type: number, at: number, length: number): string {
  const name = (offset: number) => nameAt(packet, at + offset).name;
  const bytes = packet.subarray(at, at + length);
  switch (type) {
    case recordTypes.A:
      if (length !== 4) throw new RangeError("an address in it has another length than addresses have");
      return addressOf(bytes);
    case recordTypes.AAAA:
      if (length !== 16) throw new RangeError("an address in it has another length than addresses have");
      return addressOf(bytes);
    case recordTypes.NS:
    case recordTypes.CNAME:
    case recordTypes.PTR:
      return name(0);
    case recordTypes.MX:
      return `${bytes.readUInt16BE(0)} ${name(2)}`;
    case recordTypes.SRV:
      return `${bytes.readUInt16BE(0)} ${bytes.readUInt16BE(2)} ${bytes.readUInt16BE(4)} ${name(6)}`;
    case recordTypes.SOA: {
      const { name: server, end } = nameAt(packet, at);
      const mailbox = nameAt(packet, end);
      const numbers = [0, 4, 8, 12, 16].map((offset) => packet.readUInt32BE(mailbox.end + offset));
      return [server, mailbox.name, ...numbers].join(" ");
    }
    case recordTypes.TXT:
      return textsIn(bytes).join("");
    case recordTypes.CAA: {
      const tag = bytes.toString("latin1", 2, 2 + bytes.readUInt8(1));
      return `${bytes.readUInt8(0)} ${tag} "${bytes.toString("utf8", 2 + tag.length)}"`;
    }
    default:
      return bytes.toString("hex");
  }
}

/** Texts of up to 255 bytes, each after its length. */
function textsIn(bytes: Buffer): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt8(at);
    texts.push(bytes.toString("utf8", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return texts;
}

/** Labels, of which the last may point backwards to where others are. */
function nameAt(packet: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let end: number | undefined;
  for (let at = start, jumps = 0; ; ) {
    const length = packet.readUInt8(at);
    if (length === 0) return { name: labels.join("."), end: end ?? at + 1 };
    if (length >= 0xc0) {
      end ??= at + 2;
      at = packet.readUInt16BE(at) & 0x3fff;
      jumps += 1;
      if (jumps > 64) throw new RangeError("a name in it runs in circles");
      continue;
    }
    if (at + 1 + length > packet.length) throw new RangeError("a name in it runs beyond the end");
    labels.push(packet.toString("utf8", at + 1, at + 1 + length));
    at += 1 + length;
  }
}
