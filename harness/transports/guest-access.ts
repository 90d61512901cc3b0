// Decides how the guest's script gets into a guest without a byte written to its disk: as files of an archive beside the initrd, as a
// NoCloud seed, or as lines typed at a console. Texts and bytes alone; who starts the machine puts them in their places.
import { type CpioEntry, cpio } from "./cpio.ts";
import { guestShell, portPrefix } from "./guest-shell.ts";

/** Where the script lies in a guest: in memory. */
const scriptPath = "/run/assay/guest-shell";
const unitName = "assay-guest-shell.service";

/**
 * Starts the script before anything that a boot waits for. Nothing of the image's own is ordered before or after it, and
 * a shutdown ends it like any service. Under SELinux it is what an administrator's login is, not an init script, which would
 * start each program in the domain of a daemon; where the policy does not know that, systemd goes on without it.
 */
export const guestUnit = `[Unit]
Description=Assay's shell on virtio-serial ports
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

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

/**
 * For udev, which gives device nodes their labels. A program that changes its domain keeps of its streams what that domain
 * may use: everybody may use /dev/null, and so the ports, with its label. Without it such a program prints to nowhere and ends with 0.
 */
export const portsRule = `SUBSYSTEM=="virtio-ports", ATTR{name}=="${portPrefix}*", SECLABEL{selinux}="system_u:object_r:null_device_t:s0"
`;

/** Writes the files of the guest's shell below /run, and the link by which systemd starts it. Needs `mkdir`, `cat` and `ln`. */
const install = `#!/bin/sh
mkdir -p /run/assay /run/udev/rules.d /run/systemd/system/sysinit.target.wants
cat /assay/ports.rules >/run/udev/rules.d/70-assay.rules
cat /assay/guest-shell >${scriptPath}
cat /assay/${unitName} >/run/systemd/system/${unitName}
ln -s ../${unitName} /run/systemd/system/sysinit.target.wants/${unitName}
`;

/**
 * The archive to append to a Debian initrd (initramfs-tools): its own scripts stay as they are, and one is called after
 * them. An initrd with an init of its own calls \`/assay/install\` once /run is there, before it leaves for the root.
 */
export function initrdAddition(): Buffer {
  const files: CpioEntry[] = [
    { path: "assay/guest-shell", mode: 0o755, content: guestShell },
    { path: `assay/${unitName}`, content: guestUnit },
    { path: "assay/ports.rules", content: portsRule },
    { path: "assay/install", mode: 0o755, content: install },
    // Read by init at its start. The list of scripts is extended, not replaced: the initrd's own are in it.
    {
      path: "conf/conf.d/assay",
      content: `[ -d /scripts/init-bottom ] || mkdir -p /scripts/init-bottom\necho '/assay/install' >>/scripts/init-bottom/ORDER\n`,
    },
  ];
  return cpio(files);
}
