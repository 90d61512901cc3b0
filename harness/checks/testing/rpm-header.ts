// Writes headers of rpm for tests, with whatever in them: what rpm itself would never write too.
import { createHash } from "node:crypto";

export type Entry = readonly [tag: number, type: number, count: number, data: Buffer];

export const text = (tag: number, ...values: readonly string[]): Entry => [
  tag,
  values.length === 1 ? 6 : 8,
  values.length,
  Buffer.from(values.map((value) => `${value}\0`).join("")),
];
export const longs = (tag: number, ...values: readonly number[]): Entry => {
  const data = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) data.writeUInt32BE(value, 4 * at);
  return [tag, 4, values.length, data];
};
/** A list of texts that has one. */
export const list = (tag: number, value: string): Entry => [tag, 8, 1, Buffer.from(`${value}\0`)];

export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeInt32BE(value | 0, 4 * at);
  return bytes;
}

/** With `own`, the entries lie in the package's part, and its digest is kept behind it. */
export function header(entries: readonly Entry[], own = false, kept?: string): Buffer {
  const index: Buffer[] = [];
  let data = Buffer.alloc(0);
  const add = ([tag, type, count, bytes]: Entry) => {
    const alignment = { 3: 2, 4: 4, 5: 8 }[type] ?? 1;
    data = Buffer.concat([data, Buffer.alloc((alignment - (data.length % alignment)) % alignment)]);
    index.push(words(tag, type, data.length, count));
    data = Buffer.concat([data, bytes]);
  };
  entries.forEach(add);
  if (own) {
    index.unshift(words(63, 7, data.length, 16));
    data = Buffer.concat([data, words(63, 7, -16 * index.length, 16)]);
    const start = Buffer.concat([Buffer.from("8eade80100000000", "hex"), words(index.length, data.length)]);
    const sum = createHash("sha256").update(start).update(Buffer.concat(index)).update(data).digest("hex");
    add(text(273, kept ?? sum));
  }
  return Buffer.concat([words(index.length, data.length), ...index, data]);
}
