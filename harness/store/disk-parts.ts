// Decides where the parts of a disk lie: by GPT, by the old table of four, or the disk as one. Pure, of what it reads. Refuses to follow
// chains of logical partitions.
import type { DiskBytes } from "./disk-bytes.ts";

/** Bytes of the disk. */
export interface DiskPart {
  /** `partition 1`; `disk` where it has none. */
  readonly name: string;
  readonly start: number;
  readonly bytes: number;
}

const sector = 512;
const mostParts = 128;

export function partsOf(disk: DiskBytes): readonly DiskPart[] {
  const head = Buffer.alloc(2 * sector);
  disk.read(0, head);
  const inside = (parts: readonly DiskPart[]) =>
    parts.filter(({ start, bytes }) => start > 0 && bytes > 0 && start + bytes <= disk.size);
  if (head.toString("latin1", sector, sector + 8) === "EFI PART") {
    const [table, count, size] = [
      Number(head.readBigUInt64LE(sector + 72)) * sector,
      Math.min(head.readUInt32LE(sector + 80), mostParts),
      head.readUInt32LE(sector + 84),
    ];
    if (size < 128 || size > 4096 || table + count * size > disk.size) return [];
    const entries = Buffer.alloc(count * size);
    disk.read(table, entries);
    return inside(
      Array.from({ length: count }, (_, index) => {
        const entry = entries.subarray(index * size, (index + 1) * size);
        const [first, last] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
        const used = !entry.subarray(0, 16).every((byte) => byte === 0);
        return { name: `partition ${index + 1}`, start: first * sector, bytes: used ? (last - first + 1) * sector : 0 };
      }),
    );
  }
  const whole = { name: "disk", start: 0, bytes: disk.size };
  if (head.readUInt16BE(510) !== 0x55aa) return [whole];
  const old = inside(
    Array.from({ length: 4 }, (_, index) => {
      const at = 446 + index * 16;
      return {
        name: `partition ${index + 1}`,
        start: head.readUInt32LE(at + 8) * sector,
        bytes: head.readUInt32LE(at + 12) * sector,
      };
    }),
  );
  return old.length === 0 ? [whole] : old;
}
