// Decides what a boot has made that is one machine's alone, and how a machine that starts from another's memory gets its own: id, host
// keys, seeds, cards, leases. What the image brought stays as it is: an image that has a host key in it is to be found out.
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type Probe, quoteWord } from "../model/check.ts";
import { authorizedKeysPath, hostKeyPath, type SshAccess, sshUnit } from "../transports/guest-files.ts";
import { makeKeyPair } from "../transports/ssh-keys.ts";

/** A key of the guest's own ssh server that this boot made. */
export interface HostKey {
  /** Of the private key; the public one lies beside it. */
  readonly path: string;
  /** `ssh-ed25519` */
  readonly type: string;
  readonly comment: string;
}

/** What is to be made anew, as it was found when the machine was kept. */
export interface Identity {
  /** systemd's word for its boot: `running`, `degraded`, `starting`. */
  readonly state: string;
  readonly keys: readonly HostKey[];
  /** Services that run and hold something of it. */
  readonly services: readonly string[];
  readonly timers: readonly string[];
  /** Files that this boot made: `/etc/machine-id`, `/var/lib/systemd/random-seed`. */
  readonly made: readonly string[];
  /** Where something of another machine is mounted. */
  readonly mounts: readonly string[];
  /** Texts in those files that no two machines have alike: a public key, a machine's id. */
  readonly marks: readonly Mark[];
}

/** A text that tells one machine from every other, where it was drawn. */
export interface Mark {
  readonly path: string;
  readonly text: string;
}

const machineIds = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/run/machine-id"];
const randomSeed = "/var/lib/systemd/random-seed";
const services = ["systemd-journald.service", "systemd-networkd.service", "ssh.service", "sshd.service"];

/**
 * What this boot made: files that have changed since the kernel started. A clock that was set a little meanwhile makes no difference:
 * no image is that young.
 */
export const identity: Probe<string, Identity> = {
  name: "identity",
  script: () =>
    [
      "while IFS=' ' read -r key value; do [ \"$key\" != btime ] || since=$((value - 5)); done </proc/stat",
      `for f in ${[...machineIds, randomSeed].join(" ")} /etc/ssh/ssh_host_*_key; do`,
      '  [ -f "$f" ] && [ ! -L "$f" ] && [ "$(stat -c %Z "$f")" -ge "$since" ] || continue',
      "  case $f in",
      '  *_key) IFS=" " read -r type key comment <"$f.pub" && echo "key $f $type $comment" && echo "mark $f $key" ;;',
      '  *-id) echo "made $f"; IFS= read -r id <"$f"; echo "mark $f $id" ;;',
      '  *) echo "made $f" ;;',
      "  esac",
      "done",
      "while IFS=' ' read -r device path type rest; do",
      '  case $type in nfs|nfs4|cifs|smb3|ceph|afs|glusterfs|fuse.sshfs) echo "mount $path" ;; esac',
      "done </proc/mounts",
      'echo "state $(systemctl is-system-running)"',
      `systemctl list-units --plain --no-legend --no-pager --state=active ${services.join(" ")} '*.timer' |`,
      '  while IFS=" " read -r unit rest; do echo "unit $unit"; done',
    ].join("\n"),
  parse: ({ stdout }) => [readIdentity(stdout.toString())],
};

/** Of the probe's lines. */
export function readIdentity(text: string): Identity {
  const lines = text.split("\n").map((line) => line.split(" "));
  const rest = (word: string) => lines.filter(([first]) => first === word).map((words) => words.slice(1));
  const units = rest("unit").map(([unit = ""]) => unit);
  return {
    state: rest("state")[0]?.[0] ?? "unknown",
    keys: rest("key").map(([path = "", type = "", ...comment]) => ({ path, type, comment: comment.join(" ") })),
    services: units.filter((unit) => unit.endsWith(".service")),
    timers: units.filter((unit) => unit.endsWith(".timer")),
    made: rest("made").map(([path = ""]) => path),
    mounts: rest("mount").map(([path = ""]) => path),
    marks: rest("mark").map(([path = "", text = ""]) => ({ path, text })),
  };
}

/**
 * The first of those texts that lies in the image: this boot did not draw it but copied it from there, so that every machine made of the
 * image has it, which nobody would see any more if the machine were given another. Reads the whole file; where the image is compressed,
 * or makes the text of something else, it is not found.
 */
export async function broughtByImage(marks: readonly Mark[], image: string): Promise<Mark | undefined> {
  // Shorter ones may be anywhere.
  const sought = marks.filter(({ text }) => text.length >= 32);
  const overlap = Math.max(0, ...sought.map(({ text }) => text.length - 1));
  if (sought.length === 0) return undefined;
  let last = Buffer.alloc(0);
  for await (const chunk of createReadStream(image, { highWaterMark: 4 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([last, chunk]);
    const found = sought.find(({ text }) => bytes.includes(text));
    if (found !== undefined) return found;
    last = bytes.subarray(Math.max(0, bytes.length - overlap));
  }
  return undefined;
}

/** Why a machine with this identity cannot be kept: its boot is not over, it holds another's files, or nobody here can make what it would need. */
export function notToBeKept({ state, keys, mounts }: Identity): string | undefined {
  if (mounts.length > 0) return `it has mounted what another machine has, at ${mounts.join(", ")}`;
  if (state !== "running" && state !== "degraded") return `its boot is not over (systemd says "${state}")`;
  const strange = keys.find(({ type }) => keyTypes.get(type) === undefined);
  return strange === undefined ? undefined : `nobody here can make a host key of type ${strange.type}`;
}

const keyTypes = new Map<string, { readonly type: "ed25519" | "rsa" | "ecdsa"; readonly bits?: number }>([
  ["ssh-ed25519", { type: "ed25519" }],
  ["ssh-rsa", { type: "rsa", bits: 3072 }],
  ["ecdsa-sha2-nistp256", { type: "ecdsa", bits: 256 }],
  ["ecdsa-sha2-nistp384", { type: "ecdsa", bits: 384 }],
  ["ecdsa-sha2-nistp521", { type: "ecdsa", bits: 521 }],
]);

export interface NewIdentity {
  /** `[old, new]` of each card, in the order of the declaration. */
  readonly cards: readonly (readonly [string, string])[];
  /** Of the harness's own daemon, where the guest is reached by ssh. */
  readonly ssh: SshAccess | undefined;
}

/**
 * Shell text that makes a guest another machine, and rejects by its exit status: 81 id, 82 keys, 83 cards, 84 services. The clock
 * is right already, and the random pool fed; its cards are unplugged meanwhile. Keys are made here, where it takes no emulated processor.
 */
export async function identityScript(kept: Identity, { cards, ssh }: NewIdentity): Promise<string> {
  const keys = await Promise.all(
    kept.keys.map(async ({ path, type, comment }) => {
      const pair = await makeKeyPair(`host key ${path}`, { comment, ...keyTypes.get(type) });
      // Written into the files that are there: owner, mode and label stay.
      return [write(path, pair.privateKey.reveal()), write(`${path}.pub`, pair.publicKey.trim())];
    }),
  );
  const ids = kept.made.filter((path) => machineIds.includes(path));
  return [
    ...(ids.length === 0 ? [] : machineIdLines(ids)),
    ...(kept.made.includes(randomSeed) ? [`head -c 512 /dev/urandom >${randomSeed}`] : []),
    ...keys.flat(),
    ...cards.flatMap(([old, now]) => cardLines(old, now)),
    ...(ssh === undefined ? [] : daemonLines(ssh)),
    // A timer that has missed its hour while nobody was there would start at once: a first boot has none of that.
    ...(kept.timers.length === 0 ? [] : ["rm -f /var/lib/systemd/timers/stamp-*"]),
    // The journal turns the kernel's audit off when it starts; at a boot auditd comes later and turns it on again.
    "audit=$(auditctl -s 2>/dev/null | sed -n 's/^enabled //p')",
    kept.services.length === 0 ? ":" : `systemctl restart ${words(kept.services)} || exit 84`,
    '[ "$audit" != 1 ] || auditctl -e 1 >/dev/null || exit 84',
    kept.timers.length === 0 ? ":" : `systemctl start ${words(kept.timers)} || exit 84`,
  ].join("\n");
}

/** Before the clock is set: what would be due at once when it is. */
export function restTimers({ timers }: Identity): string {
  return timers.length === 0 ? ":" : `systemctl stop ${words(timers)}`;
}

/** What a status of the script means. */
export const stepFailed = new Map([
  [81, "the machine id could not be set"],
  [82, "host keys could not be written"],
  [83, "a network card did not come back with its own address"],
  [84, "a service did not start again"],
]);

/** The journal lies in a directory named by the id; who reads it looks for that. */
function machineIdLines(ids: readonly string[]): string[] {
  const id = randomBytes(16);
  // As systemd makes them: a random UUID, version 4.
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  const now = id.toString("hex");
  return [
    "IFS= read -r old </etc/machine-id",
    // One that is not yet on the disk lies in /run and is mounted over the file, which then cannot be written to and need not.
    ...ids.map((path) => `printf '%s\\n' ${now} >${path} || :`),
    `for f in ${ids.join(" ")}; do IFS= read -r new <$f; [ "$new" = ${now} ] || exit 81; done`,
    'for d in /var/log/journal /run/log/journal; do [ ! -d "$d/$old" ] || mv "$d/$old" "$d/$new"; done',
  ];
}

/** A card that its driver lets go of and takes again has the address that QEMU gives it now, as after a boot. */
function cardLines(old: string, now: string): string[] {
  return [
    "for d in /sys/class/net/*; do",
    '  IFS= read -r address <"$d/address" || continue',
    `  [ "$address" = ${quoteWord(old)} ] && [ -e "$d/device/driver" ] || continue`,
    '  device=$(readlink -f "$d/device"); driver=$(readlink -f "$device/driver")',
    '  echo "$(basename "$device")" >"$driver/unbind"; echo "$(basename "$device")" >"$driver/bind"',
    "  break",
    "done",
    `found=; for d in /sys/class/net/*; do IFS= read -r address <"$d/address"; [ "$address" != ${quoteWord(now)} ] || found=1; done`,
    '[ -n "$found" ] || exit 83',
  ];
}

/** Connections of the other life end with the daemon. */
function daemonLines({ hostKey, authorizedKey }: SshAccess): string[] {
  return [
    write(hostKeyPath, hostKey.reveal()),
    write(authorizedKeysPath, authorizedKey.trim()),
    `systemctl kill --kill-who=all --signal=KILL ${sshUnit}; systemctl restart ${sshUnit} || exit 84`,
  ];
}

function write(path: string, text: string): string {
  return `cat >${quoteWord(path)} <<'ASSAY_END' || exit 82\n${text.trimEnd()}\nASSAY_END`;
}

function words(units: readonly string[]): string {
  return units.map(quoteWord).join(" ");
}
