// Decides whether nodes can be cut off from each other here: whether nft is there, and this user and this kernel let it filter on bridges.
// The kernel is asked, and told to forget it again: nothing is changed.
import { spawnSync } from "node:child_process";
import type { Finding } from "../model/capabilities.ts";

const trial = `add table bridge assay-trial
add chain bridge assay-trial cut { type filter hook forward priority -400; policy accept; }
add set bridge assay-trial ports { type ifname; flags dynamic; size 16; }`;

/** Never throws; 20 ms. @example partitionFinding() // { what: "partitions", can: "yes", … } */
export function partitionFinding(): Finding {
  const { status, signal, error, stderr } = spawnSync("nft", ["--check", trial], {
    encoding: "utf8",
    timeout: 5_000,
    killSignal: "SIGKILL",
  });
  const about = { what: "partitions", needed: false } as const;
  if (status === 0) return { ...about, can: "yes", detail: "nft filters on bridges" };
  const without = "nodes cannot be cut off from each other";
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT")
    return {
      ...about,
      can: "no",
      detail: without,
      cause: "nft: not there",
      remedy: "npx assay setup --yes, or: apt-get install nftables",
    };
  const said = stderr?.trim().split("\n")[0] || (error?.message ?? `nft ended with ${signal ?? status}`);
  if (/Operation not permitted/.test(said))
    return { ...about, can: "no", detail: without, cause: said, remedy: "run it as root" };
  return {
    ...about,
    can: signal === null && error === undefined ? "no" : "unknown",
    detail: without,
    cause: said,
    remedy: "use a kernel with CONFIG_NF_TABLES_BRIDGE",
  };
}
