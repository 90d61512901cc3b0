// Decides what `assay doctor` tells of what machines are made of: QEMU, its firmware for UEFI, the TPM's emulator, where disks lie.
import { spawn } from "node:child_process";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { findUefi, type Uefi } from "../model/firmware.ts";
import { daemonOf } from "./libvirt.ts";
import { machineTools } from "./machine-tools.ts";
import type { MachineSurroundings } from "./machines.ts";
import { barrier } from "./passage.ts";
import { findTool, missingTools, toolFindings } from "./tools.ts";

/** Told in lines of their own. */
const ownLine = ["qemu-system-x86_64", "/usr/share/OVMF/OVMF_CODE_4M.fd", "swtpm", "swtpm_setup"];

/** Never rejects; about 20 ms, which QEMU takes to say its version. */
export async function machineFindings(surroundings: MachineSurroundings): Promise<readonly Finding[]> {
  const { path, libvirtUri, disks } = surroundings;
  const list = machineTools.filter(({ name }) => !ownLine.includes(name));
  return [
    await qemuFinding(findTool("qemu-system-x86_64", path)),
    ...toolFindings(missingTools(path, list), { list, what: "machine programs", needed: false }),
    uefiFinding(findUefi()),
    tpmFinding(findTool("swtpm", path), findTool("swtpm_setup", path)),
    ...(daemonOf(libvirtUri) === "system" ? [disksFinding(disks, barrier(disks))] : []),
  ];
}

/** Version of QEMU in what `--version` prints. */
export function qemuVersionIn(output: string): string | undefined {
  return /^QEMU emulator version (\S+)/m.exec(output)?.[1];
}

async function qemuFinding(qemu: string | undefined): Promise<Finding> {
  const about = { what: "QEMU", needed: false } as const;
  const remedy = "npx assay setup --yes, or: apt-get install qemu-system-x86";
  if (qemu === undefined)
    return { ...about, can: "no", detail: "not there", cause: "package qemu-system-x86 is not installed", remedy };
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = spawn(qemu, ["--version"], { stdio: ["ignore", "pipe", "pipe"], timeout: 5000, killSignal: "SIGKILL" });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  child.on("error", (error) => resolve(messageOf(error)));
  child.on("close", () => resolve(said));
  const output = await promise;
  const version = qemuVersionIn(output);
  if (version !== undefined) return { ...about, can: "yes", detail: `${version}, ${qemu}` };
  const [seen = "it says nothing"] = output.trim().split("\n");
  return { ...about, can: "unknown", detail: `${qemu}: ${seen}`, cause: "it does not tell its version", remedy };
}

/** What a machine would be given. */
function uefiFinding(found: Uefi | undefined): Finding {
  const about = { what: "UEFI firmware", needed: false } as const;
  if (found !== undefined) return { ...about, can: "yes", detail: found.code };
  return {
    ...about,
    can: "no",
    detail: "machines boot by BIOS only",
    cause: "no firmware for x86_64 without Secure Boot is described or lies at its usual places",
    remedy: "npx assay setup --yes, or: apt-get install ovmf",
  };
}

function tpmFinding(swtpm: string | undefined, setup: string | undefined): Finding {
  const about = { what: "TPM emulator", needed: false } as const;
  if (swtpm !== undefined && setup !== undefined) return { ...about, can: "yes", detail: swtpm };
  return {
    ...about,
    can: "no",
    detail: "machines have no TPM",
    cause: `${swtpm === undefined ? "swtpm" : "swtpm_setup, which libvirt looks for"}: not there`,
    remedy: "npx assay setup --yes, or: apt-get install swtpm swtpm-tools",
  };
}

function disksFinding(disks: string, closed: string | undefined): Finding {
  const about = { what: "disks of machines", needed: false } as const;
  if (closed === undefined) return { ...about, can: "yes", detail: `${disks}, within reach of QEMU's user` };
  return {
    ...about,
    can: "no",
    detail: disks,
    cause: `QEMU runs as another user, which cannot pass through ${closed}`,
    remedy: "npx assay setup --yes; or set ASSAY_STATE to where everybody may pass through",
  };
}
