// Decides which cgroup hierarchy the machine has, from its mount table.
import { readFileSync } from "node:fs";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";

/**
 * Which hierarchy a mount table in proc(5) mountinfo format shows. `hybrid`: version 1 controllers with a version 2 tree
 * beside them; engines use version 1 there.
 */
export function cgroupsIn(mountinfo: string): "v1" | "v2" | "hybrid" | "none" {
  // After the separator " - " come the type, the source and the options.
  const types = mountinfo.split("\n").map((line) => line.split(" - ")[1]?.split(" ")[0]);
  const [v1, v2] = [types.includes("cgroup"), types.includes("cgroup2")];
  if (v1) return v2 ? "hybrid" : "v1";
  return v2 ? "v2" : "none";
}

/** The line of `assay doctor` about cgroups. */
export function cgroupFinding(mountinfo: string): Finding {
  const about = { what: "cgroups", needed: true } as const;
  switch (cgroupsIn(mountinfo)) {
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
        remedy: "mount -t cgroup2 none /sys/fs/cgroup",
      };
  }
}

/** Reads the mount table of this process. */
export function probeCgroups(): Finding {
  try {
    return cgroupFinding(readFileSync("/proc/self/mountinfo", "utf8"));
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
