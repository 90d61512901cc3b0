// Decides where in a bzImage the kernel itself lies, and whether QEMU can start that without the decompressor. Pure.

export interface Payload {
  readonly start: number;
  readonly bytes: number;
  /** `undefined`: a way that is not known here. */
  readonly packed: "xz" | "zstd" | "gzip" | undefined;
}

/** The compressed kernel in a bzImage, by the boot protocol's header; `undefined` when it is no bzImage of a known kind. */
export function payloadOf(image: Buffer): Payload | undefined {
  const header = 0x1f1;
  if (image.length < 0x260 || image.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined;
  // Where the payload is, is told since version 2.08 of the protocol.
  if (image.readUInt16LE(0x206) < 0x0208) return undefined;
  const setup = ((image.readUInt8(header) || 4) + 1) * 512;
  const start = setup + image.readUInt32LE(0x248);
  // Its last four bytes are its size when unpacked, put there by the kernel's build.
  const bytes = image.readUInt32LE(0x24c) - 4;
  if (bytes <= 0 || start + bytes > image.length) return undefined;
  return { start, bytes, packed: packing(image.subarray(start, start + 6)) };
}

function packing(head: Buffer): Payload["packed"] {
  const hex = head.toString("hex");
  if (hex === "fd377a585a00") return "xz";
  if (hex.startsWith("28b52ffd")) return "zstd";
  return hex.startsWith("1f8b") ? "gzip" : undefined;
}

/** Xen's note that names the entry point which QEMU jumps to. */
const entryNote = 18;

/** Whether an unpacked kernel is a 64-bit ELF file with the note by which QEMU starts it. */
export function startsPlain(kernel: Buffer): boolean {
  if (kernel.length < 64 || kernel.toString("latin1", 0, 5) !== "\x7fELF\x02") return false;
  const table = Number(kernel.readBigUInt64LE(32));
  const [size, count] = [kernel.readUInt16LE(54), kernel.readUInt16LE(56)];
  return Array.from({ length: count }, (_, at) => table + at * size).some((at) => {
    if (at + 56 > kernel.length || kernel.readUInt32LE(at) !== 4) return false;
    const start = Number(kernel.readBigUInt64LE(at + 8));
    return hasEntryNote(kernel.subarray(start, start + Number(kernel.readBigUInt64LE(at + 32))));
  });
}

function hasEntryNote(notes: Buffer): boolean {
  const padded = (length: number) => Math.ceil(length / 4) * 4;
  for (let at = 0; at + 12 <= notes.length; ) {
    const [name, content, type] = [notes.readUInt32LE(at), notes.readUInt32LE(at + 4), notes.readUInt32LE(at + 8)];
    if (type === entryNote && notes.toString("latin1", at + 12, at + 15) === "Xen") return true;
    at += 12 + padded(name) + padded(content);
  }
  return false;
}
