// Decides what file capabilities are, as the kernel keeps them and as people write them, and when two of them are the same.
// Source of the format: linux/capability.h (struct vfs_ns_cap_data) and cap_from_text(3).
import { capabilityNames } from "./capability-names.ts";
import { requireSubject } from "./question.ts";

/** Capabilities by number. */
export interface FileCapabilities {
  readonly permitted: bigint;
  readonly inheritable: bigint;
  /** Whether a program has its permitted ones from its start. */
  readonly effective: boolean;
}

/** Reads `security.capability`, versions 1 to 3; `undefined` for other bytes. */
export function decodeCapabilities(value: Buffer): FileCapabilities | undefined {
  const version = value.length < 4 ? 0 : value.readUInt8(3);
  const words = [0, 1, 2, 2][version];
  const length = [0, 12, 20, 24][version];
  if (words === undefined || words === 0 || value.length !== length) return undefined;
  let permitted = 0n;
  let inheritable = 0n;
  for (let word = 0; word < words; word += 1) {
    permitted |= BigInt(value.readUInt32LE(4 + 8 * word)) << BigInt(32 * word);
    inheritable |= BigInt(value.readUInt32LE(8 + 8 * word)) << BigInt(32 * word);
  }
  return { permitted, inheritable, effective: (value.readUInt8(0) & 1) === 1 };
}

/**
 * What getcap and setcap write, older (`cap_net_raw+ep`) or newer (`cap_net_raw=ep`), several clauses with spaces between.
 * Refuses unknown names and flags with a `DeclarationError`.
 */
export function capabilitiesFromText(text: string): FileCapabilities {
  let permitted = 0n;
  let inheritable = 0n;
  let effective = false;
  for (const clause of text.trim().split(/\s+/)) {
    const [, names = "", flags = ""] = /^([a-z0-9_,]+)[=+]([eip]+)$/.exec(clause) ?? [];
    requireSubject(flags !== "", `"${text}" is no capability`, 'write it as getcap does: "cap_net_bind_service=ep"');
    for (const name of names.split(",")) {
      const number = capabilityNames.indexOf(name);
      requireSubject(number !== -1, `"${name}" is no capability`, `there are ${capabilityNames.join(", ")}`);
      if (flags.includes("p")) permitted |= 1n << BigInt(number);
      if (flags.includes("i")) inheritable |= 1n << BigInt(number);
    }
    effective ||= flags.includes("e");
  }
  return { permitted, inheritable, effective };
}

export function sameCapabilities(one: FileCapabilities, other: FileCapabilities): boolean {
  return (
    one.permitted === other.permitted && one.inheritable === other.inheritable && one.effective === other.effective
  );
}

/** As getcap writes them: `cap_net_admin,cap_net_raw=ep`. */
export function sayCapabilities({ permitted, inheritable, effective }: FileCapabilities): string {
  const byFlags = new Map<string, string[]>();
  for (let number = 0; number < 64; number += 1) {
    const bit = 1n << BigInt(number);
    const flags = `${(inheritable & bit) === 0n ? "" : "i"}${(permitted & bit) === 0n ? "" : "p"}`;
    if (flags === "") continue;
    const names = byFlags.get(flags) ?? [];
    byFlags.set(flags, [...names, capabilityNames[number] ?? `cap_${number}`]);
  }
  if (byFlags.size === 0) return "an empty set";
  return [...byFlags].map(([flags, names]) => `${names.join(",")}=${effective ? "e" : ""}${flags}`).join(" ");
}
