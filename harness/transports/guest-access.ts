// Decides how the harness's files get into a guest without a byte written to its disk: by an archive beside the initrd, by a NoCloud
// seed, or by lines typed at a console. Texts and bytes alone; who starts the machine puts them in their places.
import { dirname } from "node:path";
import { DeclarationError } from "../model/errors.ts";
import { cpio } from "./cpio.ts";
import { earlyPath, guestFiles, type SshAccess, scriptPath } from "./guest-files.ts";

/**
 * What the kernel of an emulated guest is told.
 *
 * - On a busy host it may see no timer interrupt for longer than its self-test waits, and then panics at once ("IO-APIC + timer doesn't
 *   work"). With hardware virtualisation kernels leave that test out by themselves.
 * - QEMU's emulated time stamp counter does not go back with a snapshot: it jumps on by all the time since that was taken. By such a counter
 *   the scheduler thinks that what ran at that moment has run ever since, and lets all others run first, for as long each; that may be the
 *   shell which had just answered. The other clocks of a PC go back.
 */
export const emulatedArguments = ["no_timer_check", "tsc=unstable"];

export interface AccessOptions {
  /** A daemon of the harness's own for ssh; needs OpenSSH's in the image. */
  readonly ssh?: SshAccess | undefined;
}

export interface InitrdOptions extends AccessOptions {
  /**
   * The shell is started before the guest's own init, and stays beside it: a carrier answers its first command while it boots. It is in no
   * unit of systemd's; where the image has a policy of SELinux's the unit's domain is needed, and it waits for that.
   */
  readonly early?: boolean;
}

/** Ends each file's text in the script below; no file has such a line. */
const endOfFile = "ASSAY_END_OF_FILE";

/**
 * POSIX shell that writes the files and links the units to what wants them. Needs no other program than `mkdir`, `cat` and
 * `ln`, which the smallest of initrds have.
 */
function installText({ ssh }: AccessOptions = {}): string {
  const { files, wanted } = guestFiles(ssh);
  const directories = new Set(files.map(({ path }) => dirname(path)));
  for (const target of wanted.values()) directories.add(`/run/systemd/system/${target}.wants`);
  return [
    "umask 022",
    `mkdir -p ${[...directories].join(" ")}`,
    ...files.map(({ path, content, secret }) => {
      const write = `cat >${path} <<'${endOfFile}'\n${content}${endOfFile}`;
      return secret === true ? `(umask 077; ${write}\n)` : write;
    }),
    ...[...wanted].map(([unit, target]) => `ln -sf ../${unit} /run/systemd/system/${target}.wants/${unit}`),
    "",
  ].join("\n");
}

/**
 * In an initrd whose root is at /root and becomes /: /run, /dev, /sys and /proc are moved there last, in this order. Detached and not by `&`,
 * for the reason below.
 */
const earlyText = `if [ -x /root/usr/bin/setsid ] && [ ! -e /root/etc/selinux/config ]; then
  : >${earlyPath}
  chroot /root /usr/bin/setsid -f /bin/sh -c 'until [ -e /proc/self ]; do sleep 0.01; done
exec </dev/null >/dev/null 2>&1
while :; do /bin/sh ${scriptPath}; sleep 0.1; done'
fi
`;

/**
 * The same for a guest that runs already; starts what it wrote. Without systemd only the shell is started, detached and not by
 * `&`, which would leave it and all its commands deaf to SIGINT.
 */
export function bootstrapText(options: AccessOptions = {}): string {
  const units = [...guestFiles(options.ssh).wanted.keys()].join(" ");
  return `${installText(options)}if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
  systemctl start --no-block ${units}
else
  setsid -f /bin/sh ${scriptPath} </dev/null >/dev/null 2>&1
fi
`;
}

/**
 * The archive to append to a Debian initrd (initramfs-tools): its own scripts stay as they are, and one is called after
 * them. An initrd with an init of its own calls `/assay/install` once /run is there, before it leaves for the root.
 */
export function initrdAddition({ early = false, ...options }: InitrdOptions = {}): Buffer {
  return cpio([
    { path: "assay/install", mode: 0o755, content: `#!/bin/sh\n${installText(options)}${early ? earlyText : ""}` },
    // Read by init at its start. The list of scripts is extended, not replaced: the initrd's own are in it.
    {
      path: "conf/conf.d/assay",
      content: `[ -d /scripts/init-bottom ] || mkdir -p /scripts/init-bottom\necho '/assay/install' >>/scripts/init-bottom/ORDER\n`,
    },
  ]);
}

export interface SeedOptions extends AccessOptions {
  /** cloud-init does all of its work once for each of these: another one for each machine. */
  readonly instanceId: string;
  readonly hostname?: string | undefined;
  /** The declaration's own; its `bootcmd` comes after ours, all else is as it was given. */
  readonly userData?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The files of a NoCloud seed (volume name `cidata`): name → text. /run is empty after each boot, so the harness's files are
 * written by `bootcmd`, which runs at each, before anything else of cloud-init does.
 */
export function noCloudSeed(options: SeedOptions): ReadonlyMap<"user-data" | "meta-data", string> {
  const { instanceId, hostname, userData = {} } = options;
  const theirs = userData["bootcmd"] ?? [];
  if (!Array.isArray(theirs))
    throw new DeclarationError({
      code: "bad-seed",
      seen: "the seed's bootcmd is no list",
      hint: "write a list of commands",
    });
  // Every JSON text is a YAML text.
  const merged = { ...userData, bootcmd: [["/bin/sh", "-c", bootstrapText(options)], ...theirs] };
  const meta = { "instance-id": instanceId, ...(hostname === undefined ? {} : { "local-hostname": hostname }) };
  return new Map([
    ["user-data", `#cloud-config\n${JSON.stringify(merged, undefined, 1)}\n`],
    ["meta-data", `${JSON.stringify(meta, undefined, 1)}\n`],
  ]);
}
