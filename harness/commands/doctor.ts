// Decides how `assay doctor` tells what this host can do. Refuses to change anything.
import { readConfig } from "../config.ts";
import { canRunContainers, examineHost } from "../host/examine.ts";
import { canRunMachines } from "../host/machines.ts";
import type { Finding } from "../model/capabilities.ts";
import { ExitCode } from "../model/errors.ts";
import { thisHost } from "./this-host.ts";

/**
 * Prints the table, or with `json` one document `{ containers, machines, findings }`, where `machines` is why there can be none,
 * or null. 0 when container specs can be run, else 3: specs that need a virtual machine are skipped where there can be none.
 */
export async function doctorCommand(options: { readonly json?: boolean }): Promise<number> {
  const config = readConfig();
  const host = thisHost(config);
  const [findings, quick] = await Promise.all([examineHost(host), canRunMachines(host)]);
  const why = quick ?? silentLibvirt(findings);
  const able = canRunContainers(findings);
  if (options.json === true)
    console.log(JSON.stringify({ containers: able, machines: why ?? null, findings }, null, 2));
  else console.log(doctorTable(findings, why, config.color).join("\n"));
  return able ? ExitCode.met : ExitCode.couldNotAsk;
}

/** A session's daemon and another machine's are only known once asked, which takes longer than a run's look at them. */
function silentLibvirt(findings: readonly Finding[]): string | undefined {
  const libvirt = findings.find(({ what }) => what === "libvirt");
  return libvirt === undefined || libvirt.can === "yes" ? undefined : `${libvirt.detail} (${libvirt.cause})`;
}

/** The findings as lines of text, each "no" with its cause and its remedy, and the verdicts at the end. `why`: no machines. */
export function doctorTable(findings: readonly Finding[], why: string | undefined, color: boolean): readonly string[] {
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const colors = { yes: 32, no: 31, unknown: 33 } as const;
  const width = Math.max(...findings.map(({ what }) => what.length));
  const indent = " ".repeat(width + 11);
  const lines = findings.flatMap(({ what, can, detail, cause, remedy, needed }) => [
    // A "no" to what is not needed is no alarm.
    `${what.padEnd(width)}  ${paint(can === "no" && !needed ? 33 : colors[can], can.padEnd(7))}  ${detail}`,
    ...(cause === undefined ? [] : [`${indent}why: ${cause}`]),
    ...(remedy === undefined ? [] : [`${indent}do:  ${remedy}`]),
  ]);
  const wanting = findings.filter(({ needed, can }) => needed && can !== "yes").map(({ what }) => what);
  const verdict = canRunContainers(findings)
    ? paint(32, "Containers can be run here.")
    : paint(31, `Containers cannot be run here yet: ${wanting.join(", ")}.`);
  const machines =
    why === undefined
      ? paint(32, "Virtual machines can be run here.")
      : paint(33, `Virtual machines cannot be run here yet, and specs that need one are skipped: ${why}.`);
  return [...lines, "", verdict, machines];
}
