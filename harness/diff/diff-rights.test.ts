// Decides that known changes of rights, users, units and packages are told.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { attributed, bash, both, debians, netRaw, set, stanzas, status, text } from "../store/testing/world.ts";
import { knownChanges } from "./contract.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-diff-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

knownChanges(
  debians(() => room),
  ["setuid", "capability", "writable", "user", "group", "unit", "package", "port"],
  [
    [
      "a file that gets setuid",
      { change: set("usr/bin/tool", text("tool", 0o4755)) },
      [
        {
          topic: "setuid",
          kind: "added",
          subject: "/usr/bin/tool",
          details: [{ of: "mode", old: "0755", new: "4755" }],
        },
      ],
      ["setuid-added"],
    ],
    [
      "a setgid file that comes, in a directory that is left out else",
      { change: set("var/cache/x", text("x", 0o2755)) },
      [{ topic: "setuid", kind: "added", subject: "/var/cache/x" }],
      ["setuid-added"],
    ],
    [
      "another owner of a setuid file",
      { change: set("usr/bin/su", { ...text("su", 0o4755), uid: 1 }) },
      [
        {
          topic: "setuid",
          kind: "changed",
          details: [{ of: "owner", old: "root:root (0:0)", new: "daemon:root (1:0)" }],
        },
      ],
      [],
    ],
    [
      "capabilities of a program",
      { change: set("usr/bin/tool", attributed("tool", { "security.capability": netRaw })) },
      [
        {
          topic: "capability",
          kind: "added",
          subject: "/usr/bin/tool",
          details: [{ of: "capabilities", old: null, new: "cap_net_raw=ep" }],
        },
      ],
      ["capability-added"],
    ],
    [
      "a file that everybody may write to",
      { change: set("etc/app.conf", text("answer = 42\n", 0o666)) },
      [{ topic: "writable", kind: "added", subject: "/etc/app.conf" }],
      ["writable-added"],
    ],
    [
      "a user with a password, and a group",
      {
        change: both(
          set(
            "etc/passwd",
            text(
              "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nops:x:7:7::/:/bin/sh\n",
            ),
          ),
          set("etc/group", text("root:x:0:\ndaemon:x:1:\nadm:x:4:daemon\n")),
          set("etc/shadow", {
            content: "root:*:19675:0:99999:7:::\ndaemon::19675:0:99999:7:::\nops:$6$x:19675:0:99999:7:::\n",
            mode: 0o640,
            gid: 42,
          }),
        ),
      },
      [
        {
          topic: "user",
          kind: "changed",
          subject: "daemon",
          details: [{ of: "password", old: "locked", new: "empty: none is asked for" }],
        },
        {
          topic: "user",
          kind: "added",
          subject: "ops",
          details: [
            { of: "uid", old: null, new: "7" },
            { of: "gid", old: null, new: "7" },
            { of: "home", old: null, new: "/" },
            { of: "shell", old: null, new: "/bin/sh" },
            { of: "password", old: null, new: "set" },
          ],
        },
        { topic: "group", kind: "changed", subject: "adm", details: [{ of: "members", old: null, new: "daemon" }] },
      ],
      ["user-added", "user-changed", "group-changed"],
    ],
    [
      "a unit that is enabled, one that is not any more, one that is masked",
      {
        change: both(
          set("etc/systemd/system/sockets.target.wants/ssh.socket", {
            type: "symlink",
            linkname: "/lib/systemd/system/ssh.socket",
          }),
          (world) => world.delete("etc/systemd/system/multi-user.target.wants/cron.service"),
          set("etc/systemd/system/multi-user.target.wants", { type: "directory", mode: 0o755 }),
          set("etc/systemd/system/apt-daily.timer", { type: "symlink", linkname: "/dev/null" }),
        ),
      },
      [
        {
          topic: "unit",
          kind: "changed",
          subject: "apt-daily.timer",
          details: [{ of: "masked", old: null, new: "masked" }],
        },
        { topic: "unit", kind: "removed", subject: "cron.service" },
        {
          topic: "unit",
          kind: "added",
          subject: "ssh.socket",
          details: [{ of: "enabled", old: null, new: "sockets.target.wants" }],
        },
        {
          topic: "port",
          kind: "changed",
          subject: "22/tcp of ssh.socket",
          details: [{ of: "declared", old: "not enabled", new: "enabled" }],
        },
        { topic: "config", kind: "added", subject: "/etc/systemd/system/sockets.target.wants" },
      ],
      ["unit-enabled", "unit-disabled", "config-changed"],
    ],
    [
      "a unit's file",
      { change: set("usr/lib/systemd/system/ssh.service", text("[Service]\nExecStart=/usr/sbin/sshd -d\n")) },
      [{ topic: "unit", kind: "changed", subject: "/usr/lib/systemd/system/ssh.service" }],
      [],
    ],
    [
      "a port of a socket's unit",
      {
        change: set(
          "usr/lib/systemd/system/dns.socket",
          text("[Socket]\nListenStream=127.0.0.1:53\nListenDatagram=[::1]:53\nListenStream=/run/x.sock\n"),
        ),
      },
      [
        { topic: "unit", kind: "added" },
        { topic: "port", kind: "added", subject: "53/tcp of dns.socket" },
        { topic: "port", kind: "added", subject: "53/udp of dns.socket" },
      ],
      ["port-added"],
    ],
    [
      "a package that is newer, with its file; another file of nobody's",
      {
        change: both(
          set("var/lib/dpkg/status", status(stanzas.ping, bash("5.2.15-2+b10"))),
          set("usr/bin/bash", text("#!BASH", 0o755)),
          set("usr/bin/tool", text("TOOL", 0o755)),
        ),
      },
      [
        {
          topic: "package",
          kind: "changed",
          subject: "bash",
          details: [{ of: "version", old: "5.2.15-2+b7", new: "5.2.15-2+b10" }],
          direction: "newer",
        },
        { topic: "file", kind: "changed", subject: "/usr/bin/tool" },
      ],
      [],
    ],
    [
      "a package that is older",
      { change: set("var/lib/dpkg/status", status(stanzas.ping, bash("5.2.15-2+b6"))) },
      [{ topic: "package", kind: "changed", subject: "bash", direction: "older" }],
      ["package-older"],
    ],
    [
      "a package that is gone, and the file of it that gave a right",
      {
        change: both(
          set("var/lib/dpkg/status", status(stanzas.bash)),
          (world) => world.delete("usr/bin/ping"),
          (world) => world.delete("usr/share/doc/iputils-ping/copyright"),
          set("usr/share/doc/iputils-ping", { type: "directory", mode: 0o755 }),
        ),
      },
      [
        { topic: "capability", kind: "removed", subject: "/usr/bin/ping", package: "iputils-ping" },
        { topic: "package", kind: "removed", subject: "iputils-ping" },
      ],
      ["package-removed"],
    ],
  ],
);
