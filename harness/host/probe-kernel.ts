// Decides what a guest has to do before virtualisation counts as working: what `probe-kernel.s` does, of which this is the machine
// code. Long mode, page tables, interrupts of ring 3 and a system call: a stock kernel hangs on hosts where less than that runs.

/** What the guest writes to QEMU's debug exit port; QEMU then exits with `2 * signOfLife + 1`. */
export const signOfLife = 0x2a;

const code =
  "fa31c08ed88ec08ed0bc007ce4920c02e692bf0010b9003031c0fcf3abc70600100720c70600200730c70600308700660f0116287d0f20e0" +
  "0c200f22e066b8001000000f22d866b9800000c00f320d01010f300f20c0660d010000800f22c066ea677c00000800b8100000008ed88ec0" +
  "8ed0bc007c0000c7042504600000007c0000b8280000000f00d8c7042500520000137d0800c7042504520000008e00000f011c252e7d0000" +
  "b9810000c031c0ba080010000f30ffc1b80e7d000031d20f30b9840000c0b8000200000f30b011e620b020e621b004e621b001e621b0fee6" +
  "21b034e643b0a9e640b004e6406a1b680070000068020200006a2368027d000048cf833c25006800002872f60f05b02ae6f4f450ff042500" +
  "6800000f20d80f22d8b020e6205848cf3700387d00000f0200500000000000000000000000000000ffff0000009aaf00ffff00000092cf00" +
  "ffff000000f2cf00ffff000000faaf00670000600089";

/** The kernel as the first sector of a disk: the code, zeros, and the signature that makes it bootable. */
export function probeKernel(): Buffer {
  const sector = Buffer.alloc(512);
  Buffer.from(code, "hex").copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
