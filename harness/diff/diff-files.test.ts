// Decides that known changes of ports, metadata, kernels, boot and files are told.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { attributed, both, configured, debians, set, text } from "../store/testing/world.ts";
import { knownChanges } from "./contract.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-diff-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

const rooted = "0755 root:root (0:0)";
const sha256 = (content: string) => createHash("sha256").update(content).digest("hex");

knownChanges(
  debians(() => room),
  ["port", "metadata", "kernel", "boot", "config", "file"],
  [
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
              old: `12 bytes, sha256:${sha256("answer = 42\n")}`,
              new: `12 bytes, sha256:${sha256("answer = 43\n")}`,
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
  ],
);
