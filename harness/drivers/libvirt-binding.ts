// Decides what the binding is used for: what it covers of domains, in this process and a hundred times quicker than a virsh. Everything
// else goes to virsh. Its native calls run on libuv's threads; it gives no error codes, and cannot tell that a connection broke.
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { DomainState } from "./libvirt-client.ts";
import { answerMs, CallFailed, type LibvirtCalls, slowAnswerMs, unanswered } from "./libvirt-client-calls.ts";
import type { LibvirtUri } from "./libvirt-client-uri.ts";
import { checkXml } from "./libvirt-schema.ts";

type Binding = typeof import("@unraid/libvirt");
type Hypervisor = InstanceType<Binding["Hypervisor"]>;
type Domain = InstanceType<Binding["Domain"]>;

/** virDomainState as it is numbered. A blocked domain waits for a device, and one that is shutting down still runs. */
const states: readonly DomainState[] = [
  "other",
  "running",
  "running",
  "paused",
  "running",
  "shutoff",
  "other",
  "other",
];

/**
 * Carries by the binding what it covers, the rest by `virsh`. Rejects with `binding-missing` where it is not installed or does not
 * load. Connects at the first call.
 */
export async function bindingCalls(uri: LibvirtUri, virsh: LibvirtCalls): Promise<LibvirtCalls> {
  let binding: Binding;
  try {
    // It is the native part that a machine may lack, and that is loaded when a connection is made.
    binding = await import("@unraid/libvirt");
    new binding.Hypervisor({ uri: uri.text });
  } catch (cause) {
    throw new ProvisionError({
      code: "binding-missing",
      phase: "setup",
      seen: `the npm package @unraid/libvirt does not load (${messageOf(cause)})`,
      hint: "apt-get install libvirt-dev, then npm rebuild --foreground-scripts @unraid/libvirt; or go through virsh",
      cause,
    });
  }
  return { ...virsh, ...overConnection(new Connection(binding, uri, virsh)) };
}

function overConnection(connection: Connection): Partial<LibvirtCalls> {
  return {
    ping: () => connection.ping(),
    domains: () =>
      connection.call(async (hypervisor, keep) => {
        const domains = keep(await hypervisor.connectListAllDomains());
        const entries = domains.map(async (domain) => {
          const [name, uuid] = await Promise.all([domain.getName(), domain.getUUIDString()]);
          const info = await domain.getInfo().catch(async () => {
            // One that ends while it is looked at is gone; where nobody answers, nothing is known.
            await hypervisor.connectGetHostname();
            return undefined;
          });
          return info === undefined ? undefined : { name, uuid, state: states[info.state] ?? ("other" as const) };
        });
        return (await Promise.all(entries)).filter((entry) => entry !== undefined);
      }),
    domainXml: (name) =>
      connection.call(async (hypervisor, keep) => {
        const [domain] = keep([await hypervisor.domainLookupByName(name)]);
        return (await domain?.getXMLDesc()) ?? "";
      }),
    domainXmls: (uuids) =>
      connection.call(async (hypervisor, keep) => {
        const wanted = new Set(uuids);
        const domains = keep(await hypervisor.connectListAllDomains());
        const pairs = domains.map(async (domain) => {
          const uuid = await domain.getUUIDString();
          if (!wanted.has(uuid)) return [];
          const xml = await domain.getXMLDesc().catch(() => undefined);
          return xml === undefined ? [] : [[uuid, xml] as const];
        });
        return new Map((await Promise.all(pairs)).flat());
      }),
    async createDomain(xml, paused) {
      // The binding has no flag for it.
      if (paused) return connection.virsh.createDomain(xml, paused);
      await checkXml("domain", xml);
      return connection.call(
        async (hypervisor, keep) => void keep([await hypervisor.domainCreateXML(xml)]),
        slowAnswerMs,
      );
    },
    destroyDomain: (name) =>
      connection.call(async (hypervisor, keep) => {
        const [domain] = keep([await hypervisor.domainLookupByName(name)]);
        await domain?.destroy();
      }),
    close: () => connection.close(),
  };
}

/** One connection, made anew when it broke: what it is asked is asked on one that has just answered. */
class Connection {
  readonly virsh: LibvirtCalls;
  readonly #binding: Binding;
  readonly #uri: LibvirtUri;
  /** Native calls do not hold on to the domains they are about. */
  readonly #kept = new Set<readonly Domain[]>();
  #opened: Promise<Hypervisor> | undefined;

  constructor(binding: Binding, uri: LibvirtUri, virsh: LibvirtCalls) {
    this.#binding = binding;
    this.#uri = uri;
    this.virsh = virsh;
  }

  async ping(): Promise<void> {
    await this.#live();
  }

  async call<Answer>(
    ask: (hypervisor: Hypervisor, keep: <Kept extends readonly Domain[]>(domains: Kept) => Kept) => Promise<Answer>,
    timeoutMs = answerMs,
  ): Promise<Answer> {
    const hypervisor = await this.#live();
    const kept: (readonly Domain[])[] = [];
    const keep = <Kept extends readonly Domain[]>(domains: Kept): Kept => {
      kept.push(domains);
      this.#kept.add(domains);
      return domains;
    };
    try {
      return await answered(ask(hypervisor, keep), timeoutMs);
    } finally {
      for (const domains of kept) this.#kept.delete(domains);
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.then((hypervisor) => answered(hypervisor.connectClose())).catch(() => undefined);
  }

  /** A connection on which the daemon has just answered. */
  async #live(): Promise<Hypervisor> {
    const opened = this.#opened;
    if (opened !== undefined) {
      const hypervisor = await opened.catch(() => undefined);
      if (hypervisor !== undefined && (await answersNow(hypervisor))) return hypervisor;
      // Several may find it broken: the first makes the new one.
      if (this.#opened === opened) this.#opened = undefined;
    }
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<Hypervisor> {
    const hypervisor = new this.#binding.Hypervisor({ uri: this.#uri.text });
    await answered(hypervisor.connectOpen());
    return hypervisor;
  }
}

/** The binding's list of ids is not asked: it is empty for a broken connection too. */
function answersNow(hypervisor: Hypervisor): Promise<boolean> {
  return answered(hypervisor.connectGetHostname()).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ProvisionError) throw error;
      return false;
    },
  );
}

/** An answer within the deadline. A call that gives none keeps one of libuv's threads: nothing can end it. */
async function answered<Answer>(call: Promise<Answer>, timeoutMs = answerMs): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(unanswered(timeoutMs)), timeoutMs);
  try {
    return await Promise.race([call, promise]);
  } catch (error) {
    throw error instanceof ProvisionError ? error : new CallFailed(messageOf(error));
  } finally {
    clearTimeout(timer);
  }
}
