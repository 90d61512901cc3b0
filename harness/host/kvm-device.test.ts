import { expect, test } from "vitest";
import { groupsIn, mayUse, shutOut } from "./kvm-device.ts";

const [root, kvm, alien, qemu] = [0, 108, 107, 64055];

test.each<[string, number, number, readonly number[], boolean]>([
  ["Debian's: the group kvm, which is QEMU's", 0o660, kvm, [kvm], true],
  ["another machine's number of that group", 0o660, alien, [kvm], false],
  ["of a second group", 0o660, alien, [kvm, alien], true],
  ["for everybody", 0o666, root, [kvm], true],
  ["for root alone", 0o600, root, [kvm], false],
  ["the group may only read", 0o640, kvm, [kvm], false],
  ["everybody but the group: the group's bits count", 0o606, kvm, [kvm], false],
])("the device: %s", (_name, mode, gid, groups, may) => {
  expect(mayUse({ uid: root, gid, mode }, qemu, groups)).toBe(may);
});

test("the owner's bits count for the owner", () => {
  expect(mayUse({ uid: qemu, gid: root, mode: 0o600 }, qemu, [])).toBe(true);
  expect(mayUse({ uid: qemu, gid: root, mode: 0o066 }, qemu, [root])).toBe(false);
});

test("groups of a user", () => {
  const text =
    "root:x:0:\nkvm:x:108:\nlibvirt-qemu:x:64055:libvirt-qemu\ndisk:x:6:backup,libvirt-qemu\nx:x:7:libvirt-qemu2\n";
  expect(groupsIn(text, "libvirt-qemu")).toEqual([64055, 6]);
  expect(groupsIn("", "libvirt-qemu")).toEqual([]);
});

test("a session's QEMU is the very user that asks: there is nobody to disagree", () => {
  expect(shutOut({ path: "", uid: 0, libvirtUri: "qemu:///session" })).toBeUndefined();
});
