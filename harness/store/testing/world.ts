// Two small images for tests: files as a Debian has them, recorded from one, and what is done to them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StillContents } from "../../model/still.ts";
import { imageOf, openFile } from "../still-image.ts";
import { type Entry, tar } from "./archives.ts";

/** Entries by their paths, without the first slash. */
export type World = Map<string, Omit<Entry, "name">>;

/** `getfattr -e hex -n security.capability /usr/bin/ping`: 0x0100000200200000000000000000000000000000 */
export const netRaw = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/** An entry with extended attributes. */
export const attributed = (content: string, attributes: Readonly<Record<string, string>>, mode = 0o755) => ({
  content,
  mode,
  pax: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`SCHILY.xattr.${name}`, value])),
});

const ping = `Package: iputils-ping
Status: install ok installed
Priority: important
Section: net
Installed-Size: 121
Maintainer: Noah Meyerhans <noahm@debian.org>
Architecture: amd64
Multi-Arch: foreign
Source: iputils
Version: 3:20221126-1+deb12u1
Provides: ping
Depends: libcap2-bin, libc6 (>= 2.34), libcap2 (>= 1:2.10), libidn2-0 (>= 0.6)
Description: Tools to test the reachability of network hosts
 The ping command sends ICMP ECHO_REQUEST packets to a host in order to
 test if the host is reachable via the network.
Homepage: https://github.com/iputils/iputils/
`;
export const bash = (version: string) => `Package: bash
Essential: yes
Status: install ok installed
Priority: required
Section: shells
Installed-Size: 7164
Architecture: amd64
Multi-Arch: foreign
Version: ${version}
`;
/** Of a list of stanzas. */
export const status = (...stanzas: readonly string[]) => ({ content: `${stanzas.join("\n")}\n` });
export const stanzas = { ping, bash: bash("5.2.15-2+b7") };

export function debian(): World {
  const directory = { type: "directory", mode: 0o755 } as const;
  return new Map<string, Omit<Entry, "name">>([
    ["./", directory],
    ["etc", directory],
    ["usr", directory],
    ["usr/bin", directory],
    ["bin", { type: "symlink", linkname: "usr/bin" }],
    ["lib", { type: "symlink", linkname: "usr/lib" }],
    ["usr/lib", directory],
    ["usr/lib/os-release", text('ID=debian\nVERSION_ID="12"\n')],
    ["etc/passwd", text("root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n")],
    ["etc/group", text("root:x:0:\ndaemon:x:1:\nadm:x:4:\n")],
    ["etc/shadow", { content: "root:*:19675:0:99999:7:::\ndaemon:*:19675:0:99999:7:::\n", mode: 0o640, gid: 42 }],
    ["etc/app.conf", text("answer = 42\n")],
    ["etc/ld.so.cache", text("glibc-ld.so.cache1.1")],
    ["etc/machine-id", text("")],
    ["usr/bin/bash", { content: "#!bash", mode: 0o755 }],
    ["usr/bin/ping", attributed("ping", { "security.capability": netRaw })],
    ["usr/bin/su", { content: "su", mode: 0o4755 }],
    ["usr/bin/tool", { content: "tool", mode: 0o755 }],
    ["usr/share/doc/iputils-ping/copyright", text("BSD")],
    ["var/lib/dpkg/status", status(stanzas.ping, stanzas.bash)],
    ["var/lib/dpkg/info/bash.list", text("/.\n/bin\n/bin/bash\n")],
    [
      "var/lib/dpkg/info/iputils-ping.list",
      text("/.\n/bin\n/bin/ping\n/usr\n/usr/share\n/usr/share/doc/iputils-ping/copyright\n"),
    ],
    [
      "usr/lib/systemd/system/ssh.socket",
      text(
        "[Unit]\nDescription=OpenBSD Secure Shell server socket\nBefore=sockets.target\n\n[Socket]\nListenStream=22\nAccept=no\n\n[Install]\nWantedBy=sockets.target\n",
      ),
    ],
    ["usr/lib/systemd/system/ssh.service", text("[Service]\nExecStart=/usr/sbin/sshd -D\n")],
    [
      "etc/systemd/system/multi-user.target.wants/cron.service",
      { type: "symlink", linkname: "/usr/lib/systemd/system/cron.service" },
    ],
    ["boot/vmlinuz-6.1.0-56-cloud-amd64", text("kernel")],
    ["boot/initrd.img-6.1.0-56-cloud-amd64", text("initrd")],
    ["usr/lib/modules/6.1.0-56-cloud-amd64/modules.dep", text("")],
    [
      "boot/extlinux/extlinux.conf",
      text(
        "default linux\nlabel linux\nkernel /boot/vmlinuz-6.1.0-56-cloud-amd64\ninitrd /boot/initrd.img-6.1.0-56-cloud-amd64\nappend root=LABEL=root ro quiet\n",
      ),
    ],
  ]);
}

export const configuration = {
  architecture: "amd64",
  created: "2026-01-01T00:00:00Z",
  config: { Env: ["PATH=/usr/bin"], Cmd: ["bash"], ExposedPorts: { "80/tcp": {} }, Labels: { tier: "one" } },
  history: [{ created_by: "debootstrap" }],
};

/** A file. */
export const text = (content: string, mode = 0o644) => ({ content, mode });
/** What is done to a world: an entry that comes, or that is another now. */
export const set = (name: string, entry: Omit<Entry, "name">) => (world: World) => void world.set(name, entry);
export const both =
  (...changes: readonly ((world: World) => void)[]) =>
  (world: World) => {
    for (const change of changes) change(world);
  };
/** `configuration`, with something else in it. */
export const configured = (change: object) => ({
  config: {
    ...configuration,
    ...change,
    config: { ...configuration.config, ...(change as { config?: object }).config },
  },
});

let made = 0;

/** For `diff/contract.ts`. */
export const debians = (room: () => string) => ({
  make: debian,
  open: (world: World, config?: object) => openWorld(room(), world, config),
  configuration,
});

/** One layer, opened; with the configuration, where there is one. Close it. */
export async function openWorld(room: string, world: World, config?: object): Promise<StillContents> {
  made += 1;
  const path = join(room, `${made}.tar`);
  writeFileSync(path, await tar([...world].map(([name, entry]) => ({ name, ...entry }))));
  const contents = await openFile({ still: "docker-archive", path, image: undefined, at: undefined });
  return config === undefined
    ? contents
    : { ...contents, image: imageOf(Buffer.from(JSON.stringify(config)), ["x:1"], "x.tar") };
}
