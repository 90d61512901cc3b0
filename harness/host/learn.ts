// Decides how setup learns what is there. On the way of every start: files and one question to the engine, no processes.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { probeCgroups } from "./cgroups.ts";
import { askEngine } from "./engine.ts";
import type { Surroundings } from "./examine.ts";
import type { SetupFacts } from "./plan.ts";
import { findTool, missingTools } from "./tools.ts";

/** What `planSetup` decides by. Takes about 5 ms where an engine answers. Never rejects. */
export async function learnSetup({ path, dockerHost, uid }: Surroundings): Promise<SetupFacts> {
  const engine = await askEngine(dockerHost);
  return {
    uid,
    engine,
    dockerHost,
    dockerd: findTool("dockerd", path),
    // Only a silent engine's process is of interest, and looking through /proc takes a while.
    dockerdPid: engine.state === "absent" ? livingDockerd() : undefined,
    // sd_booted(3) says that this is how to know.
    systemd: existsSync("/run/systemd/system"),
    aptGet: findTool("apt-get", path) !== undefined,
    missing: missingTools(path),
    cgroups: probeCgroups().can !== "no",
    appArmorParserMissing: confined() && findTool("apparmor_parser", path) === undefined,
  };
}

/** Pid of a process called dockerd that is in this mount namespace's `/proc`. */
export function livingDockerd(): number | undefined {
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && textOf(`/proc/${name}/comm`) === "dockerd\n");
  return pid === undefined ? undefined : Number(pid);
}

function confined(): boolean {
  return textOf("/sys/module/apparmor/parameters/enabled") === "Y\n";
}

/** `undefined` for a file that is not there or went away meanwhile. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
