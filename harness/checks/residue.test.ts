// Decides what is residue, on a real tree of files, and when it is told.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { residue } from "./residue.ts";
import { type ResidueKind, residueKinds, residuePaths } from "./residue-paths.ts";

/** One file a kind, and beside it what is no residue. */
const left: Readonly<Record<ResidueKind, readonly string[]>> = {
  "machine-id": ["/etc/machine-id"],
  "host-keys": ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"],
  logs: ["/var/log/apt/history.log"],
  "apt-lists": ["/var/lib/apt/lists/deb.debian.org_dists_bookworm_Release"],
  "apt-archives": ["/var/cache/apt/archives/bash_5.2_amd64.deb", "/var/cache/apt/pkgcache.bin"],
  "shell-history": ["/home/ops/.bash_history", "/root/.bash_history"],
  "ssh-identities": ["/home/ops/a b/id_rsa.pub"],
  "vault-passwords": ["/srv/ansible/.vault_pass"],
  "root-ssh": ["/root/.ssh/authorized_keys"],
  "temporary-files": ["/tmp/x", "/var/tmp/y"],
  "cloud-init": ["/var/lib/cloud/data/instance-id"],
  "random-seed": ["/var/lib/systemd/random-seed"],
  "dhcp-leases": ["/var/lib/dhcp/dhclient.eth0.leases"],
};
const fine = [
  "/etc/ssh/sshd_config",
  "/var/cache/apt/archives/lock",
  "/home/ops/.bashrc",
  "/usr/share/doc/id_rsa/README",
];
const empty = ["/var/log/wtmp", "/var/lib/apt/lists/lock", "/var/lib/dhcp/dhclient.leases"];

const node = hostNode();
let dirty: string;
let clean: string;

function make(files: readonly string[], contents: string): string {
  const tree = mkdtempSync(join(tmpdir(), "assay-residue-"));
  put(tree, files, contents);
  return tree;
}

function put(tree: string, files: readonly string[], contents: string): void {
  for (const file of files) {
    mkdirSync(dirname(tree + file), { recursive: true });
    writeFileSync(tree + file, contents);
  }
}

beforeAll(() => {
  dirty = make([...Object.values(left).flat(), ...fine], "something\n");
  put(dirty, empty, "");
  clean = make(fine, "something\n");
  put(clean, empty, "");
  put(clean, ["/etc/machine-id"], "uninitialized\n");
  mkdirSync(join(clean, "var/lib/dbus"), { recursive: true });
  symlinkSync("/etc/machine-id", join(clean, "var/lib/dbus/machine-id"));
  // A link that leads out of the tree is not followed.
  mkdirSync(join(clean, "root"));
  symlinkSync(join(dirty, "root/.ssh"), join(clean, "root/.ssh"));
});

afterAll(async () => {
  await node.close();
  for (const tree of [dirty, clean]) rmSync(tree, { recursive: true });
});

test.each(Object.entries(left))("%s are found, and nothing else of another kind", async (kind, paths) => {
  const found = await node.observe(residuePaths, { kind: kind as ResidueKind, root: dirty });
  expect(found).toEqual(paths);
  expect(await node.observe(residuePaths, { kind: kind as ResidueKind, root: clean })).toEqual([]);
});

test("every kind has an example here", () => {
  expect(Object.keys(left).sort()).toEqual([...residueKinds].sort());
});

test("a tree is clean, or it is told what is in it, kind by kind, what is accepted apart", async () => {
  const absent = residue({ in: clean }).isAbsent();
  expect(absent.title).toBe(`residue in ${clean} is absent`);
  expect(absent.judge(await absent.observe(node))).toMatchObject({ met: true, seen: "none" });
  const check = residue({
    in: `${dirty}/`,
    of: ["root-ssh", "host-keys"],
    except: ["/root/.ssh/authorized_keys"],
  }).isAbsent();
  const seen = "host-keys: /etc/ssh/ssh_host_ed25519_key, /etc/ssh/ssh_host_ed25519_key.pub";
  expect(check.judge(await check.observe(node))).toMatchObject({ met: false, seen });
  const accepted = residue({ in: dirty, of: ["host-keys"], except: [/ssh_host_/] }).isAbsent();
  expect(accepted.judge(await accepted.observe(node))).toMatchObject({ met: true });
});

describe("what find said is read", () => {
  const query = { kind: "logs", root: "/" } as const;
  const parse = (frames: Parameters<typeof framed>[0], stderr = "") =>
    residuePaths.parse({ stdout: framed(frames), stderr, status: 0 }, [query])[0];

  test("paths once each, in order", () => {
    expect(
      parse([
        ["/\0", "found"],
        ["/var/log/b\0/var/log/a\0/var/log/b\0", "done"],
      ]),
    ).toEqual(["/var/log/a", "/var/log/b"]);
  });

  test("a file that went while it was looked for is none", () => {
    expect(
      parse(
        [
          ["/\0", "found"],
          ["", "done"],
        ],
        "find: '/var/log/x': No such file or directory\n",
      ),
    ).toEqual([]);
  });

  test.each([
    [
      "probe-denied",
      [
        ["/\0", "found"],
        ["", "done"],
      ],
      "find: '/var/log/private': Permission denied\n",
    ],
    [
      "probe-failed",
      [
        ["/\0", "found"],
        ["", "done"],
      ],
      "find: '/var/log': Input/output error\n",
    ],
    [
      "probe-failed",
      [
        ["", "absent"],
        ["", "done"],
      ],
      "",
    ],
    [
      "probe-unreadable",
      [
        ["", "found"],
        ["", "done"],
      ],
      "",
    ],
    [
      "probe-unreadable",
      [
        ["/\0", "found"],
        ["nonsense\0", "done"],
      ],
      "",
    ],
  ] as const)("%s, of %j and %j", (code, frames, stderr) => {
    expect(parse(frames, stderr)).toMatchObject({ code });
  });
});

probeContract(hostNode, { probe: residuePaths, subject: { kind: "random-seed", root: "/" }, tools: ["find"] });

test("a kind that is none is refused, with what was meant", () => {
  expect(() => residue({ of: ["host-key" as "host-keys"] })).toThrow(/did you mean "host-keys"/);
  expect(() => residue({ of: [] })).toThrow(DeclarationError);
  expect(() => residue({ in: "tree" })).toThrow(DeclarationError);
});
