// Decides whether this machine's kernel runs programs of another architecture in containers: by an interpreter that it has been given.
// Gives it none.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the kernel lists its interpreters. @see Documentation/admin-guide/binfmt-misc.rst */
const interpreters = "/proc/sys/fs/binfmt_misc";

/** Architectures of OCI by Node's and by QEMU's names. */
const architectures: Readonly<Record<string, { readonly node: NodeJS.Architecture; readonly qemu: string }>> = {
  amd64: { node: "x64", qemu: "x86_64" },
  arm64: { node: "arm64", qemu: "aarch64" },
  arm: { node: "arm", qemu: "arm" },
  "386": { node: "ia32", qemu: "i386" },
  ppc64le: { node: "ppc64", qemu: "ppc64le" },
  s390x: { node: "s390x", qemu: "s390x" },
  riscv64: { node: "riscv64", qemu: "riscv64" },
};

/**
 * Why containers of `platform` (`linux/arm64`) cannot be run here; `undefined` where they can. `registered`: the interpreters' files by
 * their names.
 * @example whyForeign("linux/arm64") // "no enabled interpreter for aarch64 is registered with binfmt_misc; …"
 */
export function whyForeign(
  platform: string,
  here: NodeJS.Architecture = process.arch,
  registered: () => ReadonlyMap<string, string> = readInterpreters,
): string | undefined {
  const wanted = architectures[platform.split("/")[1] ?? ""];
  if (wanted === undefined) return `nothing is known of ${platform}`;
  // A 64-bit x86 runs 32-bit programs by itself.
  if (wanted.node === here || (wanted.node === "ia32" && here === "x64")) return undefined;
  const found = registered().get(`qemu-${wanted.qemu}`);
  const remedy = "apt-get install qemu-user-static binfmt-support registers one";
  if (found === undefined || !/^enabled$/m.test(found))
    return `this machine is no ${wanted.qemu}, and no enabled interpreter for it is registered with binfmt_misc; ${remedy}`;
  // Else the kernel looks for the interpreter in the image, where it is not.
  return /^flags: .*F/m.test(found)
    ? undefined
    : `the interpreter for ${wanted.qemu} is not fixed (flag F), so that containers do not see it; ${remedy}`;
}

function readInterpreters(): ReadonlyMap<string, string> {
  try {
    const names = readdirSync(interpreters).filter((name) => name.startsWith("qemu-"));
    return new Map(names.map((name) => [name, readFileSync(join(interpreters, name), "utf8")]));
  } catch {
    return new Map(); // not mounted: then no interpreter is of use to anybody
  }
}
