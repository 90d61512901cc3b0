// Decides whether this machine's kernel enforces SELinux, and whether the engine labels its containers for it.
import { readFileSync } from "node:fs";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";

/** What was read of the machine; `undefined` where the file is not there. */
export interface SelinuxFacts {
  /** `/sys/fs/selinux/enforce`: `1` or `0`. */
  readonly enforce: string | undefined;
  /** `/proc/filesystems`, where a kernel built with SELinux that booted with it lists selinuxfs. */
  readonly filesystems: string | undefined;
  /** `SecurityOptions` of the engine's `/info`; `undefined` when it was not asked. */
  readonly engine: readonly string[] | undefined;
}

/** Reads the two files; `engine` is what the engine's `/info` said. Rejects for what cannot be read, other than absence. */
export function readSelinux(engine: readonly string[] | undefined): SelinuxFacts {
  return { enforce: read("/sys/fs/selinux/enforce"), filesystems: read("/proc/filesystems"), engine };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${file}: ${messageOf(error)}`);
  }
}

/** The line of `assay doctor` about SELinux. Specs that need it are skipped where it says no. */
export function selinuxFinding({ enforce, filesystems, engine }: SelinuxFacts): Finding {
  const about = { what: "SELinux", needed: false } as const;
  if (enforce === undefined) {
    const built = /\bselinuxfs\b/.test(filesystems ?? "");
    return {
      ...about,
      can: "no",
      detail: built ? "the kernel has it, no policy is loaded" : "the kernel runs without it",
      cause: built ? "/sys/fs/selinux is not mounted" : "not built in, or not chosen at boot",
      remedy: built
        ? "apt-get install selinux-basics selinux-policy-default, then selinux-activate and reboot"
        : "use a host or a virtual machine whose kernel has SELinux; here such checks are skipped",
    };
  }
  const mode = enforce.trim() === "1" ? "enforcing" : "permissive";
  const labels = engine?.some((option) => /\bname=selinux\b/.test(option));
  const detail = `${mode}; the engine ${labels === undefined ? "was not asked" : labels ? "labels containers" : "does not label containers"}`;
  if (mode === "permissive")
    return { ...about, can: "no", detail, cause: "the kernel only logs what it would deny", remedy: "setenforce 1" };
  if (labels === false)
    return {
      ...about,
      can: "no",
      detail,
      cause: "the engine runs without SELinux support",
      remedy: 'put {"selinux-enabled": true} into /etc/docker/daemon.json and restart the engine',
    };
  return { ...about, can: labels === true ? "yes" : "unknown", detail };
}
