// Decides whether nodes can be cut off from each other here: whether nft is there, and this user and this kernel let it filter on bridges.
// The kernel is asked, and told to forget it again: nothing is changed.
import { spawnSync } from "node:child_process";
import type { Finding } from "../model/capabilities.ts";

const trial = `add table bridge assay-trial
add chain bridge assay-trial cut { type filter hook forward priority -400; policy accept; }
add set bridge assay-trial ports { type ifname; flags dynamic; size 16; }`;

/** What became of an nft that was to try it. */
export interface Trial {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string | null;
  /** It could not be started, or did not end in time. */
  readonly error?: Error | undefined;
}

/** Never throws; 20 ms. @example partitionFinding() // { what: "partitions", can: "yes", … } */
export function partitionFinding(): Finding {
  return judge(spawnSync("nft", ["--check", trial], { encoding: "utf8", timeout: 5_000, killSignal: "SIGKILL" }));
}

/** What a trial says of this host. */
export function judge({ status, signal, error, stderr }: Trial): Finding {
  const about = { what: "partitions", needed: false } as const;
  if (status === 0) return { ...about, can: "yes", detail: "nft filters on bridges" };
  const no = { ...about, can: "no", detail: "nodes cannot be cut off from each other" } as const;
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT")
    return { ...no, cause: "nft: not there", remedy: "npx assay setup --yes, or: apt-get install nftables" };
  const said = stderr?.trim().split("\n")[0] || (error?.message ?? `nft ended with ${signal ?? status}`);
  if (/Operation not permitted/.test(said)) return { ...no, cause: said, remedy: "run it as root" };
  if (error !== undefined || signal !== null)
    return { ...no, can: "unknown", cause: said, remedy: "see what nft list tables says" };
  return { ...no, cause: said, remedy: "use a host whose kernel has CONFIG_NF_TABLES_BRIDGE" };
}
