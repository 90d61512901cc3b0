// Decides which files the harness has in a guest from its start, all of them below /run, which is memory: the shell on ports, and a daemon of
// its own for ssh where that is asked for. Refuses to touch any file of the image. (A program that asks systemd comes into /dev/shm later, by
// `model/no-failed-units.ts`.)
import type { Secret } from "../model/secret.ts";
import { guestShell, portPrefix } from "./guest-shell.ts";

/** Access by ssh to a daemon of the harness's own, started from the image's program with nothing of the image's configuration. */
export interface SshAccess {
  /** The daemon's own key, in OpenSSH's format; the public part is what the host pins. */
  readonly hostKey: Secret;
  /** The one public key that is let in, as root: a line of authorized_keys. */
  readonly authorizedKey: string;
  readonly port: number;
}

/** Beside the usual one, which belongs to the image. */
export const guestSshPort = 22022;

export interface GuestFile {
  /** Absolute, below /run. */
  readonly path: string;
  readonly content: string;
  /** For root's eyes alone. */
  readonly secret?: true;
}

const directory = "/run/assay";
/** Where the script lies in a guest. */
export const scriptPath = `${directory}/guest-shell`;
/** There when the script was started before the guest's own init: no unit of it is needed then. */
export const earlyPath = `${directory}/early`;
/** Of the harness's own ssh daemon. */
export const hostKeyPath = `${directory}/ssh_host_key`;
export const authorizedKeysPath = `${directory}/authorized_keys`;
const shellUnit = "assay-guest-shell.service";
export const sshUnit = "assay-ssh.service";

/**
 * Starts the script before anything that a boot waits for. Nothing of the image's own is ordered before or after it, and
 * a shutdown ends it like any service. Under SELinux it is what an administrator's login is, not an init script, which would
 * start each program in the domain of a daemon; where the policy does not know that, systemd goes on without it.
 */
const shellUnitText = `[Unit]
Description=Assay's shell on virtio-serial ports
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0
ConditionPathExists=!${earlyPath}

[Service]
ExecStart=/bin/sh ${scriptPath}
SELinuxContext=-unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023
Restart=always
RestartSec=100ms
StandardInput=null
StandardOutput=null
StandardError=null
IgnoreSIGPIPE=no
TasksMax=infinity
TimeoutStopSec=5
`;

/** The directory that sshd insists on is shared with the image's own daemon, and stays when this one ends. */
const sshUnitText = `[Unit]
Description=Assay's ssh daemon
After=network.target

[Service]
ExecStart=/usr/sbin/sshd -D -f ${directory}/sshd_config
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
RuntimeDirectoryMode=0755
Restart=always
RestartSec=500ms
KillMode=process
`;

/**
 * For udev, which gives device nodes their labels. A program that changes its domain keeps of its streams what that domain
 * may use: everybody may use /dev/null, and so the ports, with its label. Without it such a program prints to nowhere and ends with 0.
 */
const portsRule = `SUBSYSTEM=="virtio-ports", ATTR{name}=="${portPrefix}*", SECLABEL{selinux}="system_u:object_r:null_device_t:s0"
`;

/** All files, and the units that a boot starts: unit → target that wants it. */
export function guestFiles(ssh?: SshAccess): { files: readonly GuestFile[]; wanted: ReadonlyMap<string, string> } {
  const files: GuestFile[] = [
    { path: scriptPath, content: guestShell },
    { path: `/run/systemd/system/${shellUnit}`, content: shellUnitText },
    { path: "/run/udev/rules.d/70-assay.rules", content: portsRule },
  ];
  const wanted = new Map([[shellUnit, "sysinit.target"]]);
  if (ssh !== undefined) {
    const config = [
      `Port ${ssh.port}`,
      `HostKey ${hostKeyPath}`,
      `AuthorizedKeysFile ${authorizedKeysPath}`,
      "AllowUsers root",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM yes", // without it an account without a password counts as locked
      "StrictModes no",
      "UseDNS no",
      "PrintMotd no",
      "PidFile none",
    ];
    files.push(
      { path: hostKeyPath, content: ssh.hostKey.reveal(), secret: true },
      { path: authorizedKeysPath, content: `${ssh.authorizedKey.trim()}\n` },
      { path: `${directory}/sshd_config`, content: `${config.join("\n")}\n` },
      { path: `/run/systemd/system/${sshUnit}`, content: sshUnitText },
    );
    wanted.set(sshUnit, "multi-user.target");
  }
  return { files, wanted };
}
