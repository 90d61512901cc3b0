// Decides how nodes are cut off from each other on this machine's bridges, and how cuts are found again and removed: by nft, in one table
// of ours for each. Touches nobody else's tables; leaves every other frame alone.
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { FoundResource, Owner, Remover, ResourceRef } from "./driver.ts";
import { nameless } from "./nameless-file.ts";
import { label, ownerOf } from "./names.ts";
import { type Cut, cutTable, family, type NftObject, tablesIn } from "./partition-rules.ts";

/** Also a label, as libvirt's things have it: the kernel keeps no date. */
const createdLabel = "dev.assay.created";
/** What `resourceName` of names.ts begins with. */
const ours = /^assay-/;
const answerMs = 20_000;
/** Codes of what keeps everybody here from cutting anything. */
const cannot = ["no-nft", "not-root", "no-netfilter"];

/** Cuts between nodes. One instance serves a process; it holds nothing open. All methods may be called concurrently. */
export class Partitions implements Remover {
  static readonly kind = "nftables";
  readonly kind = Partitions.kind;

  /** Rejects with `no-nft` where there is no nft. */
  async probe(): Promise<Readonly<Record<string, string>>> {
    const said = await nft(["--version"]);
    return { nftables: /v(\S+)/.exec(said)?.[1] ?? said.trim() };
  }

  /** Cuts at once, also what is connected; all of it or nothing. Rejects with `no-nft`, `not-root`, `no-netfilter`, `nft-refused`. */
  async create(cut: Cut): Promise<void> {
    const labels = { ...cut.labels, [createdLabel]: new Date().toISOString() };
    await tell(cutTable({ ...cut, labels }));
  }

  async destroy({ name }: ResourceRef): Promise<void> {
    // Added first: gone is success, and nft has no word for that before version 1.0.8.
    await tell([{ add: { table: { family, name } } }, { delete: { table: { family, name } } }]);
  }

  /** Where there is no nft, this user may not, or the kernel has no such tables, nobody can have made one. */
  async find(run?: string): Promise<readonly FoundResource[]> {
    if (process.getuid?.() !== 0) return [];
    const listing = await nft(["-j", "list", "ruleset", family]).catch((error: unknown) => {
      if (error instanceof ProvisionError && cannot.includes(error.code)) return undefined;
      throw error;
    });
    if (listing === undefined) return [];
    return [...tablesIn(listing)].flatMap(([name, labels]): FoundResource[] => {
      const owner: Owner = ownerOf(labels);
      if (!ours.test(name) || owner.run === "" || (run !== undefined && owner.run !== run)) return [];
      return [
        {
          driver: this.kind,
          kind: "partition",
          name,
          owner,
          environment: labels[label.environment] ?? "",
          createdAt: labels[createdLabel] ?? "",
        },
      ];
    });
  }

  async close(): Promise<void> {}
}

/** One transaction. */
async function tell(commands: readonly NftObject[]): Promise<void> {
  await nft(["-j", "-f", "-"], JSON.stringify({ nftables: commands }));
}

/** Standard output. What it is told comes by standard input: no shell, no word of a name is read as anything else. */
async function nft(words: readonly string[], input?: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const stdin = input === undefined ? "ignore" : nameless(input);
  const child = spawn("nft", words, { stdio: [stdin, "pipe", "pipe"], timeout: answerMs, killSignal: "SIGKILL" });
  if (typeof stdin === "number") closeSync(stdin);
  let [output, errors] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.on("error", (error) => reject((error as NodeJS.ErrnoException).code === "ENOENT" ? missing(error) : error));
  child.on("close", (status, signal) => {
    if (status === 0) resolve(output);
    else reject(refused(errors.trim() || `nft ended with ${signal ?? status}`));
  });
  return promise;
}

function missing(cause: Error): ProvisionError {
  return new ProvisionError({
    code: "no-nft",
    phase: "exec",
    seen: `nft cannot be started (${messageOf(cause)}), by which this machine's bridges are told who reaches whom`,
    hint: "assay setup --yes, or: apt-get install nftables",
    cause,
  });
}

function refused(words: string): ProvisionError {
  const denied = /Operation not permitted/.test(words);
  const unknown = /(Protocol|Operation|Address family) not supported/.test(words);
  return new ProvisionError({
    code: denied ? "not-root" : unknown ? "no-netfilter" : "nft-refused",
    phase: "exec",
    seen: `nft: ${words.split("\n").slice(0, 3).join(" ")}`,
    hint: denied ? "partitions need root" : "assay doctor says whether this kernel filters on bridges",
  });
}
