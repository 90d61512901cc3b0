// Decides how a machine starts from the memory of one like it that was ready in an earlier run, and how its own is kept for the next:
// nobody sees it before it has its own identity, and whatever goes wrong, it boots instead and says why.
import { cpus } from "node:os";
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { noneFailed } from "../model/no-failed-units.ts";
import type { Machine } from "./libvirt-machine.ts";
import { snapshotDelete } from "./libvirt-qmp-jobs.ts";
import { freshen, loadOther, ran, readySnapshot, saveAll } from "./libvirt-snapshot.ts";
import {
  broughtByImage,
  type Identity,
  identity,
  identityScript,
  notToBeKept,
  restTimers,
  stepFailed,
} from "./libvirt-warm-identity.ts";

/** Where machines are kept from run to run. Several processes may use it at the same time. */
export interface KeptMachines {
  /** Copies what is kept under a key over files that are there, by name. Resolves with why it did not, or not all; never rejects. */
  take(
    key: string,
    host: string,
    places: ReadonlyMap<string, string>,
  ): Promise<{ readonly words: unknown } | { readonly why: string; readonly touched?: true }>;
  /** Copies files of a machine that stands still; what it resolves with publishes them. `undefined`: it is not needed, or there is no room. */
  keep(
    key: string,
    kept: {
      readonly host: string;
      /** The image below the disk. */
      readonly base: string;
      readonly files: ReadonlyMap<string, string>;
      readonly words: unknown;
    },
  ): Promise<(() => Promise<void>) | undefined>;
  forget(key: string): Promise<void>;
}

/** What a machine needs to be kept, and to start from what is kept. */
export interface WarmFacts {
  readonly room: KeptMachines;
  /** The same for machines that are alike: `likenessOf`. */
  readonly key: string;
  /** What a memory is good for: emulator, processor. */
  readonly host: string;
  /** Image below the overlay. */
  readonly base: string;
  /** Files of the machine that hold its state. */
  readonly files: readonly string[];
  /** MAC addresses of its cards, in the order of the declaration. */
  readonly macs: readonly string[];
  /** Makes the machine's disks anew, as for a boot. */
  readonly anew: () => Promise<void>;
}

/** What is asked of each machine behind its tests: who starts from the memory of one that has run these need not read them from an emulated disk. */
const rehearsal = `${noneFailed}
{ none_failed || systemctl list-units --all --state=failed; journalctl --boot --lines=1; bash -c :; dd count=0; } </dev/null >/dev/null 2>&1
:`;

/** What was known of a machine when it was kept. */
export interface KeptWords {
  readonly identity: Identity;
  readonly macs: readonly string[];
}

/** How long a guest may take for what a boot has long done: an emulated one on a busy host. */
const patienceMs = 60_000;

/** `QEMU 7.2.22 of libvirt 9.0.0, qemu, on …`: a memory is loaded by what it was saved by. */
export function hostWords(version: { readonly libvirt: string; readonly qemu: string }, accelerator: string): string {
  return `QEMU ${version.qemu} of libvirt ${version.libvirt} (${accelerator}) on ${cpus()[0]?.model ?? "an unknown processor"}`;
}

/** Files of the machine by the names that they are kept under. */
function placesOf({ files }: WarmFacts): ReadonlyMap<string, string> {
  return new Map(files.map((path) => [basename(path), path]));
}

/** Before the machine is powered on: puts what is kept in the place of its own files. Resolves with whether there was something. */
export async function takeKept(machine: Machine): Promise<boolean> {
  const { warm } = machine.facts;
  if (warm === undefined) return false;
  const taken = await warm.room.take(warm.key, warm.host, placesOf(warm));
  if ("words" in taken) {
    machine.kept = taken.words as KeptWords;
    return true;
  }
  machine.whyBooted = taken.why;
  if (taken.touched === true) await warm.anew();
  return false;
}

/**
 * The machine was powered on: resolves when it is `ready`. With kept files it stands, paused, and is brought to life as a machine of its own;
 * where that fails it boots instead, once.
 */
export async function readyByWhatIsKept(machine: Machine, ready: () => Promise<void>): Promise<void> {
  const { kept } = machine;
  const { warm } = machine.facts;
  if (kept === undefined || warm === undefined) return ready();
  try {
    await wake(machine, warm, kept);
    await ready();
    machine.start = "warm";
  } catch (error) {
    await bootInstead(machine, warm, error);
    await ready();
  }
}

/** Rejects with what went wrong; the machine is then good for nothing but `bootInstead`. */
async function wake(machine: Machine, warm: WarmFacts, kept: KeptWords): Promise<void> {
  const { qmp } = machine;
  const link = (up: boolean) =>
    Promise.all(warm.macs.map((_, index) => qmp.execute("set_link", { name: `net${index}`, up })));
  const cards = warm.macs.map((mac, index) => [kept.macs[index] ?? mac, mac] as const);
  const [script] = await Promise.all([
    identityScript(kept.identity, { cards, ssh: machine.facts.access.keys }),
    // Its old address is another's by now, perhaps.
    loadOther(machine, readySnapshot, async () => void (await link(false))),
  ]);
  await inTime("greet", machine.greetAgain(AbortSignal.timeout(patienceMs)));
  await step(machine, restTimers(kept.identity));
  await freshen(machine);
  await step(machine, script);
  await link(true);
  await step(machine, untilAddressed(machine, kept));
  // The next one is of the machine as it is now.
  await snapshotDelete(qmp, readySnapshot);
  if (machine.facts.access.keys !== undefined) await machine.reconnect();
}

/** A lease was there when the machine was ready: it is waited for by what waited for it then. */
function untilAddressed({ facts }: Machine, { identity: { services } }: KeptWords): string {
  if (facts.cards.length === 0 || !services.includes("systemd-networkd.service")) return ":";
  return "/lib/systemd/systemd-networkd-wait-online --ipv4 --timeout=45 || exit 85";
}

async function step(machine: Machine, script: string): Promise<void> {
  if (script === ":") return;
  const { status, seen } = await inTime("become a machine of its own", machine.transport.observe(ran, script));
  if (status === 0) return;
  throw new ProvisionError({
    code: "not-fresh",
    phase: "ready",
    node: machine.facts.title,
    seen: `${stepFailed.get(status) ?? `its identity could not be made (status ${status})`}${seen === "" ? "" : `: ${seen}`}`,
  });
}

/** A guest that hangs answers nothing. */
async function inTime<Answer>(what: string, work: Promise<Answer>): Promise<Answer> {
  const over = new AbortController();
  work.catch(() => undefined);
  try {
    return await Promise.race([
      work,
      pause(patienceMs, undefined, { signal: over.signal, ref: false }).then((): never => {
        throw new ProvisionError({
          code: "deadline",
          phase: "ready",
          seen: `the guest did not ${what} within ${patienceMs / 1000} s`,
        });
      }),
    ]);
  } finally {
    over.abort();
  }
}

/** What was kept did not come to life: away with it, and with the QEMU that tried. */
async function bootInstead(machine: Machine, warm: WarmFacts, error: unknown): Promise<void> {
  await warm.room.forget(warm.key);
  await machine.powerOff();
  await warm.anew();
  machine.whyBooted = `what was kept did not come to life, and was removed: ${messageOf(error)}`;
  await machine.powerOn();
}

/**
 * Keeps the ready state for `reset`, and a copy of the machine for the next run where it booted and there is none. Resolves with what
 * publishes the copy; the machine runs on already.
 */
export async function standAndKeep(machine: Machine): Promise<(() => Promise<void>) | undefined> {
  const { warm } = machine.facts;
  const seen = warm === undefined || machine.start === "warm" ? undefined : await askIdentity(machine, warm.base);
  if (seen !== undefined) await machine.transport.observe(ran, rehearsal).catch(() => undefined);
  let publish: (() => Promise<void>) | undefined;
  await saveAll([machine], readySnapshot, async () => {
    if (warm === undefined || seen === undefined) return;
    // It stands already: what QEMU still holds back of the disks' tables is written.
    await machine.qmp.stop();
    const words: KeptWords = { identity: seen, macs: warm.macs };
    const { host, base } = warm;
    // A machine that cannot be kept is no worse for it.
    publish = await warm.room.keep(warm.key, { host, base, files: placesOf(warm), words }).catch(() => undefined);
  });
  return publish;
}

/** What it would take to make another of the machine. `undefined` when none can be made. */
async function askIdentity(machine: Machine, image: string): Promise<Identity | undefined> {
  const seen = await machine.transport.observe(identity, "").catch(() => undefined);
  if (seen === undefined || notToBeKept(seen) !== undefined) return undefined;
  // An image that cannot be read may hold anything.
  const brought = await broughtByImage(seen.marks, image).catch(() => seen.marks[0]);
  return brought === undefined ? seen : undefined;
}
