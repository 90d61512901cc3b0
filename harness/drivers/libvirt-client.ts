// Decides what can be asked of libvirt, and what each answer and each refusal means. Refuses to know who carries the question
// there: virsh or the binding. Knows nothing of environments and nodes.
import { bindingCalls } from "./libvirt-binding.ts";
import { AskedClient } from "./libvirt-client-asked.ts";
import { type LibvirtUri, readUri } from "./libvirt-client-uri.ts";
import { virshCalls } from "./libvirt-virsh.ts";

/** `running`, also while QEMU has not yet started its guest; `paused`; `shutoff`: defined and not started; `other`: crashed, say. */
export type DomainState = "running" | "paused" | "shutoff" | "other";

export interface DomainEntry {
  readonly name: string;
  readonly uuid: string;
  readonly state: DomainState;
}

export interface NetworkEntry {
  readonly name: string;
  readonly uuid: string;
  readonly active: boolean;
}

export interface Lease {
  /** Lower-case. */
  readonly mac: string;
  readonly address: string;
  readonly hostname: string | undefined;
}

export interface LibvirtVersion {
  /** `9.0.0` */
  readonly libvirt: string;
  /** `7.2.22`; of the QEMU that libvirt would start. */
  readonly qemu: string;
  readonly uri: string;
}

/** Whom QEMU runs as. */
export interface QemuUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * One libvirt. Nothing blocks; all methods may be called concurrently. A daemon that was restarted is connected to again: its
 * virtual machines survive that. Rejections are `ProvisionError`s: `libvirt-down` (with the remedy), `virsh-missing`,
 * `deadline`, `name-taken`, `domain-gone`, `network-gone`, `agent-silent`, `bad-xml` (not in libvirt's language), and `libvirt-refused` for all else, with libvirt's words. What a
 * refusal means is found by reading the state again, never from its words.
 */
export interface LibvirtClient {
  readonly uri: LibvirtUri;
  /** `virsh` or `binding`: who carries what the binding can. */
  readonly through: "virsh" | "binding";
  version(): Promise<LibvirtVersion>;
  /** Whom libvirt starts QEMU as; `undefined` where that is whoever runs the daemon. Asked once. */
  qemuUser(): Promise<QemuUser | undefined>;

  /**
   * Starts a transient domain: it is gone when it ends. Resolves with its UUID when QEMU runs. `paused`: the guest's first
   * instruction waits for `cont`. The XML is checked against libvirt's schema first, where the machine has it. `name-taken` when a
   * domain of that name exists: nothing is ever sent twice, so that it may also be one whose start was never answered.
   */
  createDomain(xml: string, options?: { readonly paused?: boolean }): Promise<string>;
  /** Takes the power away. Gone is success. Idempotent. */
  destroyDomain(name: string): Promise<void>;
  /** Asks the guest to power off, and does not wait: by the power button, or by its agent. Gone is success. */
  shutdownDomain(name: string, by?: "button" | "agent"): Promise<void>;
  /** Everybody's domains, also those that are defined and not started. */
  domains(): Promise<readonly DomainEntry[]>;
  /** The live XML; `undefined` when there is no such domain. */
  domainXml(name: string): Promise<string | undefined>;
  /** The live XML of many, by UUID, in one go; those that are gone are left out. */
  domainXmls(uuids: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /** Starts a transient network. Resolves with its UUID when its bridge is up. `name-taken` as for domains. */
  createNetwork(xml: string): Promise<string>;
  /** Gone is success. Idempotent. */
  destroyNetwork(name: string): Promise<void>;
  networks(): Promise<readonly NetworkEntry[]>;
  /** `undefined` when there is no such network. */
  networkXml(name: string): Promise<string | undefined>;
  networkXmls(uuids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /**
   * Adds an entry to a network that is up, or takes one away: a reservation of an address for a MAC (`ip-dhcp-host`), names of an address
   * (`dns-host`). Its name server learns of it at once, and nobody's connection is touched.
   */
  updateNetwork(name: string, verb: "add" | "delete", section: "ip-dhcp-host" | "dns-host", xml: string): Promise<void>;
  /** What the network's DHCP server has given out. */
  leases(network: string): Promise<readonly Lease[]>;

  /** Plugs a device in while the guest runs. */
  attachDevice(domain: string, xml: string): Promise<void>;
  /** Asks the guest to let a device go. It is out when QMP says `DEVICE_DELETED`. */
  detachDevice(domain: string, xml: string): Promise<void>;
  /** Writes the screen as PNG to a file of this machine. Rejects for a domain without a screen. */
  screenshot(domain: string, file: string): Promise<void>;
  /** Writes the guest's memory as an ELF core. The guest stands still meanwhile. The file belongs to root. */
  dumpMemory(domain: string, file: string): Promise<void>;
  /**
   * Asks the guest agent, as in `{ execute: "guest-ping" }`, and gives what it returns. `agent-silent` when none answers
   * within `timeoutMs`, default 5000.
   */
  agent(domain: string, command: AgentCommand, options?: { readonly timeoutMs?: number }): Promise<unknown>;
  /** Ends the connection. Idempotent. */
  close(): Promise<void>;
}

export interface AgentCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface LibvirtOptions {
  /** `qemu:///system`, `qemu:///session`, `qemu+ssh://root@host/system?keyfile=…`. Default: system for root, else session. */
  readonly uri?: string | undefined;
  /**
   * Default: virsh. The binding lists in 1 ms where virsh takes 25, but a daemon that hangs holds its native call for ever, and with it this
   * process: not even `process.exit` ends it then. A virsh is killed at its deadline. Rejects with `binding-missing` where it does not load.
   */
  readonly through?: "virsh" | "binding" | undefined;
}

/**
 * A client. Connects and starts nothing yet. Throws a `DeclarationError` (code `bad-uri`) for a URI that cannot be meant.
 * @example const libvirt = await openLibvirt({ uri: "qemu:///system" });
 */
export async function openLibvirt(options: LibvirtOptions = {}): Promise<LibvirtClient> {
  const uri = readUri(options.uri);
  const virsh = virshCalls(uri);
  if (options.through !== "binding") return new AskedClient(uri, "virsh", virsh);
  return new AskedClient(uri, "binding", await bindingCalls(uri, virsh));
}
