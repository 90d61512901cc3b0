// Decides what an ELF file says of itself. Pure: asks for the parts that it needs, and believes no length without a limit.
// Source of the format: elf(5) and the System V gABI.

/** What can be judged of a program or library. */
export interface ElfFacts {
  readonly bits: 32 | 64;
  /** As `uname -m` has it, where it is known: `x86_64`, `aarch64`; else `machine 243`. */
  readonly machine: string;
  readonly type: "executable" | "shared" | "other";
  /** The program that loads it; `undefined` of a static program and of most libraries. */
  readonly interpreter: string | undefined;
  readonly dynamic: boolean;
  /** Libraries by the names it asks for, in order. */
  readonly needed: readonly string[];
  /** Directories of RPATH and RUNPATH, as they are written there. */
  readonly runPath: readonly string[];
  readonly pie: boolean;
  readonly relro: "none" | "partial" | "full";
  /** Whether its stack may be executed: so it is where nothing is said. */
  readonly executableStack: boolean;
}

/** Reads a part of the file: fewer bytes where it ends. */
export type ReadPart = (at: number, length: number) => Promise<Buffer>;

const machines: Readonly<Record<number, string>> = {
  3: "i686",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv64",
  258: "loongarch64",
};

/** Bytes that are fetched first: with them the headers of nearly all files are there. */
export const headLength = 4096;
const limits = { headers: 4096, dynamic: 64 * 1024, strings: 4 * 1024 * 1024, interpreter: 4096 };

/** The facts; or why it is no ELF file that can be read. */
export async function readElf(head: Buffer, read: ReadPart): Promise<ElfFacts | { readonly flaw: string }> {
  if (head.length < 52 || head.readUInt32BE(0) !== 0x7f454c46) return { flaw: "it is no ELF file" };
  const wide = head[4] === 2;
  const little = head[5] === 1;
  if ((!wide && head[4] !== 1) || (!little && head[5] !== 2) || (wide && head.length < 64))
    return { flaw: "its ELF header cannot be read" };
  const at = fieldsOf(wide, little);
  const table = at.word(head, wide ? 32 : 28);
  const size = at.half(head, wide ? 54 : 42);
  const count = at.half(head, wide ? 56 : 44);
  // The kernel refuses any other size, too.
  if (count > limits.headers || (count > 0 && size !== (wide ? 56 : 32)))
    return { flaw: "its program headers cannot be read" };
  const part = async (from: number, length: number) =>
    from + length <= head.length ? head.subarray(from, from + length) : read(from, length);
  const headers = await part(table, size * count);
  if (headers.length < size * count) return { flaw: "it ends within its program headers" };
  const segments = Array.from({ length: count }, (_, index) => segmentIn(headers.subarray(index * size), wide, at));
  const of = (type: number) => segments.find((segment) => segment.type === type);
  const interpreted = of(3);
  const interpreter =
    interpreted === undefined
      ? undefined
      : (await part(interpreted.offset, Math.min(interpreted.size, limits.interpreter)))
          .toString("utf8")
          .replace(/\0.*$/s, "");
  const dynamicSegment = of(2);
  const tags =
    dynamicSegment === undefined
      ? []
      : tagsIn(await part(dynamicSegment.offset, Math.min(dynamicSegment.size, limits.dynamic)), wide, at);
  const tag = (wanted: number) => tags.filter(([name]) => name === wanted).map(([, value]) => value);
  const strings = await stringTable(tag(5)[0], tag(10)[0], segments, part);
  const text = (offset: number) => strings.toString("utf8", offset, Math.max(strings.indexOf(0, offset), offset));
  const flags = (tag(30)[0] ?? 0) | ((tag(0x6ffffffb)[0] ?? 0) & 1 ? 8 : 0);
  const bindsNow = (flags & 8) !== 0 || tag(24).length > 0;
  const stack = of(0x6474e551);
  const kind = at.half(head, 16);
  return {
    bits: wide ? 64 : 32,
    machine: machines[at.half(head, 18)] ?? `machine ${at.half(head, 18)}`,
    type: kind === 2 ? "executable" : kind === 3 ? "shared" : "other",
    interpreter,
    dynamic: dynamicSegment !== undefined && (interpreter !== undefined || tag(1).length > 0),
    needed: tag(1).map(text),
    runPath: [...tag(29), ...tag(15)].flatMap((offset) => text(offset).split(":")).filter(Boolean),
    pie: kind === 3 && (interpreter !== undefined || ((tag(0x6ffffffb)[0] ?? 0) & 0x08000000) !== 0),
    relro: of(0x6474e552) === undefined ? "none" : bindsNow ? "full" : "partial",
    executableStack: stack === undefined || (stack.flags & 1) !== 0,
  };
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function fieldsOf(wide: boolean, little: boolean) {
  const half = (bytes: Buffer, at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const int = (bytes: Buffer, at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const word = (bytes: Buffer, at: number) =>
    wide ? Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)) : int(bytes, at);
  return { half, int, word };
}
type Fields = ReturnType<typeof fieldsOf>;

function segmentIn(bytes: Buffer, wide: boolean, at: Fields): Segment {
  return {
    type: at.int(bytes, 0),
    flags: at.int(bytes, wide ? 4 : 24),
    offset: at.word(bytes, wide ? 8 : 4),
    address: at.word(bytes, wide ? 16 : 8),
    size: at.word(bytes, wide ? 32 : 16),
  };
}

function tagsIn(bytes: Buffer, wide: boolean, at: Fields): readonly (readonly [number, number])[] {
  const width = wide ? 16 : 8;
  const tags: [number, number][] = [];
  for (let from = 0; from + width <= bytes.length; from += width) {
    const name = at.word(bytes, from);
    if (name === 0) break;
    tags.push([name, at.word(bytes, from + width / 2)]);
  }
  return tags;
}

/** The dynamic section has the address of its strings in memory: the loaded segment that holds it tells where in the file. */
async function stringTable(
  address: number | undefined,
  size: number | undefined,
  segments: readonly Segment[],
  part: ReadPart,
): Promise<Buffer> {
  const loaded = segments.find(
    (each) => each.type === 1 && address !== undefined && address >= each.address && address < each.address + each.size,
  );
  if (loaded === undefined || address === undefined || size === undefined) return Buffer.alloc(0);
  return part(loaded.offset + address - loaded.address, Math.min(size, limits.strings));
}
