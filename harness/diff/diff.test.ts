// Decides that one known change of each kind is one line of the difference, that nothing else is, and that the other way round is its mirror.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StillContents } from "../model/still.ts";
import { openStill } from "../store/still-image.ts";
import {
  attributed,
  bash,
  configuration,
  debian,
  netRaw,
  openWorld,
  stanzas,
  status,
  type World,
} from "../store/testing/world.ts";
import { diffOf } from "./diff-of.ts";
import { entryChanges } from "./entries.ts";
import { type DiffChange, type ImageDiff, imageDiffSchema } from "./image-diff.ts";
import { type DiffRule, diffRuleNames, violations } from "./violations.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-diff-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

interface Side {
  readonly change?: (world: World) => void;
  readonly config?: object;
}

async function difference(old: Side, now: Side, options: { readonly all?: boolean } = {}): Promise<ImageDiff> {
  const sides: StillContents[] = [];
  try {
    for (const { change, config } of [old, now]) {
      const world = debian();
      change?.(world);
      sides.push(await openWorld(room, world, config));
    }
    const [one, other] = sides as [StillContents, StillContents];
    const diff = await diffOf({ name: "old", contents: one }, { name: "new", contents: other }, options);
    return imageDiffSchema.parse(diff);
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

function mirrored(diff: ImageDiff): ImageDiff {
  const kinds = { added: "removed", removed: "added", changed: "changed" } as const;
  const directions = { newer: "older", older: "newer" } as const;
  const sizes = (all: ImageDiff["sizes"]["packages"]) =>
    all.map(({ name, old, new: now }) => ({ name, old: now, new: old }));
  return {
    ...diff,
    old: { ...diff.new, name: "old" },
    new: { ...diff.old, name: "new" },
    changes: diff.changes.map(({ kind, details, direction, ...rest }) => ({
      ...rest,
      kind: kinds[kind],
      details: details.map(({ of, old, new: now }) => ({ of, old: now, new: old })),
      ...(direction === undefined ? {} : { direction: directions[direction] }),
    })),
    sizes: { packages: sizes(diff.sizes.packages), directories: sizes(diff.sizes.directories) },
  };
}

const text = (content: string, mode = 0o644) => ({ content, mode });
const set = (name: string, entry: Parameters<World["set"]>[1]) => (world: World) => void world.set(name, entry);
const both =
  (...changes: readonly ((world: World) => void)[]) =>
  (world: World) => {
    for (const change of changes) change(world);
  };
const configured = (change: object) => ({
  config: {
    ...configuration,
    ...change,
    config: { ...configuration.config, ...(change as { config?: object }).config },
  },
});
const rooted = "0755 root:root (0:0)";

/** What was done, the lines that tell it, and the rules that it breaks. */
const changes: readonly (readonly [
  title: string,
  now: Side,
  lines: readonly Partial<DiffChange>[],
  rules: readonly DiffRule[],
])[] = [
  [
    "a file that gets setuid",
    { change: set("usr/bin/tool", text("tool", 0o4755)) },
    [{ topic: "setuid", kind: "added", subject: "/usr/bin/tool", details: [{ of: "mode", old: "0755", new: "4755" }] }],
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
  [
    "packages of languages",
    {
      change: both(
        set("opt/venv/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA", text("")),
        set("usr/local/lib/node_modules/@scope/tool/package.json", text('{"name":"@scope/tool","version":"1.2.3"}')),
      ),
    },
    [
      { topic: "package", kind: "added", subject: "@scope/tool (npm, /usr/local/lib/node_modules)" },
      { topic: "package", kind: "added", subject: "requests (pip, /opt/venv/lib/python3.11/site-packages)" },
      ...Array.from({ length: 13 }, () => ({ topic: "file", kind: "added" }) as const),
    ],
    ["package-added"],
  ],
  [
    "an exposed port and other metadata",
    configured({
      config: { ExposedPorts: { "80/tcp": {}, "443/tcp": {} }, Env: ["PATH=/usr/bin:/opt"], User: "7" },
      created: "2026-02-02T00:00:00Z",
      history: [{ created_by: "debootstrap" }, { created_by: "COPY . /" }],
    }),
    [
      { topic: "port", kind: "added", subject: "443/tcp of EXPOSE" },
      {
        topic: "metadata",
        kind: "changed",
        subject: "env PATH",
        details: [{ of: "value", old: "/usr/bin", new: "/usr/bin:/opt" }],
      },
      { topic: "metadata", kind: "added", subject: "history step 2" },
      { topic: "metadata", kind: "added", subject: "user", details: [{ of: "value", old: null, new: "7" }] },
    ],
    ["port-added", "metadata-changed"],
  ],
  [
    "a kernel",
    {
      change: both(
        set("boot/vmlinuz-6.1.0-57-cloud-amd64", text("kernel")),
        set("boot/initrd.img-6.1.0-56-cloud-amd64", text("INITRD")),
      ),
    },
    [
      { topic: "kernel", kind: "changed", subject: "/boot/initrd.img-6.1.0-56-cloud-amd64" },
      { topic: "kernel", kind: "added", subject: "/boot/vmlinuz-6.1.0-57-cloud-amd64" },
      {
        topic: "kernel",
        kind: "added",
        subject: "release 6.1.0-57-cloud-amd64",
        details: [{ of: "image", old: null, new: "/boot/vmlinuz-6.1.0-57-cloud-amd64" }],
      },
    ],
    ["kernel-changed"],
  ],
  [
    "what the loader boots",
    {
      change: set(
        "boot/extlinux/extlinux.conf",
        text(
          "default linux\nlabel linux\nkernel /boot/vmlinuz-6.1.0-56-cloud-amd64\ninitrd /boot/initrd.img-6.1.0-56-cloud-amd64\nappend root=LABEL=root ro single\n",
        ),
      ),
    },
    [
      { topic: "boot", kind: "changed", subject: "/boot/extlinux/extlinux.conf" },
      {
        topic: "boot",
        kind: "changed",
        subject: "default entry",
        details: [{ of: "arguments", old: "root=LABEL=root ro quiet", new: "root=LABEL=root ro single" }],
      },
    ],
    ["boot-changed"],
  ],
  [
    "contents of one size, told by digest",
    { change: set("etc/app.conf", text("answer = 43\n")) },
    [
      {
        topic: "config",
        kind: "changed",
        subject: "/etc/app.conf",
        details: [
          {
            of: "contents",
            old: "12 bytes, sha256:cee50b33ef31dae82f5b5e5ad33f7a76dbd73a2a0d62f2e45a0e0b40d9b0d79e",
            new: "12 bytes, sha256:0",
          },
        ],
      },
    ],
    ["config-changed"],
  ],
  [
    "a file that is a link now",
    { change: set("usr/bin/tool", { type: "symlink", linkname: "bash" }) },
    [
      {
        topic: "file",
        kind: "changed",
        details: [
          { of: "type", old: "file", new: "link" },
          { of: "target", old: null, new: "bash" },
        ],
      },
    ],
    [],
  ],
  [
    "mode, owner, label and another attribute of a file",
    {
      change: set("usr/bin/tool", {
        ...attributed("tool", { "security.selinux": "system_u:object_r:bin_t:s0\0", "user.origin": "x" }, 0o700),
        uid: 7,
      }),
    },
    [
      {
        topic: "file",
        kind: "changed",
        subject: "/usr/bin/tool",
        details: [
          { of: "mode", old: "0755", new: "0700" },
          { of: "owner", old: "root:root (0:0)", new: "7:root (7:0)" },
          { of: "attribute user.origin", old: null, new: "78" },
          { of: "label", old: null, new: "system_u:object_r:bin_t:s0" },
        ],
      },
    ],
    [],
  ],
  [
    "a file that comes, and one that goes",
    { change: both(set("srv/new", text("new", 0o755)), (world) => world.delete("usr/bin/tool")) },
    [
      {
        topic: "file",
        kind: "added",
        subject: "/srv",
        details: [{ of: "file", old: null, new: `directory, ${rooted}` }],
      },
      {
        topic: "file",
        kind: "added",
        subject: "/srv/new",
        details: [{ of: "file", old: null, new: `file of 3 bytes, ${rooted}` }],
      },
      { topic: "file", kind: "removed", subject: "/usr/bin/tool" },
    ],
    [],
  ],
];

describe("one known change", () => {
  test.each(changes)(
    "%s is told, and nothing else; the other way round is its mirror",
    async (_, now, lines, broken) => {
      const old = now.config === undefined ? {} : { config: configuration };
      const diff = await difference(old, now);
      expect(diff.changes).toHaveLength(lines.length);
      for (const [at, line] of lines.entries()) {
        const { details, ...rest } = line;
        expect(diff.changes[at]).toMatchObject(rest);
        if (details !== undefined && !details.some(({ of }) => of === "contents"))
          expect(diff.changes[at]?.details).toEqual(details);
      }
      expect(diff.verdict).toBe("different");
      expect(diff.unknown).toEqual([]);
      expect(await difference(now, old)).toEqual(mirrored(diff));
      const rules = diffRuleNames.filter((name) => name !== "any" && violations(diff, { [name]: true }).length > 0);
      expect(rules).toEqual(diffRuleNames.filter((name) => broken.includes(name)));
      expect(violations(diff, { any: true })).toHaveLength(diff.changes.length);
    },
  );

  test("is of a kind of its own each, so that every topic is seen", () => {
    const seen = new Set(changes.flatMap(([, , lines]) => lines.map(({ topic }) => topic)));
    expect([...seen].sort()).toEqual(
      [
        ...new Set([
          "setuid",
          "capability",
          "writable",
          "user",
          "group",
          "unit",
          "package",
          "port",
          "kernel",
          "boot",
          "metadata",
          "config",
          "file",
        ]),
      ].sort(),
    );
  });

  test.each(changes)("%s: with itself nothing differs", async (_, now) => {
    const diff = await difference(now, now);
    expect(diff).toMatchObject({ verdict: "identical", changes: [], filtered: [], unknown: [] });
    expect(diff.sizes).toEqual({ packages: [], directories: [] });
  });
});

describe("what is left out", () => {
  const noisy: Side = {
    change: both(
      set("etc/ld.so.cache", text("glibc-ld.so.cache1.2")),
      set("etc/machine-id", text("0123456789abcdef0123456789abcdef\n")),
      set("var/log/dpkg.log", text("installed")),
      set("var/cache/apt/pkgcache.bin", text("x")),
      set("usr/lib/python3/__pycache__/x.pyc", text("x")),
      set("tmp/x", text("x")),
      set("etc/passwd-", text("x")),
      set("var/lib/dpkg/status-old", text("x")),
    ),
  };

  test("is counted by its reason, and told with it where all is asked for", async () => {
    const diff = await difference({}, noisy);
    expect(diff).toMatchObject({ verdict: "different" });
    // Directories that nobody had before are news.
    expect(diff.changes.map(({ subject }) => subject)).toEqual(["/usr/lib/python3"]);
    const counts = Object.fromEntries(diff.filtered.map(({ filter, count }) => [filter, count]));
    expect(counts).toEqual({
      indexes: 1,
      "machine-id": 1,
      logs: 2,
      caches: 3,
      bytecode: 2,
      temporary: 2,
      backups: 1,
      "package-database": 1,
    });
    const all = await difference({}, noisy, { all: true });
    expect(all.filtered).toEqual([]);
    expect(all.changes.filter(({ filter }) => filter !== undefined)).toHaveLength(13);
    expect(violations(all, { any: true })).toEqual(violations(diff, { any: true }));
  });

  test("never hides an owner, a mode or a right", async () => {
    const diff = await difference(
      { change: set("var/log/x", text("x")) },
      { change: set("var/log/x", { ...text("y", 0o640), gid: 4 }) },
    );
    expect(diff.changes).toMatchObject([{ topic: "file", subject: "/var/log/x" }]);
  });

  test("files of a package are counted by package where that changed, and told where it did not", async () => {
    const files = set("usr/bin/bash", text("#!BASH", 0o755));
    const upgraded = both(files, set("var/lib/dpkg/status", status(stanzas.ping, bash("6"))));
    expect((await difference({}, { change: upgraded })).filtered).toEqual([
      { filter: "package-files", why: expect.any(String), count: 1, of: [{ name: "bash", count: 1 }] },
      { filter: "package-database", why: expect.any(String), count: 1 },
    ]);
    expect((await difference({}, { change: files })).changes).toMatchObject([
      { subject: "/usr/bin/bash", package: "bash" },
    ]);
  });
});

describe("what is not seen", () => {
  test("a directory tells no attributes: told, and rules that are about them are broken", async () => {
    const path = join(room, "rootfs");
    mkdirSync(join(path, "etc"), { recursive: true });
    writeFileSync(join(path, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
    const directory = await openStill({ still: "rootfs", path, image: undefined, at: undefined });
    const same = await diffOf({ name: "a", contents: directory }, { name: "b", contents: directory });
    expect(same).toMatchObject({ verdict: "unknown", changes: [], unknown: [{ topics: ["capability", "file"] }] });
    expect(violations(same, { "capability-added": true })).toMatchObject([
      { code: "capability-added", seen: expect.stringMatching(/could not be seen/) },
    ]);
    expect(violations(same, { "setuid-added": true, "package-removed": true })).toEqual([]);
    expect(violations(same, { any: true })).toHaveLength(1);
  });

  test("a database of rpm is there and not read; one side has no configuration", async () => {
    const diff = await difference(
      { config: configuration },
      { change: set("var/lib/rpm/rpmdb.sqlite", text("SQLite format 3")) },
    );
    expect(diff.unknown.map(({ topics }) => topics)).toEqual([["metadata", "port"], ["package"]]);
    expect(diff.changes).toEqual([]);
    expect(diff.new.packages).toBe(null);
    for (const rule of ["package-removed", "metadata-changed", "port-added"] as const)
      expect(violations(diff, { [rule]: true })).toHaveLength(1);
    expect(violations(diff, { "packages-added": 3 })).toHaveLength(1);
  });
});

test("budgets hold where they hold, and are broken by one more", async () => {
  const more = status(
    stanzas.ping,
    stanzas.bash,
    bash("1").replace("Package: bash", "Package: one"),
    bash("1").replace("Package: bash", "Package: two"),
  );
  const diff = await difference(
    {},
    { change: both(set("var/lib/dpkg/status", more), set("srv-x", text("x".repeat(1000)))) },
  );
  expect(violations(diff, { "packages-added": 2, "bytes-added": 10_000 })).toEqual([]);
  expect(violations(diff, { "packages-added": 1, "bytes-added": 1000 })).toEqual([
    { code: "packages-added", subject: "2 packages", seen: "at most 1 may be new: one, two" },
    { code: "bytes-added", subject: expect.stringMatching(/^\d+ bytes$/), seen: "at most 1000 may be more" },
  ]);
});

test("an access control list is told as getfacl writes it", () => {
  // Of `setfacl -m u:33:r-x` on a file of mode 0644.
  const access = Buffer.from(
    "0200000001000600ffffffff020005002100000004000400ffffffff10000500ffffffff20000400ffffffff",
    "hex",
  );
  const entry = (attributes: ReadonlyMap<string, Buffer>) => ({
    mode: 0o100644,
    uid: 0,
    gid: 0,
    size: 1,
    target: undefined,
    attributes,
  });
  const side = (attributes: ReadonlyMap<string, Buffer>) => ({
    paths: new Map([["/x", entry(attributes)]]),
    users: new Map(),
    groups: new Map(),
  });
  const [plain, listed] = [side(new Map()), side(new Map([["system.posix_acl_access", access]]))];
  expect(entryChanges("/x", [plain, listed], new Map(), "file")).toMatchObject([
    { kind: "changed", details: [{ of: "acl", old: null, new: "user:33:r-x,mask::r-x" }] },
  ]);
  expect(entryChanges("/x", [listed, listed], new Map(), "file")).toEqual([]);
});

test("a name that leads out of the image is refused, whatever else is there", async () => {
  await expect(difference({}, { change: set("a/../../x", text("x")) })).rejects.toMatchObject({
    code: "archive-escapes",
  });
});
