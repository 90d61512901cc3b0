import { expect, test } from "vitest";
import { cgroupFinding, cgroupsIn } from "./cgroups.ts";

const proc = "23 1 0:5 / /proc rw,relatime - proc proc rw";
const cpu = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu";
const unified = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
const second = "29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate";

test.each([
  ["v1", [proc, cpu]],
  ["v2", [proc, second]],
  ["hybrid", [proc, cpu, unified]],
  ["none", [proc]],
])("%s", (version, lines) => {
  expect(cgroupsIn(`${lines.join("\n")}\n`)).toBe(version);
});

test("a machine without any cannot run containers, and is told what to do", () => {
  expect(cgroupFinding(proc)).toMatchObject({
    can: "no",
    needed: true,
    remedy: expect.stringContaining("mount -t cgroup2"),
  });
});

test("a directory that is called cgroup is no hierarchy", () => {
  expect(cgroupsIn("31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs cgroup rw,mode=755")).toBe("none");
});

test("a hierarchy hidden under another mount does not count", () => {
  const table = `${cpu}\n${unified}\n`;
  expect(cgroupsIn(table, (mountPoint) => mountPoint === "/sys/fs/cgroup/cpu")).toBe("v1");
  expect(cgroupsIn(table, () => false)).toBe("none");
});
