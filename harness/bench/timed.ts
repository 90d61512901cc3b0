// Decides how a program's time is taken: by the shell that starts it, so that what the measuring process does in the meantime
// is not charged to it.
import type { Node } from "../index.ts";

/** Starts a program with its output thrown away; milliseconds from before its start to its end. Rejects unless it exits 0. */
export async function timed(
  host: Node,
  command: readonly string[],
  env: Record<string, string> = {},
  timeoutMs = 300_000,
): Promise<number> {
  const script =
    'began=$EPOCHREALTIME; "$@" >&2; status=$?; printf "%s %s\\n" "$began" "$EPOCHREALTIME"; exit "$status"';
  const said = await host.succeed(["bash", "-c", script, "bash", ...command], {
    env: { ...env, LC_ALL: "C" },
    timeoutMs,
  });
  const [began = Number.NaN, ended = Number.NaN] = said.split(" ").map(Number);
  return (ended - began) * 1000;
}
