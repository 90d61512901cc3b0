// Decides how memory and disks of machines are kept and brought back, all of them at one moment, and that a machine which was
// brought back is clean: the clock is right, the random pool is its own, and what was there since is not.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { ProvisionError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { KeptMoment, Machine } from "./libvirt-machine.ts";
import { snapshotDelete, snapshotLoad, snapshotSave } from "./libvirt-qmp-jobs.ts";

/** Taken when a machine is ready; what `reset` goes back to. */
export const readySnapshot = "-ready";
/** Taken of a whole environment; what the driver's `rewind` goes back to. */
export const markSnapshot = "-mark";

const canaryPatienceMs = 2_000;
const canaries = "/run/.assay-canary /var/tmp/.assay-canary";

/** Keeps memory and disks under a name, of all machines at one moment. They stand still meanwhile. A name is used anew. */
export async function saveAll(machines: readonly Machine[], tag: string): Promise<void> {
  const moments = await Promise.all(machines.map((machine) => machine.quiesce()));
  try {
    await standingStill(machines, () =>
      Promise.all(
        machines.map(async (machine, index) => {
          const failed = (error: unknown) => Promise.reject(notDone(machine, "kept", error));
          if (machine.snapshots.delete(tag)) await snapshotDelete(machine.qmp, tag).catch(failed);
          await snapshotSave(machine.qmp, tag).catch(failed);
          machine.snapshots.set(tag, moments[index] as KeptMoment);
        }),
      ),
    );
  } finally {
    await Promise.all(moments.map(({ transport, moment }) => transport.resume(moment)));
  }
}

/**
 * Brings all machines back to what `saveAll` kept, before any of them runs on. A machine that is off, or has other devices than
 * then, gets a new QEMU. Rejects with `no-snapshot`, `not-clean` or `snapshot-failed`.
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
    machines.map(async (machine) => {
      if (machine.life.over || machine.plugged.size > 0) {
        if (!machine.life.over) await machine.powerOff();
        await machine.powerOn({ paused: true });
      } else await machine.qmp.stop();
    }),
  );
  await Promise.all(
    machines.map((machine) =>
      snapshotLoad(machine.qmp, tag).catch((error: unknown) => Promise.reject(notDone(machine, "brought back", error))),
    ),
  );
  for (const machine of machines) machine.life.revive();
  await Promise.all(machines.map((machine, index) => (same[index] === true ? undefined : machine.reconnect())));
  await Promise.all(machines.map((machine) => machine.qmp.cont()));
  await Promise.all(
    machines.map(async (machine, index) => {
      const { transport, moment } = moments[index] as KeptMoment;
      if (same[index] === true && machine.transport.present === transport) await transport.resume(moment);
      else await greetedAgain(machine);
      await refresh(machine, marked[index] === true);
    }),
  );
}

/** Another connection, or another QEMU: the guest says who it is, and a shell is opened before the time of day is read. */
async function greetedAgain(machine: Machine): Promise<void> {
  await machine.greetAgain(AbortSignal.timeout(30_000));
  await machine.transport.exec(["true"]);
}

/** Runs `work` while none of the machines runs. They run on whatever becomes of it. */
async function standingStill<Result>(machines: readonly Machine[], work: () => Promise<Result>): Promise<Result> {
  await Promise.all(machines.map((machine) => machine.qmp.stop()));
  try {
    return await work();
  } finally {
    await Promise.all(machines.map((machine) => machine.qmp.cont()));
  }
}

/** Something that must be gone afterwards, in memory and on disk. A guest that no longer answers cannot be asked for it. */
async function leaveCanary(machine: Machine): Promise<boolean> {
  if (!machine.life.answers || !machine.transport.connected) return false;
  const script = shell(`for f in ${canaries}; do : >"$f"; done`);
  const left = machine.transport.exec(script, { timeoutMs: canaryPatienceMs }).then(
    ({ status }) => status === 0,
    () => false,
  );
  // Its own deadline kills what it started, and a guest that hangs does not answer to that either.
  return Promise.race([left, pause(canaryPatienceMs, false, { ref: false })]);
}

/** One round trip: the clock, the random pool, and whether the canary is gone. */
async function refresh(machine: Machine, marked: boolean): Promise<void> {
  const { title } = machine.facts;
  const script = freshScript(Date.now(), randomBytes(64));
  const { status, stderr } = await machine.transport.exec(shell(script), { timeoutMs: 30_000 });
  if (status === canaryLives && marked)
    throw new ProvisionError({
      code: "not-clean",
      phase: "ready",
      node: title,
      seen: "what was written after the snapshot is still there after it was brought back",
      hint: "this is a fault of QEMU or of Assay: keep the evidence",
    });
  if (status !== 0 && status !== canaryLives)
    throw new ProvisionError({
      code: "not-fresh",
      phase: "ready",
      node: title,
      seen: `clock and random pool could not be set after the snapshot was brought back: ${stderr.trim() || `status ${status}`}`,
    });
}

const canaryLives = 73;

/**
 * Sets the clock and gives the random pool bytes of its own, then says whether the canary is there. Perl does it in one process
 * where it is, which is nearly everywhere that Debian is; else date sets the clock, and the pool is mixed but not reseeded at once.
 */
export function freshScript(nowMs: number, entropy: Uint8Array): string {
  const octal = [...entropy].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  const seconds = Math.floor(nowMs / 1000);
  const nanoseconds = (nowMs % 1000) * 1_000_000;
  const perl = [
    `my $s = pack("q2", ${seconds}, ${nanoseconds});`,
    `syscall(227, 0, $s) == 0 or die "clock_settime: $!\\n";`,
    `open(my $r, ">", "/dev/urandom") or die "urandom: $!\\n";`,
    'syswrite($r, join("", map { chr(oct($_)) } split(/\\\\/, substr($ARGV[0], 1))));',
    `ioctl($r, 0x5207, 0) or die "RNDRESEEDCRNG: $!\\n";`,
  ].join(" ");
  return [
    `if command -v perl >/dev/null; then perl -e '${perl}' '${octal}' || exit 1`,
    `else date -u -s @${seconds}.${String(nanoseconds).padStart(9, "0")} >/dev/null || date -u -s @${seconds} >/dev/null || exit 1`,
    `printf '${octal}' >/dev/urandom || exit 1; fi`,
    `for f in ${canaries}; do [ ! -e "$f" ] || exit ${canaryLives}; done`,
  ].join("\n");
}

function notDone(machine: Machine, what: string, cause: unknown): ProvisionError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const full = /No space left on device/.test(said);
  return new ProvisionError({
    code: full ? "no-space" : "snapshot-failed",
    phase: "ready",
    node: machine.facts.title,
    seen: `memory and disks could not be ${what}: ${said}`,
    hint: full ? "free space below the state directory" : undefined,
    cause,
  });
}
