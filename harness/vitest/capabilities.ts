// Decides whether this host can do what an environment requires; a "no" is a reason to skip, told in words.
import { readSelinux, selinuxFinding } from "../host/selinux.ts";
import { userFinding } from "../host/user.ts";
import type { Finding } from "../model/capabilities.ts";
import type { Capability, Environment } from "../model/environment.ts";

const probes: Record<Capability, () => Finding> = {
  root: () => userFinding(process.getuid?.() ?? -1),
  selinux: () => selinuxFinding(readSelinux(undefined)),
};

/** Why the environment cannot be stood up on this host; `undefined` when it can, as far as is known. */
export function missingCapability({ name, requires }: Environment): string | undefined {
  for (const capability of requires) {
    const { can, detail, cause } = probes[capability]();
    if (can === "no") return `${name} requires ${capability}: ${detail}${cause === undefined ? "" : ` (${cause})`}`;
  }
  return undefined;
}
