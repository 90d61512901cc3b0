// Decides which files that no package brought are no news all the same: made on every system by scripts of its packages, or by the engine
// for the container. Pure.

const noise: readonly RegExp[] = [
  // Written by the engine for each container.
  /^\/etc\/(hosts|hostname|resolv\.conf|mtab)$/,
  // Made by scripts of Debian's and Alpine's base packages.
  /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid|shells)-?$/,
  /^\/etc\/(\.pwd\.lock|environment|fstab|ld\.so\.cache|localtime|timezone|machine-id|motd|nsswitch\.conf|profile|adjtime|rmt|issue(\.net)?)$/,
  /^\/etc\/(alternatives|apk\/(keys|protected_paths\.d)|ca-certificates|dpkg|rc[0-6S]\.d|runlevels|ssl\/certs|python3(\.\d+)?)(\/|$)/,
  /^\/etc\/(apt\/sources\.list|apk\/(world|repositories|arch)|pam\.d\/(common|runuser).*|systemd\/(system|user)(\/[\w.-]+\.wants(\/.*)?)?)$/,
  /^\/etc\/(ca-certificates\.conf|default\/(locale|keyboard|useradd|networking)|inputrc|network(\/.*)?|modprobe\.d|modules(-load\.d)?)$/,
  /^\/etc\/(opt|security\/opasswd|ssh\/ssh_host_.*)$/,
  // Directories that are there before anybody puts something into them.
  /^\/usr\/local\/(bin|etc|games|include|lib|man|sbin|share|src)$/,
  /^\/usr\/local\/(share\/(man|ca-certificates|fonts|xml|sgml)|lib\/python3[\w.]*)(\/(dist-packages|declaration|dtd|entities|misc|schema|stylebase)(\/\w+)?)?$/,
  // Working files of interpreters and editors.
  /\/__pycache__(\/|$)/,
  /\.(pyc|dpkg-(old|new|dist|bak)|ucf-(old|dist)|swp)$/,
  /~$/,
];

/** @example isNoise("/etc/ld.so.cache") // true */
export function isNoise(path: string): boolean {
  return noise.some((each) => each.test(path));
}
