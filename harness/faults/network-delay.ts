// Decides how a machine's packets are delayed and lost: in the guest, by its kernel's netem, which a reboot forgets and no disk has. Refuses
// containers, whose packets pass the kernel of this host, and cards whose queue the image has set up.
import { type Breaking, faultsOf } from "../lifecycle/faults.ts";
import { callSite } from "../model/call-site.ts";
import { type Duration, durationMs } from "../model/duration.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import type { Fault } from "../model/fault.ts";
import type { ContainerNode, VmNode } from "../model/node.ts";

/** What is to be done to each packet that leaves a card. */
export interface Impairment {
  readonly delayMs: number;
  /** From 0 to 1. */
  readonly loss: number;
}

/** Ours is told by it from what an image sets up. */
const handle = "a55a:";
/** Packets that wait at most: netem's own limit of 1000 would lose some where only delay was asked for. */
const mostWaiting = 100_000;
const longestMs = 60_000;

/**
 * Delays what `node` sends on `network`, every packet by the same time: a ping to it and from it takes that much longer. What it receives is
 * not delayed: give the other end its own latency for that. Several add up, and go with `loss` on the same card.
 *
 * Machines only; the guest needs `tc` (iproute2) and the kernel module `sch_netem`. Nothing is written to its disk, and a reboot forgets it.
 * Healed at the latest when the test ends. A `transport: "ssh"` over that network is delayed as well. Rejects with a `DeclarationError`:
 * `no-netem` (a container), `no-network`, `bad-duration`; and with a `ProvisionError`: `no-netem` (the guest lacks it), `queue-taken`.
 *
 * @example
 * await using slow = await latency(dev, "lan", "200ms");
 */
export async function latency(node: VmNode, network: string, delay: Duration): Promise<Fault> {
  const at = callSite();
  const delayMs = durationMs(delay, at);
  if (delayMs <= 0 || delayMs > longestMs)
    throw new DeclarationError({ code: "bad-duration", at, seen: `a latency of ${delay} is not within 1ms and 60s` });
  return impair(node, network, { delayMs, loss: 0 }, `${delay} of latency`, at);
}

/**
 * Loses a share of the packets that `node` sends on `network`, each by chance: `0.3` is three of ten, `1` all. What it receives is not lost.
 * Otherwise like `latency`; `bad-share` for what is not above 0 and at most 1.
 *
 * @example
 * const rain = await loss(dev, "lan", 0.3);
 * await rain.heal();
 */
export async function loss(node: VmNode, network: string, share: number): Promise<Fault> {
  const at = callSite();
  if (!(share > 0 && share <= 1))
    throw new DeclarationError({ code: "bad-share", at, seen: `${share} is no share of packets`, hint: "0.3 is 30 %" });
  return impair(node, network, { delayMs: 0, loss: share }, `loss of ${percent(share)}`, at);
}

/** What stands on each card, by the machine's id and the card's address. */
const standing = new Map<string, Map<symbol, Impairment>>();
/** Changes of one card come one after another. */
const turns = new Map<string, Promise<void>>();

async function impair(
  node: VmNode,
  network: string,
  what: Impairment,
  words: string,
  at: string | undefined,
): Promise<Fault> {
  if ((node as VmNode | ContainerNode).kind !== "vm")
    throw new DeclarationError({
      code: "no-netem",
      at,
      node: node.title,
      seen: `${node.title} is no virtual machine: a container's packets pass the kernel of its host, which is not ours to slow down`,
      hint: "put it on a machine, and give that the latency or the loss",
    });
  const faults = faultsOf(node, at);
  const mac = (await node.cards()).find((card) => card.network === network)?.mac;
  if (mac === undefined)
    throw new DeclarationError({
      code: "no-network",
      at,
      node: node.title,
      seen: `it is not on a network "${network}"`,
    });
  const key = `${node.id} ${mac}`;
  const mine = Symbol(words);
  const change = (wanted: (all: Map<symbol, Impairment>) => void) => inTurn(key, () => settle(node, mac, key, wanted));
  const breaking: Breaking = {
    title: `${words} of what ${node.title} sends on ${network}`,
    apply: () => change((all) => all.set(mine, what)),
    undo: () => change((all) => all.delete(mine)),
  };
  return faults.begin(breaking);
}

function inTurn(key: string, work: () => Promise<void>): Promise<void> {
  const done = (turns.get(key) ?? Promise.resolve()).catch(() => undefined).then(work);
  turns.set(key, done);
  return done;
}

/** Makes the card's queue what is wanted from now on. It is that of the machine only when the guest has said so. */
async function settle(
  node: VmNode,
  mac: string,
  key: string,
  change: (all: Map<symbol, Impairment>) => void,
): Promise<void> {
  const root = node.as("0");
  const device = await deviceOf(root, mac);
  const queue = queueIn(await tc(root, ["-j", "qdisc", "show", "dev", device, "root"]));
  if (queue === "taken")
    throw new ProvisionError({
      code: "queue-taken",
      phase: "exec",
      node: node.title,
      seen: `${device} has a queue that was set up in the guest, and it would be lost`,
      hint: "tc qdisc show says which",
    });
  // A machine that started again, or was brought back, has forgotten what stood.
  const wanted = new Map(queue === "ours" ? standing.get(key) : []);
  change(wanted);
  const all = together([...wanted.values()]);
  if (all !== undefined) await tc(root, ["qdisc", "replace", "dev", device, "root", "handle", handle, ...netem(all)]);
  else if (queue === "ours") await tc(root, ["qdisc", "del", "dev", device, "root"]);
  standing.set(key, wanted);
}

/** What several do to a packet that has to pass them all; `undefined` for none. */
export function together(all: readonly Impairment[]): Impairment | undefined {
  if (all.length === 0) return undefined;
  return {
    delayMs: all.reduce((sum, { delayMs }) => sum + delayMs, 0),
    loss: 1 - all.reduce((passing, { loss }) => passing * (1 - loss), 1),
  };
}

/** Words for tc. @example netem({ delayMs: 200, loss: 0.3 }) // ["netem", "limit", "100000", "delay", "200ms", "loss", "30%"] */
export function netem({ delayMs, loss }: Impairment): readonly string[] {
  return [
    ...["netem", "limit", String(mostWaiting)],
    ...(delayMs > 0 ? ["delay", `${delayMs}ms`] : []),
    ...(loss > 0 ? ["loss", percent(loss)] : []),
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(6))}%`;
}

/** Whose a card's first queue is, in what `tc -j qdisc show` prints. The kernel's own have no handle. */
export function queueIn(listing: string): "kernel's" | "ours" | "taken" {
  const [first] = JSON.parse(listing.trim() || "[]") as { kind: string; handle: string }[];
  if (first === undefined || first.handle === "0:") return "kernel's";
  return first.kind === "netem" && first.handle === handle ? "ours" : "taken";
}

/** The guest's name of the card. */
async function deviceOf(root: VmNode, mac: string): Promise<string> {
  const links = JSON.parse(await told(root, ["ip", "-j", "link", "show"])) as { ifname: string; address?: string }[];
  const found = links.find(({ address }) => address?.toLowerCase() === mac);
  if (found !== undefined) return found.ifname;
  throw lacking(root, `the guest shows no card with the address ${mac}`);
}

function tc(root: VmNode, words: readonly string[]): Promise<string> {
  return told(root, ["tc", ...words]);
}

async function told(root: VmNode, command: readonly [string, ...string[]]): Promise<string> {
  const { status, stdout, stderr } = await root.exec(command);
  if (status === 0) return stdout;
  throw lacking(root, status === 127 ? `the guest has no ${command[0]}` : stderr.trim().split("\n").join(" "));
}

function lacking(node: VmNode, seen: string): ProvisionError {
  return new ProvisionError({
    code: "no-netem",
    phase: "exec",
    node: node.title,
    seen,
    hint: "latency and loss need iproute2 and the kernel module sch_netem in the guest",
  });
}
