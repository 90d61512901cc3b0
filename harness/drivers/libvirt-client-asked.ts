// Decides what an answer or a refusal of libvirt means. Neither virsh nor the binding gives error codes, and words are translated: so
// after each failure the state is read again, and that decides.
import { HarnessError, messageOf, type Phase, ProvisionError } from "../model/errors.ts";
import type {
  AgentCommand,
  DomainEntry,
  Lease,
  LibvirtClient,
  LibvirtVersion,
  NetworkEntry,
  QemuUser,
} from "./libvirt-client.ts";
import type { LibvirtCalls } from "./libvirt-client-calls.ts";
import type { LibvirtUri } from "./libvirt-client-uri.ts";
import { checkXml } from "./libvirt-schema.ts";
import { identityIn, qemuUserIn } from "./libvirt-xml-read.ts";

/** A client over one carrier of questions. Made by `openLibvirt`. */
export class AskedClient implements LibvirtClient {
  readonly uri: LibvirtUri;
  readonly through: "virsh" | "binding";
  readonly #calls: LibvirtCalls;
  #user: Promise<QemuUser | undefined> | undefined;

  constructor(uri: LibvirtUri, through: "virsh" | "binding", calls: LibvirtCalls) {
    this.uri = uri;
    this.through = through;
    this.#calls = calls;
  }

  async version(): Promise<LibvirtVersion> {
    const text = await this.#read(() => this.#calls.version());
    const numbers = (word: string) => [...text.matchAll(new RegExp(`\\b${word} (\\d+(?:\\.\\d+)+)`, "g"))].at(-1)?.[1];
    return { libvirt: numbers("libvirt") ?? "unknown", qemu: numbers("QEMU") ?? "unknown", uri: this.uri.text };
  }

  qemuUser(): Promise<QemuUser | undefined> {
    // A failure is not kept: the next caller asks again.
    this.#user ??= this.#read(() => this.#calls.capabilities()).then(
      (xml) => (this.uri.session ? undefined : qemuUserIn(xml)),
      (error: unknown) => {
        this.#user = undefined;
        throw error;
      },
    );
    return this.#user;
  }

  async createDomain(xml: string, { paused = false }: { readonly paused?: boolean } = {}): Promise<string> {
    const { name, uuid } = await identityIn(xml);
    const seen = await this.#try("create", name, () => this.#calls.createDomain(xml, paused));
    const found = (await this.domains()).find((domain) => domain.name === name);
    if (seen === undefined && found !== undefined) return found.uuid;
    if (seen === undefined) throw gone("create", "domain", name, "it was started and has ended already");
    if (found === undefined) await checkXml("domain", xml);
    throw this.#notCreated(seen, name, uuid, found);
  }

  async destroyDomain(name: string): Promise<void> {
    const seen = await this.#try("destroy", name, () => this.#calls.destroyDomain(name));
    if (seen !== undefined && (await this.#hasDomain(name))) throw refused("destroy", name, seen);
  }

  async shutdownDomain(name: string, by: "button" | "agent" = "button"): Promise<void> {
    const mode = by === "agent" ? "agent" : "acpi";
    const seen = await this.#try("destroy", name, () => this.#calls.shutdownDomain(name, mode));
    if (seen === undefined || !(await this.#hasDomain(name))) return;
    throw by === "agent" ? await this.#agentSaid("destroy", name, seen) : refused("destroy", name, seen);
  }

  domains(): Promise<readonly DomainEntry[]> {
    return this.#read(() => this.#calls.domains());
  }

  async domainXml(name: string): Promise<string | undefined> {
    let xml: string | undefined;
    const seen = await this.#try("observe", name, async () => {
      xml = await this.#calls.domainXml(name);
    });
    if (seen === undefined || !(await this.#hasDomain(name))) return xml;
    throw refused("observe", name, seen);
  }

  domainXmls(uuids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#complete(
      uuids,
      (some) => this.#calls.domainXmls(some),
      () => this.#calls.domains(),
    );
  }

  async createNetwork(xml: string): Promise<string> {
    const { name, uuid } = await identityIn(xml);
    await checkXml("network", xml);
    const seen = await this.#try("create", name, () => this.#calls.createNetwork(xml));
    const found = (await this.networks()).find((network) => network.name === name);
    if (seen === undefined && found !== undefined) return found.uuid;
    if (seen === undefined) throw gone("create", "network", name, "it was started and is gone already");
    throw this.#notCreated(seen, name, uuid, found);
  }

  async destroyNetwork(name: string): Promise<void> {
    const seen = await this.#try("destroy", name, () => this.#calls.destroyNetwork(name));
    if (seen !== undefined && (await this.#hasNetwork(name))) throw refused("destroy", name, seen);
  }

  networks(): Promise<readonly NetworkEntry[]> {
    return this.#read(() => this.#calls.networks());
  }

  async networkXml(name: string): Promise<string | undefined> {
    let xml: string | undefined;
    const seen = await this.#try("observe", name, async () => {
      xml = await this.#calls.networkXml(name);
    });
    if (seen === undefined || !(await this.#hasNetwork(name))) return xml;
    throw refused("observe", name, seen);
  }

  networkXmls(uuids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#complete(
      uuids,
      (some) => this.#calls.networkXmls(some),
      () => this.#calls.networks(),
    );
  }

  async leases(network: string): Promise<readonly Lease[]> {
    let leases: readonly Lease[] = [];
    const seen = await this.#try("observe", network, async () => {
      leases = await this.#calls.leases(network);
    });
    if (seen === undefined) return leases;
    throw (await this.#hasNetwork(network))
      ? refused("observe", network, seen)
      : gone("observe", "network", network, seen);
  }

  async updateNetwork(
    name: string,
    verb: "add" | "delete",
    section: "ip-dhcp-host" | "dns-host",
    xml: string,
  ): Promise<void> {
    const seen = await this.#try("create", name, () => this.#calls.updateNetwork(name, verb, section, xml));
    if (seen === undefined) return;
    throw (await this.#hasNetwork(name)) ? refused("create", name, seen) : gone("create", "network", name, seen);
  }

  attachDevice(domain: string, xml: string): Promise<void> {
    return this.#onDomain("exec", domain, () => this.#calls.device("attach", domain, xml));
  }

  detachDevice(domain: string, xml: string): Promise<void> {
    return this.#onDomain("exec", domain, () => this.#calls.device("detach", domain, xml));
  }

  screenshot(domain: string, file: string): Promise<void> {
    return this.#onDomain("observe", domain, () => this.#calls.screenshot(domain, file));
  }

  dumpMemory(domain: string, file: string): Promise<void> {
    return this.#onDomain("observe", domain, () => this.#calls.dumpMemory(domain, file));
  }

  async agent(
    domain: string,
    command: AgentCommand,
    { timeoutMs = 5000 }: { readonly timeoutMs?: number } = {},
  ): Promise<unknown> {
    let answer: unknown;
    const seen = await this.#try("exec", domain, async () => {
      answer = await this.#calls.agent(domain, command, timeoutMs);
    });
    if (seen === undefined) return answer;
    if (!(await this.#hasDomain(domain))) throw gone("exec", "domain", domain, seen);
    throw await this.#agentSaid("exec", domain, seen);
  }

  close(): Promise<void> {
    return this.#calls.close();
  }

  /** libvirt's words where it refused, `undefined` where it did not. Rejects when it was not libvirt that refused. */
  async #try(phase: Phase, node: string, call: () => Promise<void>): Promise<string | undefined> {
    try {
      await call();
      return undefined;
    } catch (error) {
      if (error instanceof HarnessError) throw error;
      await this.#alive(phase, node, error);
      return messageOf(error);
    }
  }

  /** A question that changes nothing: asked once more on a new connection, where the old one was broken. */
  async #read<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof HarnessError) throw error;
      await this.#alive("observe", undefined, error);
      return call().catch((again: unknown) => Promise.reject(refused("observe", undefined, messageOf(again))));
    }
  }

  async #alive(phase: Phase, node: string | undefined, cause: unknown): Promise<void> {
    try {
      await this.#calls.ping();
    } catch (error) {
      if (error instanceof HarnessError) throw error;
      throw down(this.uri, phase, node, messageOf(error), cause);
    }
  }

  async #onDomain(phase: Phase, domain: string, call: () => Promise<void>): Promise<void> {
    const seen = await this.#try(phase, domain, call);
    if (seen === undefined) return;
    throw (await this.#hasDomain(domain)) ? refused(phase, domain, seen) : gone(phase, "domain", domain, seen);
  }

  /** What was left out, once more: gone is an answer, there and unreadable is none. */
  async #complete(
    uuids: readonly string[],
    ask: (uuids: readonly string[]) => Promise<ReadonlyMap<string, string>>,
    list: () => Promise<readonly { uuid: string }[]>,
  ): Promise<ReadonlyMap<string, string>> {
    const found = await this.#read(() => ask(uuids));
    const left = uuids.filter((uuid) => !found.has(uuid));
    if (left.length === 0) return found;
    const there = new Set((await this.#read(list)).map(({ uuid }) => uuid));
    const unread = left.filter((uuid) => there.has(uuid));
    if (unread.length === 0) return found;
    const again = await this.#read(() => ask(unread));
    const still = new Set((await this.#read(list)).map(({ uuid }) => uuid));
    const never = unread.find((uuid) => !again.has(uuid) && still.has(uuid));
    if (never !== undefined) throw refused("observe", never, "it is there, and its XML cannot be had");
    return new Map([...found, ...again]);
  }

  async #hasDomain(name: string): Promise<boolean> {
    return (await this.domains()).some((domain) => domain.name === name);
  }

  async #hasNetwork(name: string): Promise<boolean> {
    return (await this.networks()).some((network) => network.name === name);
  }

  #notCreated(
    seen: string,
    name: string,
    uuid: string | undefined,
    found: { uuid: string } | undefined,
  ): ProvisionError {
    if (found === undefined) return refused("create", name, seen);
    return new ProvisionError({
      code: "name-taken",
      phase: "create",
      node: name,
      seen: `${name} exists${found.uuid === uuid ? ", with this UUID" : ""} (${seen})`,
      hint: "run `assay gc`: an earlier run left it",
    });
  }

  /** Whether the agent is silent, or answers and does not want to. */
  async #agentSaid(phase: Phase, domain: string, seen: string): Promise<ProvisionError> {
    const answers = await this.#calls.agent(domain, { execute: "guest-ping" }, 2000).then(
      () => true,
      () => false,
    );
    if (answers) return refused(phase, domain, seen);
    return new ProvisionError({
      code: "agent-silent",
      phase,
      node: domain,
      seen: `the guest's agent does not answer (${seen})`,
      hint: "install and start qemu-guest-agent in the image, and give the machine a channel for it",
    });
  }
}

function refused(phase: Phase, node: string | undefined, seen: string): ProvisionError {
  const hint = "libvirt's own log may say more; `assay doctor` tells what this host can do";
  return new ProvisionError({ code: "libvirt-refused", phase, node, seen: seen.replace(/[.\s]+$/, ""), hint });
}

function gone(phase: Phase, what: "domain" | "network", node: string, seen: string): ProvisionError {
  return new ProvisionError({ code: `${what}-gone`, phase, node, seen: `there is no such ${what} (${seen})` });
}

function down(uri: LibvirtUri, phase: Phase, node: string | undefined, seen: string, cause: unknown): ProvisionError {
  const daemon = uri.session
    ? "start it as the user whose it is: libvirtd -d"
    : "start it: systemctl start libvirtd; without systemd: virtlogd -d && libvirtd -d";
  return new ProvisionError({
    code: "libvirt-down",
    phase,
    node,
    seen: `libvirt at ${uri.text} does not answer (${seen})`,
    hint: uri.remote ? `see why \`virsh -c '${uri.text}' uri\` fails` : daemon,
    cause,
  });
}
