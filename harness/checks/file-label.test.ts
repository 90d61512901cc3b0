// Decides that labels are read, and that no SELinux is told apart from no label.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { fileLabel, labelMatches } from "./file-label.ts";

const subjects = ["/t/a", "/t/missing", "/t/b", "/t/c"];
// stat's part recorded from files with the attribute `security.selinux`, and one without.
const recorded = {
  status: 1,
  stdout: Buffer.from(
    "yes\0/t/a\0system_u:object_r:etc_t:s0\0/t/b\0system_u:object_r:container_file_t:s0:c1,c2\0/t/c\0?\0",
  ),
  stderr:
    "stat: cannot statx '/t/missing': No such file or directory\nstat: failed to get security context of '/t/c': No data available\n",
};

describe("labels that stat printed are read", () => {
  test("each file's own, none, or no file", () => {
    expect(fileLabel.parse(recorded, subjects)).toEqual([
      { selinux: true, label: "system_u:object_r:etc_t:s0" },
      undefined,
      { selinux: true, label: "system_u:object_r:container_file_t:s0:c1,c2" },
      { selinux: true, label: "none" },
    ]);
  });

  test("a kernel without SELinux is an answer for all files", () => {
    const output = { status: 0, stdout: Buffer.from("no\0"), stderr: "" };
    expect(fileLabel.parse(output, ["/a", "/b"])).toEqual([{ selinux: false }, { selinux: false }]);
  });

  test("a label that may not be read, and a kernel that may not be asked, are errors", () => {
    const stderr = recorded.stderr.replace("No data available", "Permission denied");
    expect(fileLabel.parse({ ...recorded, stderr }, subjects)[3]).toBeInstanceOf(ObservationError);
    const unknown = { status: 77, stdout: Buffer.alloc(0), stderr: "/proc/filesystems cannot be read\n" };
    expect(() => fileLabel.parse(unknown, subjects)).toThrow(/cannot tell whether the kernel has SELinux/);
    expect(() => fileLabel.parse({ ...recorded, stderr: "" }, subjects)).toThrow(ObservationError);
    expect(() => fileLabel.parse({ ...recorded, status: 127 }, subjects)).toThrow(/stat is not there/);
  });
});

test.each([
  ["etc_t", "system_u:object_r:etc_t:s0", true],
  ["etc", "system_u:object_r:etc_t:s0", false],
  ["system_u:object_r:etc_t", "system_u:object_r:etc_t:s0", true],
  ["system_u:object_r:etc_t:s0", "system_u:object_r:etc_t:s0", true],
  ["system_u:object_r:etc_t:s0", "system_u:object_r:etc_t:s0:c1,c2", false],
  ["etc_t", "none", false],
])("%s is %s: %s", (wanted, label, expected) => {
  expect(labelMatches(wanted, label)).toBe(expected);
});

test("without /proc/filesystems nothing is said about SELinux", async () => {
  const node = hostNode();
  // A node that hides /proc.
  const hidden = {
    ...fileLabel,
    script: (paths: readonly string[]) =>
      fileLabel.script(paths).replace("[ -r /proc/filesystems ]", "[ -r /nonexistent ]"),
  };
  await expect(node.observe(hidden, "/etc/passwd")).rejects.toMatchObject({ code: "probe-failed" });
  await node.close();
});
