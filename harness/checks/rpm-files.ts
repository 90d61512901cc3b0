// Decides what an rpm header says of each file that the package brought: what rpm's own verification (`rpm -V`) compares. Pure. Refuses lists that
// do not fit together, and a header that does not say what is to be verified.
import { DamagedRpm, type RpmHeader } from "./rpm-header.ts";
import { pathsOf } from "./rpm-package.ts";

/** A file as the package brought it. */
export interface RpmFile {
  /** Absolute. */
  readonly path: string;
  /** `replaced`: another package's lies there. `absent`: it was not unpacked. `shared`: one of another word size lies there, of the same rights. */
  readonly state: "normal" | "replaced" | "absent" | "shared";
  /** rpm's verification marks it `c`. */
  readonly configuration: boolean;
  /** The package owns it, and something else makes it. */
  readonly ghost: boolean;
  readonly mayBeMissing: boolean;
  /** Type and permission bits, as `st_mode` has them. */
  readonly mode: number;
  readonly size: number;
  /** In hexadecimal; empty of what is no regular file. */
  readonly digest: string;
  /** Target of a symbolic link; else empty. */
  readonly link: string;
  readonly user: string;
  readonly group: string;
  /** As cap_to_text(3) writes them; empty where it has none. */
  readonly capabilities: string;
  /** What counts, of `verified`. */
  readonly flags: number;
}

export interface RpmFiles {
  readonly files: readonly RpmFile[];
  /** What digests are, in the words of `node:crypto`; `undefined` where this does not know it. */
  readonly digestKind: string | undefined;
  /** In the header's words. */
  readonly digestNumber: number;
}

/** `rpmVerifyAttrs_e` of rpm's `include/rpm/rpmfiles.h`. */
export const verified = {
  contents: 1 << 0,
  size: 1 << 1,
  link: 1 << 2,
  owner: 1 << 3,
  group: 1 << 4,
  mode: 1 << 6,
  device: 1 << 7,
  capabilities: 1 << 8,
} as const;

/** rpm's `include/rpm/rpmtag.h`. */
const tag = {
  sizes: 1028,
  states: 1029,
  modes: 1030,
  digests: 1035,
  links: 1036,
  flags: 1037,
  users: 1039,
  groups: 1040,
  verified: 1045,
  longSizes: 5008,
  capabilities: 5010,
  digestKind: 5011,
} as const;

/** `rpmfileAttrs_e`. */
const attribute = { configuration: 1 << 0, documentation: 1 << 1, missingOk: 1 << 3, ghost: 1 << 6 } as const;

/** By `rpmfileState_e`; 3 is on a file system that other machines share. 255: it is not known, and rpm looks nevertheless. */
const states: Readonly<Record<number, RpmFile["state"]>> = {
  0: "normal",
  1: "replaced",
  2: "absent",
  3: "absent",
  4: "shared",
  255: "normal",
};

/** RFC 4880, 9.4, and how many letters each has. A header that says none has MD5. */
const kinds: Readonly<Record<number, readonly [kind: string, letters: number]>> = {
  1: ["md5", 32],
  2: ["sha1", 40],
  8: ["sha256", 64],
  9: ["sha384", 96],
  10: ["sha512", 128],
  11: ["sha224", 56],
};

/** Linux allows 4095 bytes. */
const mostPath = 4095;

/** Throws `DamagedRpm`. */
export function filesOf(header: RpmHeader, name: string): RpmFiles {
  const paths = pathsOf(header, name);
  const damaged = (why: string) => new DamagedRpm(`${name} has ${why}`);
  const fitting = <Value>(what: string, list: readonly Value[], optional = false): readonly Value[] => {
    if (list.length !== paths.length && !(optional && list.length === 0))
      throw damaged(`${paths.length} files and ${what} of ${list.length}`);
    return list;
  };
  const sizes = header.numbers(tag.sizes);
  const lists = {
    size: fitting("sizes", sizes.length > 0 ? sizes : header.numbers(tag.longSizes)),
    state: fitting("states", header.numbers(tag.states), true),
    mode: fitting("modes", header.numbers(tag.modes)),
    digest: fitting("digests", header.texts(tag.digests)),
    link: fitting("targets of links", header.texts(tag.links), true),
    flags: fitting("flags", header.numbers(tag.flags)),
    user: fitting("owners", header.texts(tag.users)),
    group: fitting("groups", header.texts(tag.groups)),
    verified: fitting("what is verified", header.numbers(tag.verified)),
    capabilities: fitting("capabilities", header.texts(tag.capabilities), true),
  };
  const [digestNumber = 1] = header.numbers(tag.digestKind);
  const [digestKind, letters = 0] = kinds[digestNumber] ?? [];
  const files = paths.map((path, at): RpmFile => {
    const [state, mode] = [states[lists.state[at] ?? 0], lists.mode[at] ?? 0];
    const digest = lists.digest[at] ?? "";
    const flags = lists.flags[at] ?? 0;
    if (!path.startsWith("/") || path.length > mostPath || /\/\.{1,2}(?=\/|$)/.test(path))
      throw damaged(`a file ${JSON.stringify(path.slice(0, 200))}, which is no path of a package`);
    // Bytes that are no UTF-8 look the same, whichever they are.
    if (path.includes("\ufffd")) throw damaged(`a file ${JSON.stringify(path)}, whose name is no UTF-8`);
    if (state === undefined) throw damaged(`state ${lists.state[at]} of ${path}`);
    if (mode > 0xffff) throw damaged(`mode 0${mode.toString(8)} of ${path}`);
    if (digest !== "" && digestKind !== undefined && !(digest.length === letters && /^[0-9a-f]+$/i.test(digest)))
      throw damaged(`${JSON.stringify(digest.slice(0, 200))} as ${digestKind} of ${path}`);
    return {
      path: path.replace(/\/{2,}/g, "/"),
      state,
      // Documentation's mark comes before it, where a file is both.
      configuration: (flags & attribute.configuration) !== 0 && (flags & attribute.documentation) === 0,
      ghost: (flags & attribute.ghost) !== 0,
      mayBeMissing: (flags & (attribute.ghost | attribute.missingOk)) !== 0,
      mode,
      size: lists.size[at] ?? 0,
      digest: digest.toLowerCase(),
      link: lists.link[at] ?? "",
      user: lists.user[at] ?? "",
      group: lists.group[at] ?? "",
      capabilities: lists.capabilities[at] ?? "",
      flags: lists.verified[at] ?? 0,
    };
  });
  return { files, digestKind, digestNumber };
}
