// Decides when one machine is like another, so that the one may start from the other's memory: all that reaches QEMU and all that is
// put before the guest is the same, but for what must be each machine's own. Pure.
import { createHash } from "node:crypto";
import type { BuiltDisk } from "../model/image.ts";
import type { VmDeclaration } from "../model/vm.ts";
import type { Payload } from "./libvirt-payload.ts";

/** Grows when machines that were kept by an earlier Assay are no longer made fresh as they need. */
const version = 3;

export interface Likeness {
  /** The domain as libvirt is given it. */
  readonly xml: string;
  /** What of it is this machine's own: its names, its directory, its addresses. In an order that is the same for each. */
  readonly own: readonly string[];
  readonly disk: BuiltDisk;
  /** Digest of what is put into the guest, keys left out. */
  readonly injected: string;
  readonly payload: Payload | undefined;
  /** What each network's server calls it. */
  readonly names: readonly string[];
  readonly declaration: Pick<VmDeclaration, "ready" | "transport">;
}

/** Hex digits that are the same for machines that are alike. */
export function likenessOf({ xml, own, disk, injected, payload, names, declaration }: Likeness): string {
  const { unit, port, check } = declaration.ready;
  // Labels say whose it is, and nothing of what it is.
  let shape = xml.replace(/<metadata>[\s\S]*?<\/metadata>/, "");
  for (const [index, text] of own.entries()) shape = shape.replaceAll(text, `own-${index}`);
  const facts = [
    version,
    shape,
    [disk.digest, disk.path],
    injected,
    payload?.images.map(({ tag, imageId }) => [tag, imageId]) ?? [],
    names,
    declaration.transport,
    [unit, port ?? "", check?.title ?? ""],
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

/** Why a machine is not kept and never starts from another's memory; `undefined` when it may. */
export function onlyBoots(
  { start, devices, after }: VmDeclaration,
  way: "initrd" | "seed" | "console",
  bridged: boolean,
): string | undefined {
  if (start === "boot") return "it is declared to";
  if (after.length > 0)
    return `it waits for ${after.join(", ")}, and may hold something of that: a mount, a connection`;
  if (bridged) return "it is on a bridge of this machine's, whose addresses are not ours to give";
  if (way === "seed") return "a seed makes it one machine's own";
  if (way === "console") return "somebody has to log in at its console";
  return devices.tpm ? "a TPM is one machine's own" : undefined;
}
