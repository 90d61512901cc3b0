// Decides whether libvirt's system daemon and the QEMU that it runs as another user agree on `/dev/kvm`. Where root may open it and
// that user may not, as in a container that was given the device with the number of another machine's group, libvirt takes what
// it knows of QEMU for outdated at every call, and looks QEMU over anew, which takes seconds.
import { statSync } from "node:fs";
import type { Finding } from "../model/capabilities.ts";
import { textOf } from "./processes.ts";
import { openKvm, qemuUser, type TrialSurroundings } from "./virtualisation.ts";

const device = "/dev/kvm";

/** Owner and mode of a file. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Whether a user with these groups may read and write a file, by its mode alone. */
export function mayUse({ uid, gid, mode }: Ownership, user: number, groups: readonly number[]): boolean {
  if (user === uid) return (mode & 0o600) === 0o600;
  return groups.includes(gid) ? (mode & 0o060) === 0o060 : (mode & 0o006) === 0o006;
}

/** Numbers of the groups that have the user as a member, in the text of group(5). */
export function groupsIn(text: string, user: string): readonly number[] {
  return text.split("\n").flatMap((line) => {
    const [, , gid, members = ""] = line.split(":");
    return members.split(",").includes(user) ? [Number(gid)] : [];
  });
}

/** The device's ownership, and the group that QEMU's user would reach it by; `undefined` where all is well or nothing is there. */
export function shutOut(surroundings: TrialSurroundings): (Ownership & { readonly wanted: number }) | undefined {
  const user = qemuUser(surroundings);
  // Where not even root may open it, as a cgroup can have it, the two agree.
  if (openKvm() !== "opens") return undefined;
  const seen = statSync(device, { throwIfNoEntry: false });
  if (user === undefined || seen === undefined) return undefined;
  const groups = [user.gid, ...groupsIn(textOf("/etc/group") ?? "", "libvirt-qemu")];
  const { uid, gid, mode } = seen;
  return mayUse(seen, user.uid, groups) ? undefined : { uid, gid, mode, wanted: user.gid };
}

/** What lets QEMU's user at the device and takes it from nobody but the group it had. */
export function letIn(wanted: number): readonly [string, ...string[]] {
  return ["sh", "-c", `chgrp ${wanted} ${device} && chmod g+rw ${device}`];
}

/** The line of `assay doctor`; none where all is well. */
export function kvmDeviceFindings(surroundings: TrialSurroundings): readonly Finding[] {
  const seen = shutOut(surroundings);
  if (seen === undefined) return [];
  const { uid, gid, mode, wanted } = seen;
  return [
    {
      what: device,
      needed: false,
      can: "no",
      detail: `mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, owner ${uid}:${gid}`,
      cause:
        "root may open it and QEMU's user may not: libvirt then looks QEMU over anew at every call, which takes seconds",
      remedy: `npx assay setup --yes, or: chgrp ${wanted} ${device} && chmod g+rw ${device}`,
    },
  ];
}
