// Decides which cgroup hierarchy the machine has, from its mount table.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";

/** What mounts the hierarchy that current engines use, where no init system did. */
export const mountCgroups = "mount -t cgroup2 cgroup2 /sys/fs/cgroup";

/**
 * Which hierarchy a mount table in proc(5) mountinfo format shows. `hybrid`: version 1 controllers with a version 2 tree
 * beside them; engines use version 1 there. A mount point that is not `reachable` lies hidden under another mount.
 */
export function cgroupsIn(
  mountinfo: string,
  reachable: (mountPoint: string) => boolean = () => true,
): "v1" | "v2" | "hybrid" | "none" {
  const types = mountinfo.split("\n").map((line) => {
    // Id, parent, device, root, mount point, options; after the separator the type, the source and its options.
    const [before = "", after = ""] = line.split(" - ");
    return reachable(before.split(" ")[4] ?? "") ? after.split(" ")[0] : undefined;
  });
  const [v1, v2] = [types.includes("cgroup"), types.includes("cgroup2")];
  if (v1) return v2 ? "hybrid" : "v1";
  return v2 ? "v2" : "none";
}

/** The line of `assay doctor` about cgroups. */
export function cgroupFinding(mountinfo: string, reachable?: (mountPoint: string) => boolean): Finding {
  const about = { what: "cgroups", needed: true } as const;
  switch (cgroupsIn(mountinfo, reachable)) {
    case "v2":
      return { ...about, can: "yes", detail: "version 2" };
    case "v1":
      return { ...about, can: "yes", detail: "version 1" };
    case "hybrid":
      return { ...about, can: "yes", detail: "version 1, with an empty version 2 tree beside it" };
    case "none":
      return {
        ...about,
        can: "no",
        detail: "none mounted",
        cause: "no init system mounted them, and an engine cannot start containers without",
        remedy: mountCgroups,
      };
  }
}

const reachable = (mountPoint: string) => existsSync(join(mountPoint, "cgroup.procs"));

/** Which hierarchy this process sees; `none` too where nobody can say. */
export function cgroupsHere(): ReturnType<typeof cgroupsIn> {
  try {
    return cgroupsIn(readFileSync("/proc/self/mountinfo", "utf8"), reachable);
  } catch {
    return "none";
  }
}

/** Reads the mount table of this process. */
export function probeCgroups(): Finding {
  try {
    return cgroupFinding(readFileSync("/proc/self/mountinfo", "utf8"), reachable);
  } catch (error) {
    return {
      what: "cgroups",
      needed: true,
      can: "unknown",
      detail: messageOf(error),
      cause: "/proc/self/mountinfo could not be read",
    };
  }
}
