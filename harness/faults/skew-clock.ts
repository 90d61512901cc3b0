// Decides how a machine's clock is made wrong and right again. Refuses containers: they have their host's clock.
import { faultsOf } from "../lifecycle/faults.ts";
import { callSite } from "../model/call-site.ts";
import { type Duration, durationMs } from "../model/duration.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import type { Fault } from "../model/fault.ts";
import type { ContainerNode, VmNode } from "../model/node.ts";

/** Ahead or behind. */
export type Skew = `${"+" | "-"}${Duration}`;

/** What keeps a clock right, by the names of its units. */
const keepers = [
  ...["chrony.service", "chronyd.service", "systemd-timesyncd.service"],
  ...["ntpsec.service", "ntp.service", "ntpd.service", "openntpd.service"],
] as const;

export interface SkewOptions {
  /**
   * What keeps the machine's time right, chrony or systemd-timesyncd say: `stopped` while the clock is wrong, and started again by `heal`;
   * `left` where it is to be seen setting the clock right. Default `stopped`.
   */
  readonly keeper?: "stopped" | "left";
}

/**
 * Puts a machine's clock ahead or behind. What keeps it right is stopped meanwhile, as it would step the clock back at once or drag it there; by
 * systemd, for this boot only, enabled as before. `heal` sets the host's time, and starts that again; so does the end of the test. The
 * hardware clock is not touched: a machine that starts again has the right time. Programs that wait for a time of day see a jump, those
 * that wait for a while do not.
 *
 * Rejects with a `DeclarationError`: `hosts-clock` (a container), `bad-duration`; and with a `ProvisionError`: `clock-not-set`.
 *
 * @example
 * await using late = await skewClock(dev, "-10m");
 * await expect(dev).not.toMeet(clock().isWithin("2s"));
 */
export async function skewClock(node: VmNode, by: Skew, { keeper = "stopped" }: SkewOptions = {}): Promise<Fault> {
  const at = callSite();
  const skewMs = skewOf(by, at);
  if ((node as VmNode | ContainerNode).kind !== "vm")
    throw new DeclarationError({
      code: "hosts-clock",
      at,
      node: node.title,
      seen: `${node.title} is no virtual machine: a container has the clock of its host, for which it would be wrong too`,
      hint: "put it on a machine, and skew that one's clock",
    });
  const faults = faultsOf(node, at);
  const root = node.as("0");
  let stopped: readonly string[] = [];
  return faults.begin({
    title: `clock of ${node.title} ${by}`,
    apply: async () => {
      stopped = keeper === "left" ? [] : await running(root);
      for (const unit of stopped) await must(root, ["systemctl", "stop", unit]);
      await set(root, skewMs);
    },
    undo: async () => {
      await set(root, 0);
      for (const unit of stopped) await must(root, ["systemctl", "start", unit]);
    },
  });
}

/** Milliseconds, negative for a clock that is behind. @example skewOf("-1.5h") // -5400000 */
export function skewOf(by: string, at?: string): number {
  const [, sign, amount = ""] = /^([+-])(.*)$/.exec(by) ?? [];
  if (sign === undefined)
    throw new DeclarationError({
      code: "bad-duration",
      at,
      seen: `"${by}" does not say ahead or behind`,
      hint: 'write + or - before it, as in "+1h"',
    });
  return (sign === "-" ? -1 : 1) * durationMs(amount, at);
}

/** Of what could keep the time, what does. Nothing does where no systemd looks after it. */
async function running(root: VmNode): Promise<readonly string[]> {
  const { stdout } = await root.exec(["systemctl", "show", "--property=Id,ActiveState", ...keepers]);
  return runningIn(stdout);
}

/** Units that are active, in what `systemctl show --property=Id,ActiveState` prints. Names of one service are told once. */
export function runningIn(shown: string): readonly string[] {
  const units = shown.split(/\n\n+/).map((block) => new Map(block.split("\n").map((line) => pair(line))));
  return [...new Set(units.filter((unit) => unit.get("ActiveState") === "active").map((unit) => unit.get("Id") ?? ""))];
}

function pair(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

/** This host's time, and so much more. The way there takes a moment: the clock is that much behind. */
async function set(root: VmNode, skewMs: number): Promise<void> {
  await must(root, ["date", "-u", "-s", `@${((Date.now() + skewMs) / 1000).toFixed(3)}`]);
}

async function must(root: VmNode, command: readonly [string, ...string[]]): Promise<void> {
  const { status, stderr } = await root.exec(command);
  if (status === 0) return;
  throw new ProvisionError({
    code: "clock-not-set",
    phase: "exec",
    node: root.title,
    seen: `${command.join(" ")} ended with ${status}: ${stderr.trim()}`,
  });
}
