// Decides what whoever carries questions to libvirt must supply. A call says what libvirt said, and nothing of what it means: that
// is found in `libvirt-client-asked.ts`, for all carriers alike.
import { ProvisionError } from "../model/errors.ts";
import type { AgentCommand, DomainEntry, Lease, NetworkEntry } from "./libvirt-client.ts";

/** Rejections are `CallFailed`, except `ProvisionError`s where nobody could be asked: `virsh-missing`, `deadline`. */
export interface LibvirtCalls {
  /** Resolves when the daemon answered, on a connection made anew where the last one is broken. */
  ping(): Promise<void>;
  /** What `virsh version` says. */
  version(): Promise<string>;
  /** XML. */
  capabilities(): Promise<string>;
  domains(): Promise<readonly DomainEntry[]>;
  domainXml(name: string): Promise<string>;
  /** What could not be had is left out, whatever the reason. */
  domainXmls(uuids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Checked against the schema first. */
  createDomain(xml: string, paused: boolean): Promise<void>;
  destroyDomain(name: string): Promise<void>;
  shutdownDomain(name: string, mode: "acpi" | "agent"): Promise<void>;
  networks(): Promise<readonly NetworkEntry[]>;
  networkXml(name: string): Promise<string>;
  networkXmls(uuids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  createNetwork(xml: string): Promise<void>;
  destroyNetwork(name: string): Promise<void>;
  updateNetwork(name: string, verb: "add" | "delete", section: "ip-dhcp-host" | "dns-host", xml: string): Promise<void>;
  leases(network: string): Promise<readonly Lease[]>;
  device(verb: "attach" | "detach", domain: string, xml: string): Promise<void>;
  screenshot(domain: string, file: string): Promise<void>;
  dumpMemory(domain: string, file: string): Promise<void>;
  agent(domain: string, command: AgentCommand, timeoutMs: number): Promise<unknown>;
  close(): Promise<void>;
}

/** libvirt, or the way to it, refused; the message is its own words. */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
}

/** How long a question may take. */
export const answerMs = 60_000;
/**
 * The same, where libvirt may first ask each QEMU what it can: after its own start, or when something of QEMU's has changed. That took
 * 4 s on a quiet host and 90 s on a busy one.
 */
export const slowAnswerMs = 240_000;

export function unanswered(timeoutMs: number): ProvisionError {
  return new ProvisionError({
    code: "deadline",
    phase: "setup",
    seen: `libvirt gave no answer within ${timeoutMs / 1000} s`,
    hint: "see whether `virsh list` answers; if not, restart libvirtd: virtual machines survive that",
  });
}
