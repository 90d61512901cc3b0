// Decides how a process is told apart from every other, on any boot and any machine. A pid alone is no identity.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * `host boot-id pid-namespace pid start-time`, parts without spaces. Two processes never share one: a reused pid has another start
 * time (clock ticks since boot, field 22 of proc(5) stat), a rebooted machine another boot id.
 */
export function identityOf(pid: number = process.pid): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return [hostname(), boot, pidNamespace(), String(pid), startTime(pid) ?? "gone"].join(" ");
}

/**
 * Whether the process of an identity lives: `foreign` when it belongs to a machine or pid namespace that cannot be asked from
 * here. A boot id belongs to one machine, whatever its name is by now; with another boot id only the name tells whether this
 * machine was booted anew.
 */
export function liveness(identity: string): "alive" | "dead" | "foreign" {
  const [host, boot, namespace, pid, started] = identity.split(" ");
  if (boot !== readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
    return host === hostname() ? "dead" : "foreign";
  if (namespace !== pidNamespace()) return "foreign";
  return startTime(Number(pid)) === started ? "alive" : "dead";
}

function pidNamespace(): string {
  return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
}

/** Start time in clock ticks since boot; `undefined` when there is no such process, or only its zombie. */
function startTime(pid: number): string | undefined {
  try {
    // The command name is in parentheses and may itself hold spaces and parentheses: count fields after the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
