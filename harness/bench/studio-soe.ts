// Decides which of the standard operating environment's assertions are made of each host that is measured: each in Assay's words, and
// as the line that a person writes for it in a shell script. Both sides have all of them.
import {
  all,
  type Check,
  clock,
  file,
  filesystem,
  fstab,
  group,
  kernel,
  module,
  type Node,
  pkg,
  port,
  sshd,
  sudo,
  sudoers,
  sysctl,
  systemd,
  unit,
  user,
} from "../index.ts";

type Asked = readonly [check: Check<Node>, line: string];

const is = (command: string, wanted: string) => `[ "$(${command})" = '${wanted}' ]`;
const stat = (path: string, format: string, wanted: string) => is(`stat -c ${format} ${path}`, wanted);
const owned = (path: string, name: string): Asked => [
  file(path).ownedBy(name, name),
  stat(path, "%U:%G", `${name}:${name}`),
];
const moded = (path: string, mode: number): Asked => [
  file(path).hasMode(mode),
  stat(path, "%a", mode.toString(8).padStart(3, "0")),
];
const account = (name: string, uid: number, member: string): Asked[] => [
  [user(name).hasUid(uid), is(`id -u ${name}`, `${uid}`)],
  [user(name).isInGroup(member), `id -nG ${name} | grep -qw ${member}`],
  [user(name).hasShell("/bin/bash"), is(`getent passwd ${name} | cut -d: -f7`, "/bin/bash")],
  [user(name).hasHome(`/home/${name}`), is(`getent passwd ${name} | cut -d: -f6`, `/home/${name}`)],
];
const installed = (name: string): Asked => [
  pkg(name).isInstalled(),
  is(`dpkg-query -W -f '\${db:Status-Status}' ${name}`, "installed"),
];
const running = (name: string): Asked[] => [
  [unit(name).isEnabled(), `systemctl -q is-enabled ${name}`],
  [unit(name).isActive(), `systemctl -q is-active ${name}`],
];
const refused = (setting: string): Asked => [
  sshd().setting(setting).is("no"),
  `/usr/sbin/sshd -T | grep -qix '${setting} no'`,
];

const hostKey = "/etc/ssh/ssh_host_ed25519_key";

const asked: readonly Asked[] = [
  [file("/root/.bashrc").isFile(), "[ -f /root/.bashrc ]"],
  owned("/root/.bashrc", "root"),
  moded("/root/.bashrc", 0o644),
  [file("/root/.bashrc").contains("[vfx-studio-soe:0.1.0@"), "grep -qF '[vfx-studio-soe:0.1.0@' /root/.bashrc"],
  [file("/etc/studio/release").isFile(), "[ -f /etc/studio/release ]"],
  [file("/etc/studio/release").contains("vfx-studio-soe 0.1.0"), is("cat /etc/studio/release", "vfx-studio-soe 0.1.0")],
  owned("/etc/studio/release", "root"),
  moded("/etc/studio/release", 0o644),
  ...account("studio", 1500, "studio"),
  [group("studio").hasGid(1500), is("getent group studio | cut -d: -f3", "1500")],
  [file("/srv/studio").isDirectory(), "[ -d /srv/studio ]"],
  owned("/srv/studio", "studio"),
  moded("/srv/studio", 0o2775),
  ...["bash", "ca-certificates", "iproute2", "iputils-ping", "procps", "python3"].map(installed),
  ...account("ops", 1600, "sudo"),
  moded("/home/ops/.ssh", 0o700),
  moded("/home/ops/.ssh/authorized_keys", 0o600),
  owned("/home/ops/.ssh/authorized_keys", "ops"),
  [sudoers("/etc/sudoers.d/ops").isValid(), "visudo -qcf /etc/sudoers.d/ops"],
  [sudo("ops").mayRun("ALL").withoutPassword(), "sudo -l -U ops | grep -q 'NOPASSWD: ALL'"],
  moded("/etc/sudoers.d/ops", 0o600),
  owned("/etc/sudoers.d/ops", "root"),
  [user("root").hasLockedPassword(), "passwd -S root | grep -q '^root L'"],
  ...["permitrootlogin", "passwordauthentication", "kbdinteractiveauthentication"].map(refused),
  [systemd().isRunning(), is("systemctl is-system-running", "running")],
  [systemd().hasNoFailedUnits(), is("systemctl --failed --plain --no-legend", "")],
  ...running("chrony.service"),
  ...running("ssh.service"),
  [port(22).isListening(), "ss -Hltn 'sport = :22' | grep -q ."],
  [clock().hasTimeZone("Etc/UTC"), is("timedatectl show -p Timezone --value", "Etc/UTC")],
  [kernel().isAtLeast("6.1"), 'printf "6.1\\n%s\\n" "$(uname -r)" | sort -CV'],
  [kernel().hasArgument("console=ttyS0"), "grep -qw console=ttyS0 /proc/cmdline"],
  [module("ext4").isAvailable(), "grep -qw ext4 /proc/filesystems"],
  [sysctl("kernel.ostype").is("Linux"), is("sysctl -n kernel.ostype", "Linux")],
  [filesystem("/").hasType("ext4"), is("findmnt -no FSTYPE /", "ext4")],
  [filesystem("/").hasFree("1g"), '[ "$(df --output=avail -k / | tail -1)" -ge 1048576 ]'],
  [fstab().isValid(), "findmnt --verify >/dev/null"],
  [file("/etc/machine-id").contains(/^[0-9a-f]{32}\n$/), "grep -Eq '^[0-9a-f]{32}$' /etc/machine-id"],
  moded(hostKey, 0o600),
  owned(hostKey, "root"),
];

/** How many things are asserted of each host. */
export const soeAssertions = asked.length;

/** All of them as one check. */
export function soeChecks(): Check<Node> {
  return all(...asked.map(([check]) => check));
}

/** All of them for `sh`, run by root: says each that is not met, and exits 1 where any is not. */
export function soeScript(): string {
  const lines = asked.map(([, line], index) => `${line} || no ${index + 1}`);
  return ["status=0", 'no() { status=1; echo "not met: $1"; }', ...lines, 'exit "$status"', ""].join("\n");
}
