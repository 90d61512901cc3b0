// Decides which UEFI firmware machines boot with: what QEMU's descriptors of this host name, without Secure Boot, else what lies at
// the usual places.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Uefi {
  /** The program; shared by all machines and only read. */
  readonly code: string;
  /** Template of a machine's own variables. */
  readonly vars: string;
}

const descriptorPlaces = ["/etc/qemu/firmware", "/usr/share/qemu/firmware"];
const usualPlaces: readonly Uefi[] = [
  { code: "/usr/share/OVMF/OVMF_CODE_4M.fd", vars: "/usr/share/OVMF/OVMF_VARS_4M.fd" },
  { code: "/usr/share/OVMF/OVMF_CODE.fd", vars: "/usr/share/OVMF/OVMF_VARS.fd" },
  { code: "/usr/share/edk2/ovmf/OVMF_CODE.fd", vars: "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
  { code: "/usr/share/edk2/x64/OVMF_CODE.4m.fd", vars: "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },
];

/** Of this host, for x86_64; `undefined` when it has none: `apt-get install ovmf`. */
export function findUefi(places: readonly string[] = descriptorPlaces): Uefi | undefined {
  const described = places.flatMap((place) =>
    (existsSync(place) ? readdirSync(place) : [])
      .filter((name) => name.endsWith(".json"))
      // By their names, as QEMU's specification of the descriptors orders them; a place's before the next place's.
      .sort()
      .flatMap((name) => uefiIn(textOf(join(place, name)))),
  );
  return [...described, ...usualPlaces].find(({ code, vars }) => existsSync(code) && existsSync(vars));
}

interface Descriptor {
  readonly "interface-types"?: readonly string[];
  readonly features?: readonly string[];
  readonly targets?: readonly { readonly architecture: string; readonly machines: readonly string[] }[];
  readonly mapping?: {
    readonly executable?: { readonly filename: string; readonly format: string };
    readonly "nvram-template"?: { readonly filename: string; readonly format: string };
  };
}

/** Empty for what cannot be read. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The firmware of one descriptor, where it is one that a machine can boot with. Unreadable ones are others' to mend. */
export function uefiIn(json: string): readonly Uefi[] {
  let descriptor: Descriptor;
  try {
    descriptor = JSON.parse(json) as Descriptor;
  } catch {
    return [];
  }
  const { features = [], targets = [], mapping } = descriptor;
  const fits = targets.some(
    ({ architecture, machines }) => architecture === "x86_64" && machines.some((machine) => /q35|i440fx/.test(machine)),
  );
  const secure = features.some((feature) =>
    /^(secure-boot|enrolled-keys|requires-smm|amd-sev-es|intel-tdx)/.test(feature),
  );
  const [code, vars] = [mapping?.executable, mapping?.["nvram-template"]];
  if (descriptor["interface-types"]?.includes("uefi") !== true || !fits || secure) return [];
  if (code?.format !== "raw" || vars?.format !== "raw") return [];
  return [{ code: code.filename, vars: vars.filename }];
}
