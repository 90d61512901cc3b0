// Decides how memory and disks of machines are kept and brought back, all of them at one moment, and that a machine which was
// brought back is clean: the clock is right, the random pool is its own, and what was there since is not.
import { randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Probe } from "../model/check.ts";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { freshScript, placeFresh, removeFresh } from "./libvirt-fresh.ts";
import type { KeptMoment, Machine } from "./libvirt-machine.ts";
import { snapshotDelete, snapshotLoad, snapshotSave } from "./libvirt-qmp-jobs.ts";

/** Taken when a machine is ready; what `reset` goes back to. */
export const readySnapshot = "-ready";
/** Taken of an environment of several, or with containers on a machine; what the driver's `rewind` goes back to. */
export const markSnapshot = "-mark";

const canaryPatienceMs = 2_000;
/** A guest that runs answers its shells at once. */
const goingOnMs = 10_000;
const canaries = "/run/.assay-canary /var/tmp/.assay-canary";

/**
 * Keeps memory and disks under a name, of all machines at one moment. They stand still meanwhile. A name is used anew. `still` is
 * called when that is done, before they run on: their disks' files are then complete, and nobody writes to them.
 */
export async function saveAll(
  machines: readonly Machine[],
  tag: string,
  still: (machine: Machine) => Promise<void> = async () => undefined,
): Promise<void> {
  await Promise.all(machines.map((machine) => machine.transport.exec(placeFresh())));
  const moments = await allAtRest(machines);
  let kept = false;
  try {
    await Promise.all(machines.map((machine) => machine.qmp.stop()));
    await Promise.all(
      machines.map(async (machine, index) => {
        const failed = async (error: unknown) => {
          throw await notDone(machine, "kept", error);
        };
        if (machine.snapshots.delete(tag)) await snapshotDelete(machine.qmp, tag).catch(failed);
        await snapshotSave(machine.qmp, tag).catch(failed);
        machine.snapshots.set(tag, moments[index] as KeptMoment);
        await still(machine);
      }),
    );
    kept = true;
  } finally {
    // They run on whatever became of it.
    await Promise.allSettled(machines.map(async (machine) => machine.qmp.cont()));
    const goingOn = Promise.all(moments.map(({ transport, moment }) => transport.resume(moment)));
    // Where there was no room, QEMU stops a guest again at its next write: it says nothing, and what failed is told all the same.
    await (kept
      ? goingOn
      : Promise.race([goingOn.catch(() => undefined), pause(goingOnMs, undefined, { ref: false })]));
  }
  await Promise.all(machines.map((machine) => machine.transport.exec(removeFresh)));
}

/** Where one cannot be brought to rest, the others go on. */
async function allAtRest(machines: readonly Machine[]): Promise<readonly KeptMoment[]> {
  const came = await Promise.allSettled(machines.map((machine) => machine.quiesce()));
  const moments = came.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const refused = came.find((each) => each.status === "rejected");
  if (refused === undefined) return moments;
  await Promise.all(moments.map(({ transport, moment }) => transport.resume(moment)));
  throw refused.reason;
}

/**
 * Brings all machines back to what `saveAll` kept, before any of them runs on. A machine that is off, has other devices than
 * then, or has started again since gets a new QEMU. Rejects with `no-snapshot`, `not-clean` or `snapshot-failed`.
 */
export async function loadAll(machines: readonly Machine[], tag: string): Promise<void> {
  const moments = machines.map((machine) => {
    const kept = machine.snapshots.get(tag);
    if (kept !== undefined) return kept;
    throw new ProvisionError({
      code: "no-snapshot",
      phase: "ready",
      node: machine.facts.title,
      seen: "the moment to go back to was never kept",
    });
  });
  const marked = await Promise.all(machines.map(leaveCanary));
  // Shells of then are there again, and go on; those of now are of a time that never was.
  const same = machines.map((machine, index) => machine.stillConnected(moments[index] as KeptMoment));
  for (const [index, { transport, moment }] of moments.entries()) if (same[index] === true) transport.hold(moment);
  await Promise.all(
    machines.map(async (machine, index) => {
      // The ports of a guest that has started again since are not as they were then, and QEMU does not bring them back.
      if (machine.life.over || machine.plugged.size > 0 || same[index] !== true) {
        if (!machine.life.over) await machine.powerOff();
        await machine.powerOn({ paused: true });
      } else await machine.qmp.stop();
    }),
  );
  await Promise.all(
    machines.map((machine) =>
      snapshotLoad(machine.qmp, tag).catch(async (error: unknown) => {
        throw await notDone(machine, "brought back", error);
      }),
    ),
  );
  for (const machine of machines) machine.life.revive();
  await Promise.all(machines.map((machine, index) => (same[index] === true ? undefined : machine.reconnect())));
  await Promise.all(machines.map((machine) => machine.qmp.cont()));
  await Promise.all(
    machines.map(async (machine, index) => {
      const { transport, moment } = moments[index] as KeptMoment;
      if (same[index] === true && machine.transport.present === transport) await transport.resume(moment);
      else await machine.greetAgain(AbortSignal.timeout(30_000));
      await refresh(machine, marked[index] === true);
    }),
  );
}

/** Something that must be gone afterwards, in memory and on disk. A guest that no longer answers cannot be asked for it. */
async function leaveCanary(machine: Machine): Promise<boolean> {
  if (!machine.life.answers || !machine.transport.connected) return false;
  const left = machine.transport.observe(ran, `for f in ${canaries}; do : >"$f"; done`).then(
    ({ status }) => status === 0,
    () => false,
  );
  // A guest that hangs answers nothing, and need not.
  return Promise.race([left, pause(canaryPatienceMs, false, { ref: false })]);
}

/** A question this quick says when it was answered, nearly enough: the clock is then wrong by half of it at most. */
const quickMs = 100;

/**
 * When the guest's count of its uptime was zero, in milliseconds since the epoch. It is not what the snapshot would say where
 * the guest counts an emulated processor's ticks, which never go back. Asked again while the answer was slow: the first question may have to connect, and start a shell.
 */
async function beginningOf({ transport }: Machine): Promise<number> {
  let best = { tookMs: Number.POSITIVE_INFINITY, beganMs: 0 };
  for (let tries = 0; tries < 3 && best.tookMs > quickMs; tries += 1) {
    const asked = Date.now();
    const uptimeMs = await transport.observe(uptime, "");
    const answered = Date.now();
    const tookMs = answered - asked;
    if (tookMs < best.tookMs) best = { tookMs, beganMs: (asked + answered) / 2 - uptimeMs };
  }
  return best.beganMs;
}

/**
 * The guest of another QEMU's snapshot, in this one that is paused: `unplug` what it must not touch before it is its own. Rejects with what
 * QEMU says.
 */
export async function loadOther(machine: Machine, tag: string, unplug: () => Promise<void>): Promise<void> {
  await snapshotLoad(machine.qmp, tag);
  await unplug();
  machine.life.revive();
  await machine.transport.become(machine.facts.access.byPorts());
  await machine.qmp.cont();
}

/** Makes a guest's clock right and its random pool its own. Rejects with `not-fresh`. */
export function freshen(machine: Machine): Promise<void> {
  return refresh(machine, false);
}

/** What the guest counts; then, in one round trip, the clock, the random pool, and whether the canary is gone. */
async function refresh(machine: Machine, marked: boolean): Promise<void> {
  const { title } = machine.facts;
  const beganMs = await beginningOf(machine);
  const clean = `for f in ${canaries}; do [ ! -e "$f" ] || exit ${canaryLives}; done`;
  const { status, seen } = await machine.transport.observe(ran, freshScript(beganMs, randomBytes(48), clean));
  if (status === canaryLives && marked)
    throw new ProvisionError({
      code: "not-clean",
      phase: "ready",
      node: title,
      seen: "what was written after the snapshot is still there after it was brought back",
      hint: "this is a fault of QEMU or of Assay: keep the evidence",
    });
  if (status === 0 || status === canaryLives) return;
  throw new ProvisionError({
    code: "not-fresh",
    phase: "ready",
    node: title,
    seen: `clock and random pool could not be set after the snapshot was brought back: ${seen || `status ${status}`}`,
  });
}

const canaryLives = 73;

/** Milliseconds since the guest's kernel started. As a probe: no shell is started for it. */
const uptime: Probe<string, number> = {
  name: "uptime",
  script: () => "IFS=' ' read -r up rest </proc/uptime && echo \"$up\"",
  parse: ({ stdout }) => [Number(stdout.toString()) * 1000],
};

/** Runs the script that is its subject. */
export const ran: Probe<string, { status: number; seen: string }> = {
  name: "script",
  script: ([script]) => script ?? "",
  parse: ({ status, stderr }) => [{ status, seen: stderr.trim() }],
};

/** Less than this left on the disk means that it was full: QEMU's words name errors of the system by other numbers than its cause's. */
const nearlyNothing = 16 * 1024 ** 2;

async function notDone({ facts }: Machine, what: string, cause: unknown): Promise<ProvisionError> {
  const { bavail, bsize } = await statfs(facts.files.directory).catch(() => ({ bavail: Number.NaN, bsize: 1 }));
  const full = bavail * bsize < nearlyNothing;
  return new ProvisionError({
    code: full ? "no-space" : "snapshot-failed",
    phase: "ready",
    node: facts.title,
    seen: `memory and disks could not be ${what}: ${messageOf(cause)}${full ? `, and ${facts.files.directory} has no room left` : ""}`,
    hint: full ? "free space below the state directory" : undefined,
    cause,
  });
}
